"""Simulated people on real messages: they turn the wheel, and they alone know the truth.

What the pipeline learns, it learns from what these people do. True labels stay in this package.
"""

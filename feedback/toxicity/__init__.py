"""Toxicity: how likely the words of a text insult, degrade or threaten; learned, linear, shipped as a table of numbers.

In: a text. Out: a probability. It reads words, not what follows from them: polite instructions for harm pass, and are
for the guardrails of whoever serves; and it reads English.
"""

from feedback.toxicity.model import ToxicityModel, shipped_toxicity

__all__ = ["ToxicityModel", "shipped_toxicity"]

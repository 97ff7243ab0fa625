"""Capture client of Feedwheel: what an application needs to record generations and feedback, and nothing else.

In: answers and reactions of an application. Out: CloudEvents on disk, then in Kafka. Keeps I4 (nothing personal is
written before redaction and hashing) and I7 (recording costs the application one local append).
"""

"""The closed vocabulary of signals: what a person's words and acts can say about an answer or a conversation.

Every kind of feedback that an application can report is one; the others are read from what people write and do. What
each means (direction, strength, confidence, known ambiguity) is in `feedback.taxonomy`.
"""

from typing import Final, Literal, get_args

from feedwheel_capture.vocabulary import FeedbackKind

SignalKind = Literal[
    FeedbackKind,
    "rephrase",  # the person says the same again in other words
    "clarification",  # the person asks what the answer meant
    "positive",  # thanks or praise in the person's words
    "acceptance",  # the person moves on to something else
    "repetition",  # the model gives the same answer again
    "abandonment",  # silence after an answer
    "tool_loop",  # the model calls the same tool in the same way over and over
]
SIGNAL_KINDS: Final[tuple[SignalKind, ...]] = get_args(SignalKind)

Polarity = Literal[-1, 0, 1]
"""-1: the person is dissatisfied; 1: satisfied; 0: the signal counts but points neither way."""

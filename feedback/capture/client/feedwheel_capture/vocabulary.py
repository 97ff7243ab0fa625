"""Closed vocabularies of the event contract. Each `Literal` is the type; `get_args` gives the runtime set."""

from typing import Literal

Consent = Literal["content", "signal_only", "none"]
"""What a person allows: text and signals, signals without text, or nothing stored."""

AppType = Literal["task", "support", "companion", "assistant"]
"""Decides how a signal without a direction of its own reads: a long conversation is good for a companion only."""

Role = Literal["system", "user", "assistant", "tool"]

Arm = Literal["champion", "challenger"]

ExposurePolicy = Literal["gate", "normal"]
"""`gate`: everyone drawn was asked to confirm or correct, whatever the answer was. `normal`: the usual controls."""

FinishReason = Literal["stop", "length", "content_filter", "tool_calls", "cancelled", "error"]

ResponseFormat = Literal["text", "json_object", "json_schema"]

GuardRule = Literal["size", "personal_data", "prompt_attack", "toxicity", "banned_words", "format"]

GuardAction = Literal["flagged", "masked", "blocked", "retried"]
"""`blocked`: something else was answered. `retried`: this attempt was dropped, and another one made."""

Fallback = Literal["champion", "cached", "person", "refusal"]
"""What answers instead: the other arm, an earlier answer to the same, a person of the application, or a set text."""

FeedbackKind = Literal[
    "thumbs",  # A1
    "rating",  # A2
    "solved",  # A3
    "nps",  # A3
    "stop",  # A4 generation stopped by the person
    "exit",  # A4 left while an answer was pending or just given
    "correction",  # A5
    "verification",  # A6
    "edit",  # A7
    "complaint",  # A8
    "sentiment",  # A9
    "refusal",  # A10
    "regenerate",  # A11
    "delete",  # A12
    "rename",  # A13
    "share",  # A14
    "bookmark",  # A15
    "conversation_length",  # A16
    "diversity",  # A17
    "comparison",  # A18
    "graded_choice",  # A19
    "action",  # A20
    "escalation",  # A21
    "session",  # A22
]

ComplaintCategory = Literal["wrong", "irrelevant", "toxic", "too_long", "too_short", "missing_detail", "bad"]

GradedChoice = Literal["upscale", "variation", "regenerate"]

SessionMeasure = Literal["duration_s", "days_since_last_visit"]

GateVerdict = Literal["PASS", "FAIL", "MARGINAL", "INCONCLUSIVE", "WAIVED"]

RolloutState = Literal["NODATA", "RUNNING", "PROMOTE", "ROLLBACK"]

FinalState = Literal["PROMOTE", "ROLLBACK"]

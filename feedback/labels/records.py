"""What labels are made of, and what they are."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import msgspec
from feedwheel_capture.vocabulary import ExposurePolicy
from msgspec import Struct

from schemas.examples import ExampleUse
from schemas.signals import Polarity, SignalKind

Rule = Literal[
    "gate_corrected",
    "gate_confirmed",
    "edited",
    "confirmed",
    "resolved",
    "liked",
    "disliked",
    "edit_preferred",
    "regeneration_preferred",
    "chosen",
]
Unlabelled = Literal["no_text", "no_signal", "gate_unanswered", "evaluation_person"]
"""Why an answer got no label. `evaluation_person`: those who evaluate train nothing, outside gate draws too (I5)."""

LIKING: Final[frozenset[SignalKind]] = frozenset({"thumbs", "rating"})
"""Kinds that say that an answer pleased, which is not that it is right."""


class Message(Struct, frozen=True):
    """One message of a prompt; `content` is None where consent withholds it."""

    role: str
    content: str | None


class Answer(Struct, frozen=True, kw_only=True):
    """One answer as silver/turns holds it, less what labels do not need."""

    app: str
    user_key: str | None
    user_key_id: int
    split_bucket: int
    simulated: bool
    conversation_id: str
    response_id: str
    regeneration_of: str | None = None
    turn_index: int
    turn_time: datetime
    model_version: str
    event_id: str
    prompt: list[Message] | None
    output: str | None
    exposure_policy: ExposurePolicy | None

    @property
    def readable(self) -> str | None:
        """Its text if all of what the model saw and said may be read, else None."""
        if not self.prompt or any(message.content is None for message in self.prompt):
            return None
        return self.output


class Option(Struct, frozen=True):
    """One of several answers shown side by side. `position` counts from 0, `propensity` is its chance to be there.

    `looked_at` 0..1: how likely whoever looks at any of them looks at this one.
    """

    response_id: str
    position: int
    propensity: float | None = None
    looked_at: float = 1.0


class Evidence(Struct, frozen=True, kw_only=True):
    """One signal about one answer, as silver/signals holds it; of a choice, the options and which was `chosen`."""

    signal_id: str
    response_id: str | None
    kind: SignalKind
    explicit: bool
    polarity: Polarity
    confidence: float
    signal_time: datetime
    edited_output: str | None
    event_ids: list[str]
    surface: str | None = None
    options: list[Option] | None = None
    chosen: str | None = None

    @property
    def source(self) -> str:
        """Where it was said: the surface, or the kind of what was found in words and acts."""
        return self.surface or self.kind


class Label(Struct, frozen=True, kw_only=True):
    """A proposed label. `completion` is the wanted (eval, sft), judged (kto, with `liked`) or preferred answer (dpo).

    `rejected` is what it is preferred to: of `answer` itself, or `beside` it. `weight`: how likely the label is right.
    """

    answer: Answer
    use: ExampleUse
    rule: Rule
    completion: str
    liked: bool | None = None
    rejected: str | None = None
    beside: Answer | None = None
    weight: float
    evidence: tuple[Evidence, ...]

    @property
    def only_liked(self) -> bool:
        """Whether nobody said that the wanted answer is right, only that it pleased."""
        return self.use == "sft" and self.evidence[-1].kind in LIKING

    @property
    def is_generated(self) -> bool:
        """Whether a model wrote the wanted answer, and a person only agreed."""
        return self.use == "sft" and (self.rule == "confirmed" or self.evidence[-1].edited_output is None)


class Labelled(Struct, frozen=True):
    """What became of one conversation's answers: labels that stand, labels that lost, answers without any."""

    kept: list[Label]
    outweighed: list[Label]
    unlabelled: list[tuple[Answer, Unlabelled]]


def answers_of(rows: Iterable[object]) -> list[Answer]:
    """Rows of silver/turns as answers."""
    return msgspec.convert(list(rows), list[Answer])


def evidence_of(rows: Iterable[object]) -> list[Evidence]:
    """Rows of silver/signals as evidence."""
    return msgspec.convert(list(rows), list[Evidence])

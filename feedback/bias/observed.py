"""What a bias report is computed from: everything that was shown, said, chosen and put into a data set.

In: rows that a stage has read. Out: frozen records; none holds anybody's words.
"""

from feedwheel_capture.vocabulary import Arm, ExposurePolicy
from msgspec import Struct

from schemas.examples import ExampleUse, Split
from schemas.signals import SignalKind


class Shown(Struct, frozen=True, kw_only=True):
    """One answer that somebody was shown, and what they said of it on purpose.

    `owner` is the person, or the conversation of an anonymous one. `item` names question and answer alike, None where
    consent withholds them. `liked` is the vote of the explicit signal of the highest confidence, None without any;
    `dwell_ms` is of that vote. `implicit` sums polarity * strength of the other signals.
    """

    owner: str
    model_version: str
    policy: ExposurePolicy | None
    propensity: float | None
    arm: Arm
    split: Split
    turn_index: int
    latency_ms: float
    characters: int
    item: str | None
    liked: bool | None
    dwell_ms: float | None
    implicit: float


class Rating(Struct, frozen=True, kw_only=True):
    """One rating of a `kind`, by its place 0..1 on its scale."""

    owner: str
    kind: SignalKind
    place: float


class Option(Struct, frozen=True, kw_only=True):
    """One answer shown beside others; `model_version` and `characters` are None if no such answer is known."""

    model_version: str | None
    characters: int | None
    position: int
    propensity: float | None
    chosen: bool


class Choice(Struct, frozen=True, kw_only=True):
    """One comparison, of which one option was chosen."""

    owner: str
    options: list[Option]


class Member(Struct, frozen=True, kw_only=True):
    """One example of the data set. `is_own`: whether the model wrote the answer; None if it is not to be imitated.

    `question` and `answer` name texts that are alike, `topic` the cluster of near-duplicates.
    """

    use: ExampleUse
    arm: Arm
    policy: ExposurePolicy | None
    split: Split
    question: str
    answer: str
    topic: str
    is_own: bool | None


class Observed(Struct, frozen=True, kw_only=True):
    """All of it."""

    shown: list[Shown]
    ratings: list[Rating]
    choices: list[Choice]
    members: list[Member]

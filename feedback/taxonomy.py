"""What each kind of signal means: direction, default weights, known ambiguity, uses.

One table, `TAXONOMY`; docs/signals.md is generated from it, feedwheel.toml may replace weights, and nothing else states
them. `strength` is how much of a judgement of the answer the signal is (0..1); `confidence` is how often its direction
is right (0.5 says nothing). They are judgements from the literature's ordering (explicit above implicit, edits and
confirmations above all), to be replaced by measured ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

from feedwheel_capture.events import OPTIONAL_VALUES, REQUIRED_VALUES
from feedwheel_capture.vocabulary import FeedbackKind

from schemas.signals import SignalKind

Direction = Literal[
    "negative",  # always against the answer
    "positive",  # always for it
    "neutral",  # counts, points neither way
    "rating",  # by the rating's place on its scale
    "nps",  # promoters, passives, detractors
    "edit",  # against, or for if the person sends the answer back unchanged
    "choice",  # for the chosen answer, against the others
    "grade",  # by the grade
    "action",  # by the action
    "length",  # by the type of the application
    "diversity",  # against where low
]
"""How the polarity of a signal follows from its value; `feedback.polarity` computes it."""

Use = Literal["evaluation", "development", "personalisation"]

EVALUATE: Final[tuple[Use, ...]] = ("evaluation",)
DEVELOP: Final[tuple[Use, ...]] = ("development",)
JUDGE: Final[tuple[Use, ...]] = ("evaluation", "development")
EVERY: Final[tuple[Use, ...]] = ("evaluation", "development", "personalisation")


@dataclass(frozen=True, slots=True)
class Weight:
    """How much a signal says, and how often it says so rightly."""

    strength: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind of signal. `explicit`: given on purpose. `catalogue`: its id in the catalogue of signals."""

    kind: SignalKind
    catalogue: str
    explicit: bool
    direction: Direction
    weight: Weight
    uses: tuple[Use, ...]
    ambiguity: str


def _explicit(
    kind: SignalKind, catalogue: str, direction: Direction, weight: Weight, uses: tuple[Use, ...], ambiguity: str
) -> Definition:
    return Definition(kind, catalogue, True, direction, weight, uses, ambiguity)


def _implicit(
    kind: SignalKind, catalogue: str, direction: Direction, weight: Weight, uses: tuple[Use, ...], ambiguity: str
) -> Definition:
    return Definition(kind, catalogue, False, direction, weight, uses, ambiguity)


_DEFINITIONS: Final = (
    _explicit("thumbs", "A1", "rating", Weight(0.8, 0.8), EVERY, "unhappy people vote more often"),
    _explicit("rating", "A2", "rating", Weight(0.7, 0.75), EVERY, "leniency; some read the scale upside down"),
    _explicit("solved", "A3", "rating", Weight(0.9, 0.85), JUDGE, "may judge the problem, not the answer"),
    _explicit("nps", "A3", "nps", Weight(0.4, 0.6), EVALUATE, "judges the product as a whole"),
    _implicit("stop", "A4", "negative", Weight(0.3, 0.6), JUDGE, "may have read enough"),
    _implicit("exit", "A4", "negative", Weight(0.3, 0.6), EVALUATE, "may have what was needed"),
    _explicit("correction", "A5", "negative", Weight(0.8, 0.8), EVERY, "may be a new request"),
    _implicit("verification", "A6", "negative", Weight(0.3, 0.6), DEVELOP, "may be caution, not doubt"),
    _explicit("edit", "A7", "edit", Weight(0.9, 0.9), EVERY, "may be a matter of style"),
    _explicit("complaint", "A8", "negative", Weight(0.8, 0.8), JUDGE, "may aim at the product, not the answer"),
    _implicit("sentiment", "A9", "rating", Weight(0.4, 0.65), JUDGE, "may come from the person's own situation"),
    _implicit("refusal", "A10", "negative", Weight(0.3, 0.6), JUDGE, "refusing may have been right"),
    _implicit("regenerate", "A11", "negative", Weight(0.4, 0.65), JUDGE, "may want variety"),
    _implicit("delete", "A12", "negative", Weight(0.6, 0.65), EVALUATE, "may be embarrassed or tidy"),
    _implicit("rename", "A13", "positive", Weight(0.3, 0.65), EVERY, "may only dislike the automatic title"),
    _implicit("share", "A14", "neutral", Weight(0.3, 0.55), EVALUATE, "failures are shared too"),
    _implicit("bookmark", "A15", "positive", Weight(0.5, 0.7), EVERY, "may be kept as a bad example"),
    _implicit("conversation_length", "A16", "length", Weight(0.3, 0.6), EVALUATE, "the type of application decides"),
    _implicit(
        "diversity", "A17", "diversity", Weight(0.3, 0.6), EVALUATE, "means a stuck loop only if it is also long"
    ),
    _explicit("comparison", "A18", "choice", Weight(0.7, 0.75), EVERY, "the first one shown is chosen more often"),
    _explicit("graded_choice", "A19", "grade", Weight(0.6, 0.7), EVERY, "variation may be curiosity"),
    _implicit("action", "A20", "action", Weight(0.6, 0.7), EVERY, "the first position is inflated"),
    _implicit("escalation", "A21", "negative", Weight(0.7, 0.75), JUDGE, "some tasks need a human"),
    _implicit("session", "A22", "neutral", Weight(0.2, 0.55), EVALUATE, "a north star, not a label"),
    _implicit("rephrase", "A5", "negative", Weight(0.5, 0.7), JUDGE, "may refine the request, not repeat it"),
    _implicit("clarification", "A6", "negative", Weight(0.3, 0.6), DEVELOP, "may be interest, not confusion"),
    _implicit("positive", "A9", "positive", Weight(0.5, 0.75), EVERY, "thanks may be politeness or irony"),
    _implicit("acceptance", "A20", "positive", Weight(0.2, 0.55), EVALUATE, "may have given up on the first request"),
    _implicit("repetition", "A17", "negative", Weight(0.4, 0.65), JUDGE, "the same question deserves the same answer"),
    _implicit("tool_loop", "A17", "negative", Weight(0.4, 0.7), JUDGE, "may be waiting for something to happen"),
    _implicit("abandonment", "A4", "negative", Weight(0.2, 0.55), EVALUATE, "may have what was needed"),
)
TAXONOMY: Final[dict[SignalKind, Definition]] = {definition.kind: definition for definition in _DEFINITIONS}

Weights = Mapping[SignalKind, Weight]


class Override(Protocol):
    """What feedwheel.toml says about one kind."""

    @property
    def strength(self) -> float:
        """0..1."""

    @property
    def confidence(self) -> float:
        """0.5..1."""


def weights(overrides: Mapping[SignalKind, Override]) -> Weights:
    """The weights in use: the table's, and `overrides` (the section [signals] of feedwheel.toml) where given."""
    given = {kind: Weight(override.strength, override.confidence) for kind, override in overrides.items()}
    return {kind: definition.weight for kind, definition in TAXONOMY.items()} | given


def markdown_table() -> str:
    """The taxonomy as a Markdown table, one line per kind."""
    head = (
        "| kind | catalogue | given | value | direction | strength | confidence | uses | known ambiguity |",
        "|---|---|---|---|---|---|---|---|---|",
    )
    return "\n".join((*head, *map(_markdown_line, _DEFINITIONS)))


def _values(kind: SignalKind) -> str:
    """The fields of a feedback's value, those that it may lack in brackets; a dash where nothing is sent."""
    sent: dict[str, list[str]] = {
        name: [*REQUIRED_VALUES.get(name, ()), *(f"[{field}]" for field in OPTIONAL_VALUES.get(name, ()))]
        for name in get_args(FeedbackKind)
    }
    return (", ".join(sent[kind]) or "empty") if kind in sent else "-"


def _markdown_line(definition: Definition) -> str:
    cells = (
        f"`{definition.kind}`",
        definition.catalogue,
        "explicitly" if definition.explicit else "implicitly",
        _values(definition.kind),
        definition.direction,
        str(definition.weight.strength),
        str(definition.weight.confidence),
        ", ".join(definition.uses),
        definition.ambiguity,
    )
    return f"| {' | '.join(cells)} |"

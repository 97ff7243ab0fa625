"""How much the signals of one application are worth, beside what the taxonomy states.

In: nothing, or what an application's explicit labels said (`feedback.reestimate`). Out: for each language the weights
of its signals, how likely dissatisfaction is before anything is known, and how far the model of words is believed.
"""

import hashlib
import math
from typing import Final

import msgspec

from feedback.satisfaction import BASE
from feedback.taxonomy import Weight, Weights
from schemas.languages import Language
from schemas.signals import SignalKind

_CONFIDENCE_STEP: Final = 0.02
_LOG_ODDS_STEP: Final = 0.1
"""What differs less is worth no second judgement of every conversation: 0.1 is 0.025 of a probability at most."""


class Calibration(msgspec.Struct, frozen=True):
    """`base`: log-odds of dissatisfaction before anything is known. `words`: factor of what the model of words says.

    `confidences` replace those of the taxonomy. `labels`: how many answers that people judged it rests on.
    """

    base: float = BASE
    words: float = 1.0
    confidences: dict[SignalKind, float] = {}
    labels: int = 0

    @property
    def disliked(self) -> float:
        """The share of answers that is taken to be disliked before anything is known, 0..1."""
        return 1 / (1 + math.exp(-self.base))

    def apply(self, stated: Weights) -> Weights:
        """The stated weights with the confidences of this calibration."""
        return {**stated} | {
            kind: Weight(stated[kind].strength, confidence) for kind, confidence in self.confidences.items()
        }

    def is_like(self, other: "Calibration") -> bool:
        """Whether judging by either gives much the same."""
        shared = self.confidences.keys() & other.confidences.keys()
        return (
            shared == self.confidences.keys() | other.confidences.keys()
            and abs(self.base - other.base) < _LOG_ODDS_STEP
            and abs(self.words - other.words) < _LOG_ODDS_STEP
            and all(abs(self.confidences[kind] - other.confidences[kind]) < _CONFIDENCE_STEP for kind in shared)
        )


class Calibrations(msgspec.Struct, frozen=True):
    """Those of one application: for languages with labels of their own, and `others` for the rest."""

    others: Calibration = Calibration()
    languages: dict[Language, Calibration] = {}

    def of(self, language: Language | None) -> Calibration:
        """What holds for a conversation in this language, None where it cannot be told."""
        return self.languages.get(language, self.others) if language else self.others

    def is_like(self, other: "Calibrations") -> bool:
        """Whether judging by either gives much the same in every language."""
        languages: list[Language | None] = [None, *self.languages, *other.languages]
        return all(self.of(language).is_like(other.of(language)) for language in languages)

    @property
    def version(self) -> str:
        """Names what it says, 12 hexadecimal digits; `stated` if that is nothing beyond the taxonomy."""
        if self == STATED:
            return "stated"
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:12]


STATED: Final = Calibrations()
"""Before any label: the taxonomy alone."""

"""What a conversation as a whole says beyond the mean of its answers; learned, linear, shipped as a few numbers.

In: what both sides wrote, as far as it may be read. Out: by how much it moves the log-odds of satisfaction with all of
it. Two things are read, no subject among them, so that they mean the same in every system: how far the conversation
went (people who are displeased leave, or get no answer), and whether the person's last words are thanks.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from feedwheel_capture.vocabulary import AppType

from feedback.detectors import words
from feedback.dissatisfaction.encoder import readable
from feedback.dissatisfaction.features import Exchange

FILE: Final = "whole.json"
"""Beside the weights of the model of answers."""

_BOUND: Final = 3.0
"""Log-odds, as for the words of a single answer."""
_DECIMALS: Final = 3
"""Kept, as of the words of a single answer: a score is the same on all machines (I3)."""
_THANKS: Final = words.bag("thanks thank thankyou thx tysm ty cheers appreciate appreciated grateful")

_LENGTH_COUNTS: Final[dict[AppType, float]] = {"companion": 1.0, "assistant": 0.25, "support": 0.0, "task": 0.0}
"""How far a conversation went is all for a companion, and nothing where people want to be done soon. Most conversations
with an assistant are a question and its answer: a quarter tells those that never got going from the rest about as well
as the whole (AUC .80 and .81 on 749 conversations of ConvAI2), and moves a single exchange by 0.8."""


def whole_features(said: Exchange) -> dict[str, float]:
    """Features by name of what was said; nothing where the person wrote nothing: there is no conversation to judge."""
    person = [text for role, text in said if role == "user"]
    if not person:
        return {}
    return {
        "answers": math.log1p(sum(role == "assistant" for role, _ in said)),
        "thanks last": float(not _THANKS.isdisjoint(words.read(person[-1]).words)),
    }


def counts(app_type: AppType) -> dict[str, float]:
    """How much of each feature counts, 0..1, if not all."""
    return {"answers": _LENGTH_COUNTS[app_type]}


@dataclass(frozen=True, slots=True)
class Term:
    """What one feature adds: `weight` for each standard deviation above its mean over conversations that ended."""

    mean: float
    deviation: float
    weight: float

    def of(self, value: float) -> float:
        """Log-odds."""
        return self.weight * (value - self.mean) / self.deviation


@dataclass(frozen=True, slots=True)
class WholeModel:
    """Terms by feature; none before any training. `trained_on`: conversations by corpus."""

    terms: Mapping[str, Term]
    trained_on: Mapping[str, int]

    @classmethod
    def load(cls, folder: Path) -> "WholeModel":
        """The model in a folder. Raises UsageError."""
        with readable(folder):
            about = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls({name: Term(**numbers) for name, numbers in about["terms"].items()}, about["trained_on"])

    def shift(self, said: Exchange, app_type: AppType) -> float:
        """By how much the whole moves the log-odds of satisfaction with it."""
        share = counts(app_type)
        found = whole_features(said) if self.terms else {}
        total = math.fsum(share.get(name, 1.0) * self.terms[name].of(value) for name, value in found.items())
        return round(min(max(total, -_BOUND), _BOUND), _DECIMALS)


UNTRAINED: Final = WholeModel({}, {})
"""Says nothing: the mean of the answers stands."""

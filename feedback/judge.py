"""Judging a conversation: what was found in it, and how likely its person was dissatisfied.

In: a conversation that was read. Out: its signals, a probability for each answer, and satisfaction with all of it. The
one judge of `score`, `extract` and replays; its version says by which rules something was judged.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import msgspec

from feedback.calibration import STATED, Calibrations
from feedback.detectors import all_detectors, detect
from feedback.detectors.base import Detector, label
from feedback.detectors.reading import Reading
from feedback.dissatisfaction.model import DissatisfactionModel, shipped_model
from feedback.satisfaction import p_dissatisfied, satisfaction
from feedback.signal import Signal
from feedback.taxonomy import Weights
from schemas.languages import Language


@dataclass(frozen=True, slots=True)
class Judgement:
    """Signals by time; for each answer, by response id, log-odds by the model of words, and P(dissatisfied)."""

    signals: list[Signal]
    shifts: dict[str, float]
    dissatisfied: dict[str, float]
    satisfaction: float


NOTHING_SAID: Final = Judgement([], {}, {}, satisfaction([], []))
"""Of a conversation without an answer."""


@dataclass(frozen=True)
class Judge:
    """Judges by the stated `weights`, as `calibrations` correct them, and by a model of words."""

    weights: Weights
    calibrations: Calibrations = STATED
    model: DissatisfactionModel = field(default_factory=shipped_model)

    def judge(self, read: Reading, pending: str | None = None) -> Judgement:
        """Judge a conversation; the turn of response id `pending` has no answer yet that could be judged."""
        calibration = self.calibrations.of(read.language)
        signals, shifts = detect(read, self._detectors(read.language)), self.model.shifts(read)
        about = defaultdict[str | None, list[Signal]](list)
        for signal in signals:
            about[signal.response_id].append(signal)
        dissatisfied = {
            turn.response_id: p_dissatisfied(
                about[turn.response_id], calibration.words * shifts.get(turn.response_id, 0.0), calibration.base
            )
            for turn in read.conversation.turns
            if turn.response_id != pending
        }
        satisfied = satisfaction(list(dissatisfied.values()), about[None], self.model.whole_shift(read))
        return Judgement(signals, shifts, dissatisfied, satisfied)

    @cached_property
    def version(self) -> str:
        """Names all that a judgement depends on beside the conversation: `rules/calibrations`."""
        return f"{self.rules}/{self.calibrations.version}"

    @cached_property
    def rules(self) -> str:
        """Names the detectors, their weights and the model of words, 12 hexadecimal digits."""
        detectors = [label(detector) for detector in all_detectors(self.weights)]
        rules = [detectors, self.weights, self.model.version]
        return hashlib.sha256(msgspec.json.encode(rules, order="deterministic")).hexdigest()[:12]

    @cached_property
    def _by_language(self) -> dict[Language | None, tuple[Detector, ...]]:
        languages: list[Language | None] = [None, *self.calibrations.languages]
        return {language: all_detectors(self.calibrations.of(language).apply(self.weights)) for language in languages}

    def _detectors(self, language: Language | None) -> tuple[Detector, ...]:
        return self._by_language.get(language, self._by_language[None])

"""Detectors: one small module per family of signals, all with the interface of `base.Detector`.

In: an assembled conversation. Out: its signals, in an order that depends on nothing else (I3).
"""

from collections.abc import Sequence

from feedback.conversation import Conversation
from feedback.detectors import (
    clarification,
    complaint,
    correction,
    positive,
    verification,
)
from feedback.detectors.acceptance import AcceptanceDetector
from feedback.detectors.base import Detector
from feedback.detectors.leaving import AbandonmentDetector, EarlyStopDetector
from feedback.detectors.regeneration import RegenerationDetector
from feedback.detectors.repetition import RepetitionDetector
from feedback.detectors.rephrase import RephraseDetector
from feedback.detectors.reported import ReportedDetector
from feedback.signal import Signal
from feedback.taxonomy import Weights


def all_detectors(weights: Weights) -> tuple[Detector, ...]:
    """Every detector in use, weighing by `weights`."""
    about_answers: tuple[Detector, ...] = (
        ReportedDetector(weights),
        correction.detector(weights),
        verification.detector(weights),
        complaint.detector(weights),
        positive.detector(weights),
        clarification.detector(weights),
        RephraseDetector(weights),
        RegenerationDetector(weights),
        EarlyStopDetector(weights),
    )
    return (
        *about_answers,
        AcceptanceDetector(weights, about_answers),
        RepetitionDetector(weights),
        AbandonmentDetector(weights),
    )


def detect(conversation: Conversation, detectors: Sequence[Detector]) -> list[Signal]:
    """All signals of a conversation, by time, then kind, answer and origin."""
    found = [signal for detector in detectors for signal in detector.detect(conversation)]
    return sorted(
        found,
        key=lambda signal: (signal.time, signal.kind, signal.response_id or "", signal.detector, signal.event_ids),
    )

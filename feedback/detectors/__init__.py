"""Detectors: one small module per family of signals, all with the interface of `base.Detector`.

In: an assembled conversation. Out: its signals, in an order that depends on nothing else (I3).
"""

from collections.abc import Sequence

from feedback.detectors import (
    clarification,
    complaint,
    correction,
    escalation,
    positive,
    verification,
)
from feedback.detectors.acceptance import AcceptanceDetector
from feedback.detectors.base import Detector
from feedback.detectors.leaving import AbandonmentDetector, EarlyStopDetector
from feedback.detectors.length import LengthDetector, LoopDetector
from feedback.detectors.reading import Reading
from feedback.detectors.refusal import RefusalDetector
from feedback.detectors.regeneration import RegenerationDetector
from feedback.detectors.repetition import RepetitionDetector
from feedback.detectors.rephrase import RephraseDetector
from feedback.detectors.reported import ReportedDetector
from feedback.detectors.sentiment import SentimentDetector
from feedback.detectors.tool_loop import ToolLoopDetector
from feedback.signal import Signal
from feedback.taxonomy import Weights


def all_detectors(weights: Weights) -> tuple[Detector, ...]:
    """Every detector in use, weighing by `weights`, those that look at what others found after these."""
    return (
        ReportedDetector(weights),
        correction.detector(weights),
        verification.detector(weights),
        complaint.detector(weights),
        positive.detector(weights),
        clarification.detector(weights),
        escalation.detector(weights),
        RephraseDetector(weights),
        RegenerationDetector(weights),
        EarlyStopDetector(weights),
        AcceptanceDetector(weights),
        RefusalDetector(weights),
        RepetitionDetector(weights),
        ToolLoopDetector(weights),
        SentimentDetector(weights),
        LengthDetector(weights),
        LoopDetector(weights),
        AbandonmentDetector(weights),
    )


def detect(read: Reading, detectors: Sequence[Detector]) -> list[Signal]:
    """All signals of a conversation that was read, by time, then kind, answer and origin."""
    found = list[Signal]()
    for detector in detectors:
        found += detector.detect(read, found)
    return sorted(
        found,
        key=lambda signal: (signal.time, signal.kind, signal.response_id or "", signal.detector, signal.event_ids),
    )

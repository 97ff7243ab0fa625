"""The rules: from the answers of one conversation, and what was said about them, to labels. The package lists them."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from feedback.cleanup import clean
from feedback.edits import is_same_answer
from feedback.labels.pairs import About, pairs
from feedback.labels.records import LIKING, Answer, Evidence, Label, Labelled, Rule, Unlabelled
from feedback.split import split_of
from feedback.taxonomy import TAXONOMY
from schemas.examples import ExampleUse
from schemas.signals import SignalKind

CONFIRMING: Final[frozenset[SignalKind]] = frozenset({"solved", "edit", *LIKING})
"""Explicit kinds by which a person says of one answer that it is what they wanted."""
ANSWERING_THE_GATE: Final[frozenset[SignalKind]] = frozenset({"solved", "edit"})
"""What the application asks for in a gate draw: confirm or correct."""
CORRECTING: Final[frozenset[SignalKind]] = frozenset({"correction", "complaint", "rephrase", "regenerate", "thumbs"})
"""Kinds against an answer after which people get what they wanted from a later one."""


def label_conversation(answers: Sequence[Answer], signals: Sequence[Evidence], eval_share: float) -> Labelled:
    """Label the answers of one conversation."""
    ordered = sorted(answers, key=lambda answer: answer.turn_index)
    by_answer = {answer.response_id: list[Evidence]() for answer in ordered}
    for signal in signals:
        if signal.response_id in by_answer:
            by_answer[signal.response_id].append(signal)
    about = [(answer, by_answer[answer.response_id]) for answer in ordered]
    choices = [signal for signal in signals if signal.options]
    result = Labelled([], [], [])
    for place, (answer, found) in enumerate(about):
        reason = _no_label(answer, found, eval_share)
        proposed = [] if reason else list(_proposals(place, about, choices, eval_share))
        if proposed:
            _settle(proposed, result)
        else:
            result.unlabelled.append((answer, reason or "no_signal"))
    return result


def is_asked(answer: Answer, eval_share: float) -> bool:
    """Whether this answer's person was drawn to confirm or correct it, as evidence for the gate."""
    return answer.exposure_policy == "gate" and split_of(answer.split_bucket, eval_share) == "eval"


def _no_label(answer: Answer, found: Sequence[Evidence], eval_share: float) -> Unlabelled | None:
    if answer.readable is None:
        return "no_text"
    if is_asked(answer, eval_share):
        return None if any(signal.kind in ANSWERING_THE_GATE for signal in found) else "gate_unanswered"
    return "evaluation_person" if split_of(answer.split_bucket, eval_share) == "eval" else None


def _proposals(place: int, about: About, choices: Sequence[Evidence], eval_share: float) -> Iterator[Label]:
    """Every label that a rule gives the answer at `place`."""
    answer, found = about[place]
    if is_asked(answer, eval_share):
        for signal in found:
            if signal.kind in ANSWERING_THE_GATE:
                yield from _wanted(answer, signal, "eval", "gate_corrected", "gate_confirmed")
        return
    for signal in found:
        yield from _wanted(answer, signal, "sft", "edited", "confirmed")
        yield from _judged(answer, signal)
    yield from _resolved(answer, found, about[place + 1 :])
    yield from pairs(answer, found, about, choices)


def _wanted(answer: Answer, signal: Evidence, use: ExampleUse, corrected: Rule, confirmed: Rule) -> Iterator[Label]:
    """The answer the person wanted, if this signal says so: their edit, or what was shown."""
    wanted = _settled_on(answer, signal)
    if wanted is not None:
        rule = confirmed if wanted == answer.output else corrected
        yield _label(answer, use, rule, wanted, None, (signal,))


def _precedence(label: Label) -> tuple[bool, float, datetime, str]:
    return not label.only_liked, label.weight, *_strength_of_evidence(label.evidence[-1])[1:]


def _settled_on(answer: Answer, signal: Evidence) -> str | None:
    """What one signal says the right answer is, None if it does not say."""
    if signal.kind == "edit" and signal.edited_output is not None:
        edited = clean(signal.edited_output)
        return answer.output if is_same_answer(edited, answer.output) else edited
    is_confirmation = signal.explicit and signal.kind in CONFIRMING and signal.polarity > 0
    return answer.output if is_confirmation else None


def _judged(answer: Answer, signal: Evidence) -> Iterator[Label]:
    """The answer shown, liked or not: for signals that may develop a model and point somewhere."""
    if signal.polarity and "development" in TAXONOMY[signal.kind].uses:
        assert answer.output is not None  # `_no_label` has seen to it
        liked = signal.polarity > 0
        yield _label(answer, "kto", "liked" if liked else "disliked", answer.output, liked, (signal,))


def _resolved(answer: Answer, found: Sequence[Evidence], later: About) -> Iterator[Label]:
    """A corrected answer wants what the person settled on later: as sure as both signals together."""
    against = [signal for signal in found if signal.kind in CORRECTING and signal.polarity < 0]
    if not against:
        return
    correction = max(against, key=_strength_of_evidence)
    for after, signals in later:
        for signal in signals:
            wanted = _settled_on(after, signal) if after.readable is not None else None
            if wanted is not None:
                yield _label(answer, "sft", "resolved", wanted, None, (correction, signal))


def _label(
    answer: Answer, use: ExampleUse, rule: Rule, completion: str, liked: bool | None, evidence: tuple[Evidence, ...]
) -> Label:
    weight = 1.0
    for signal in evidence:
        weight *= signal.confidence
    return Label(
        answer=answer, use=use, rule=rule, completion=completion, liked=liked, weight=weight, evidence=evidence
    )


def _strength_of_evidence(signal: Evidence) -> tuple[float, datetime, str]:
    return signal.confidence, signal.signal_time, signal.signal_id


def _settle(proposed: Iterable[Label], into: Labelled) -> None:
    """Keep the most confident label of each use (of pairs, for each rejected answer).

    Who says that an answer is right counts before who likes it; of equals the latest said, then the higher id.
    """
    best = dict[Hashable, Label]()
    for label in sorted(proposed, key=_precedence):
        if outweighed := best.get((label.use, label.rejected)):
            into.outweighed.append(outweighed)
        best[label.use, label.rejected] = label
    into.kept.extend(best.values())

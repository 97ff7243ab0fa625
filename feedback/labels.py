"""Labels: what people's signals say about answers becomes wanted answers and judged answers, by named rules.

In: the answers of one conversation and the signals about them. Out: proposed labels, each with the rule that made it
and the signals it rests on, and why an answer got none. Of several labels of one answer for one use the most confident
is kept. Only answers of gate draws label evaluation: other labels measure who spoke up first (I6).

| rule | use | wanted or judged answer | rests on |
|---|---|---|---|
| gate_corrected | eval | the person's edit | an edit in a conversation drawn for the gate |
| gate_confirmed | eval | the answer shown | an explicit confirmation there |
| edited | sft | the person's edit | an edit |
| confirmed | sft | the answer shown | an explicit confirmation |
| resolved | sft | what was settled on later | a correction, then an edit or confirmation of a later answer |
| liked | kto | the answer shown | any signal for it |
| disliked | kto | the answer shown | any signal against it |
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from feedwheel_capture.vocabulary import ExposurePolicy
from msgspec import Struct

from feedback.edits import is_same_answer
from feedback.split import split_of
from feedback.taxonomy import TAXONOMY
from schemas.examples import ExampleUse
from schemas.signals import Polarity, SignalKind

Rule = Literal["gate_corrected", "gate_confirmed", "edited", "confirmed", "resolved", "liked", "disliked"]
Unlabelled = Literal["no_text", "no_signal", "gate_unanswered", "evaluation_person"]
"""Why an answer got no label. `evaluation_person`: those who evaluate train nothing, outside gate draws too (I5)."""

CONFIRMING: Final[frozenset[SignalKind]] = frozenset({"solved", "thumbs", "rating", "edit"})
"""Explicit kinds by which a person says of one answer that it is what they wanted."""
ANSWERING_THE_GATE: Final[frozenset[SignalKind]] = frozenset({"solved", "edit"})
"""What the application asks for in a gate draw: confirm or correct."""
CORRECTING: Final[frozenset[SignalKind]] = frozenset({"correction", "complaint", "rephrase", "regenerate", "thumbs"})
"""Kinds against an answer after which people get what they wanted from a later one."""


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
    turn_index: int
    turn_time: datetime
    model_version: str
    event_id: str
    prompt: list[Message] | None
    output: str | None
    exposure_policy: ExposurePolicy | None


class Evidence(Struct, frozen=True, kw_only=True):
    """One signal about one answer, as silver/signals holds it."""

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

    @property
    def source(self) -> str:
        """Where it was said: the surface, or the kind of what was found in words and acts."""
        return self.surface or self.kind


class Label(Struct, frozen=True, kw_only=True):
    """A proposed label. `completion` is the wanted answer (eval, sft) or the judged one (kto, with `liked`)."""

    answer: Answer
    use: ExampleUse
    rule: Rule
    completion: str
    liked: bool | None
    weight: float
    evidence: tuple[Evidence, ...]


class Labelled(Struct, frozen=True):
    """What became of one conversation's answers: labels that stand, labels that lost, answers without any."""

    kept: list[Label]
    outweighed: list[Label]
    unlabelled: list[tuple[Answer, Unlabelled]]


def label_conversation(answers: Sequence[Answer], signals: Sequence[Evidence], eval_share: float) -> Labelled:
    """Label the answers of one conversation."""
    ordered = sorted(answers, key=lambda answer: answer.turn_index)
    about = {answer.response_id: list[Evidence]() for answer in ordered}
    for signal in signals:
        if signal.response_id in about:
            about[signal.response_id].append(signal)
    result = Labelled([], [], [])
    for place, answer in enumerate(ordered):
        found = about[answer.response_id]
        later = [(after, about[after.response_id]) for after in ordered[place + 1 :]]
        reason = _no_label(answer, found, eval_share)
        proposed = [] if reason else list(_proposals(answer, found, later, eval_share))
        if proposed:
            _settle(proposed, result)
        else:
            result.unlabelled.append((answer, reason or "no_signal"))
    return result


def is_asked(answer: Answer, eval_share: float) -> bool:
    """Whether this answer's person was drawn to confirm or correct it, as evidence for the gate."""
    return answer.exposure_policy == "gate" and split_of(answer.split_bucket, eval_share) == "eval"


def _no_label(answer: Answer, found: Sequence[Evidence], eval_share: float) -> Unlabelled | None:
    if _texts(answer) is None:
        return "no_text"
    if is_asked(answer, eval_share):
        return None if any(signal.kind in ANSWERING_THE_GATE for signal in found) else "gate_unanswered"
    return "evaluation_person" if split_of(answer.split_bucket, eval_share) == "eval" else None


def _texts(answer: Answer) -> str | None:
    """The answer's text if all of what the model saw and said may be read, else None."""
    if not answer.prompt or any(message.content is None for message in answer.prompt):
        return None
    return answer.output


def _proposals(
    answer: Answer,
    found: Sequence[Evidence],
    later: Sequence[tuple[Answer, Sequence[Evidence]]],
    eval_share: float,
) -> Iterator[Label]:
    """Every label that a rule gives one answer."""
    if is_asked(answer, eval_share):
        for signal in found:
            if signal.kind in ANSWERING_THE_GATE:
                yield from _wanted(answer, signal, "eval", "gate_corrected", "gate_confirmed")
        return
    for signal in found:
        yield from _wanted(answer, signal, "sft", "edited", "confirmed")
        yield from _judged(answer, signal)
    yield from _resolved(answer, found, later)


def _wanted(answer: Answer, signal: Evidence, use: ExampleUse, corrected: Rule, confirmed: Rule) -> Iterator[Label]:
    """The answer the person wanted, if this signal says so: their edit, or what was shown."""
    wanted = _settled_on(answer, signal)
    if wanted is not None:
        rule = confirmed if wanted == answer.output else corrected
        yield _label(answer, use, rule, wanted, None, (signal,))


def _settled_on(answer: Answer, signal: Evidence) -> str | None:
    """What one signal says the right answer is, None if it does not say."""
    if signal.kind == "edit" and signal.edited_output is not None:
        return answer.output if is_same_answer(signal.edited_output, answer.output) else signal.edited_output
    is_confirmation = signal.explicit and signal.kind in CONFIRMING and signal.polarity > 0
    return answer.output if is_confirmation else None


def _judged(answer: Answer, signal: Evidence) -> Iterator[Label]:
    """The answer shown, liked or not: for signals that may develop a model and point somewhere."""
    if signal.polarity and "development" in TAXONOMY[signal.kind].uses:
        assert answer.output is not None  # `_no_label` has seen to it
        liked = signal.polarity > 0
        yield _label(answer, "kto", "liked" if liked else "disliked", answer.output, liked, (signal,))


def _resolved(
    answer: Answer, found: Sequence[Evidence], later: Sequence[tuple[Answer, Sequence[Evidence]]]
) -> Iterator[Label]:
    """A corrected answer wants what the person settled on later: as sure as both signals together."""
    against = [signal for signal in found if signal.kind in CORRECTING and signal.polarity < 0]
    if not against:
        return
    correction = max(against, key=_strength_of_evidence)
    for after, signals in later:
        for signal in signals:
            wanted = _settled_on(after, signal) if _texts(after) is not None else None
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
    """Keep the most confident label of each use; of equals the latest said, then the one of the higher id."""
    best = dict[ExampleUse, Label]()
    for label in sorted(proposed, key=lambda label: (label.weight, *_strength_of_evidence(label.evidence[-1])[1:])):
        if outweighed := best.get(label.use):
            into.outweighed.append(outweighed)
        best[label.use] = label
    into.kept.extend(best.values())


def answers_of(rows: Iterable[object]) -> list[Answer]:
    """Rows of silver/turns as answers."""
    return msgspec.convert(list(rows), list[Answer])


def evidence_of(rows: Iterable[object]) -> list[Evidence]:
    """Rows of silver/signals as evidence."""
    return msgspec.convert(list(rows), list[Evidence])

"""Text-only conversations, judged by the same detectors as those of the log.

In: messages in order, and optionally what people did about them. Out: for each message the signals that stand in it,
for each answer how likely the person was dissatisfied, and the satisfaction with the whole. There are no times in a
transcript, so silence means nothing; an answer that was asked for again is not there, so nothing is a regeneration.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from feedwheel_capture.events import Feedback, FeedbackValue, Generation
from feedwheel_capture.events import Message as EventMessage
from feedwheel_capture.vocabulary import AppType, FeedbackKind, Role
from msgspec import Struct

from feedback.conversation import Logged, Position, assemble
from feedback.detectors import reading
from feedback.judge import NOTHING_SAID, Judge
from feedback.signal import Signal
from schemas.languages import Language
from schemas.signals import Polarity, SignalKind

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER: Final = timedelta(days=10_000)
_PERSON: Final[dict[str, Any]] = {
    "app": "",
    "user_key": None,
    "user_key_id": 0,
    "split_bucket": 0,
    "consent": "content",
    "conversation_id": "",
}


class Message(Struct, frozen=True):
    """One message of a transcript."""

    role: Role
    content: str


class Act(Struct, frozen=True):
    """Something a person did: feedback about the message `about`, or about all of it."""

    kind: FeedbackKind
    value: FeedbackValue = FeedbackValue()
    about: int | None = None


class Transcript(Struct, frozen=True):
    """A conversation as text."""

    conversation_id: str
    messages: list[Message]
    events: list[Act] = []


class FoundSignal(Struct, frozen=True):
    """One signal. `about`: index of the answer it judges. `span`: code points of the message it stands in."""

    kind: SignalKind
    polarity: Polarity
    strength: float
    confidence: float
    about: int | None
    span: tuple[int, int] | None


class ScoredTurn(Struct, frozen=True):
    """One message. `p_dissatisfied` is given for every answer, and null for what others wrote."""

    index: int
    role: Role
    p_dissatisfied: float | None
    signals: list[FoundSignal]


class Score(Struct, frozen=True, omit_defaults=True):
    """A judged transcript. `signals`: those about the conversation as a whole, if there are any.

    `unread_language`: what the person writes, if it is a language whose words no detector reads.
    """

    conversation_id: str
    satisfaction: float
    turns: list[ScoredTurn]
    signals: list[FoundSignal] = []
    unread_language: Language | None = None


def score(transcript: Transcript, app_type: AppType, judge: Judge) -> Score:
    """Judge a transcript. Raises ValueError where an event is impossible or judges what is no answer."""
    messages = transcript.messages
    events, said_at = _events(transcript, app_type)
    read = reading.read(assemble(events, _EPOCH, _NEVER)) if events else None
    judged = judge.judge(read, pending=str(len(messages))) if read else NOTHING_SAID
    standing = defaultdict[int | None, list[FoundSignal]](list)
    for signal in judged.signals:
        about = None if signal.response_id is None else int(signal.response_id)
        # Words stand where they were said; acts, at the answer they judge.
        place = said_at[signal.event_ids[-1]] if signal.span and signal.text is not None else about
        standing[place].append(_found(signal, about))
    return Score(
        conversation_id=transcript.conversation_id,
        satisfaction=judged.satisfaction,
        turns=[
            ScoredTurn(n, message.role, judged.dissatisfied.get(str(n)), standing[n])
            for n, message in enumerate(messages)
        ],
        signals=standing[None],
        unread_language=read.language if read and not read.phrases_in else None,
    )


def _found(signal: Signal, judged: int | None) -> FoundSignal:
    return FoundSignal(signal.kind, signal.polarity, signal.strength, signal.confidence, judged, signal.span)


def _events(transcript: Transcript, app_type: AppType) -> tuple[list[Logged[Any]], dict[str, int]]:
    """The events that such a conversation would have left, and at which message each generation's request stands.

    What a person wrote last has no answer: an answer without text stands in for it, and is not reported.
    """
    messages = transcript.messages
    answers = [index for index, message in enumerate(messages) if message.role == "assistant"]
    if messages and messages[-1].role != "assistant":
        answers.append(len(messages))
    events, said_at, previous = list[Logged[Any]](), dict[str, int](), None
    for answer in answers:
        first = 0 if previous is None else previous + 1
        event = _logged(len(events), _generation(messages, first, answer, previous, app_type))
        said_at[event.event_id] = max((n for n in range(first, answer) if messages[n].role == "user"), default=answer)
        events.append(event)
        previous = answer
    for act in transcript.events:
        if act.about is not None and (act.about not in answers or act.about == len(messages)):
            raise ValueError(f"an event is about message {act.about}, which is no answer of the assistant")
        events.append(_logged(len(events), _feedback(act, len(events))))
    return (events, said_at) if answers else ([], {})


def _generation(
    messages: Sequence[Message], first: int, answer: int, previous: int | None, app_type: AppType
) -> Generation:
    """The answer at index `answer` to the messages from `first` on; it continues the thread of `previous`."""
    output = messages[answer].content if answer < len(messages) else None
    asked = messages[first:answer]
    return Generation(
        **_PERSON,
        response_id=str(answer),
        request_id=str(answer),
        turn=0,
        app_type=app_type,
        model="",
        model_version="",
        arm="champion",
        input=[EventMessage(role=said.role, content=said.content, length=len(said.content)) for said in asked],
        prefix_hash="" if previous is None else f"thread {previous}",
        request_hash=f"request {answer}",
        thread_hash=f"thread {answer}",
        output=output,
        output_length=len(output or ""),
        finish_reason="stop",
        input_tokens=0,
        output_tokens=0,
        latency_ms=0.0,
    )


def _feedback(act: Act, number: int) -> Feedback:
    return Feedback(
        **_PERSON,
        feedback_id=str(number),
        kind=act.kind,
        value=act.value,
        response_id=None if act.about is None else str(act.about),
        surface=str(number),  # every act of a transcript stands: none replaces another
    )


def _logged(number: int, data: Generation | Feedback) -> Logged[Any]:
    time = _EPOCH + timedelta(seconds=number)
    return Logged(Position("", 0, number, ""), time, str(number), "", time, data)

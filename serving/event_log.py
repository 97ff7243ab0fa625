"""What serving remembers of an answer and of feedback: events, on disk before the caller hears of success (I7).

In: what was asked, what was answered, what was offered beside it. Out: one generation and one exposure event per
answer, one feedback event per feedback. A full spool never stops an answer: what could not be written is counted, and
the gap is recorded once there is room again.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from feedwheel_capture.events import Candidate, Exposure, Feedback, Generation, ModelRef, Sampling, ToolCall
from feedwheel_capture.gaps import GapRecorder
from feedwheel_capture.identity import Identity, Person
from feedwheel_capture.ids import uuid7
from feedwheel_capture.recorder import Recorder
from feedwheel_capture.records import Author
from feedwheel_capture.thread import Thread
from feedwheel_capture.vocabulary import Arm, Consent, ExposurePolicy, FeedbackKind

from feedback.split import is_gate_item, split_of
from schemas.config import App, Config
from serving.engine.chat import ChatMessage
from serving.engine.job import Answer
from serving.engine.tools import read, written
from serving.guarding import as_said

_WRITERS: Final = 8
"""Threads that append at the same time share one fsync."""

ASKED: Final[tuple[FeedbackKind, ...]] = ("solved", "edit")
"""What everyone is asked at a gate item: confirm that it is right, or send back what is."""
OFFERED: Final[tuple[FeedbackKind, ...]] = ("thumbs", "edit", "action", "regenerate", "complaint")
"""The usual controls."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an answer comes with. `propensity`: the chance that a conversation like this one gets this policy."""

    policy: ExposurePolicy
    propensity: float
    offered: tuple[FeedbackKind, ...]


def offer(config: Config, split_bucket: int, conversation_id: str) -> Offer:
    """Draw whether everyone in this conversation is asked to confirm or correct, before there is an answer (I6)."""
    if is_gate_item(split_bucket, config.split.eval_share, conversation_id, config.gate.item_share):
        return Offer("gate", config.gate.item_share, ASKED)
    evaluates = split_of(split_bucket, config.split.eval_share) == "eval"
    return Offer("normal", 1 - config.gate.item_share if evaluates else 1.0, OFFERED)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and everything that was settled about it before it was answered."""

    app: str
    app_config: App
    person: Person
    consent: Consent
    conversation_id: str
    response_id: str
    request_id: str
    model: ModelRef
    arm: Arm
    release_id: str | None
    prompt_version: str | None
    messages: Sequence[ChatMessage]
    sampling: Sampling
    offer: Offer
    has_tools: bool = False
    beside: tuple[str, ...] = ()
    """Response ids of all answers to one request, in the order in which they are shown, if there are several."""


def generation(exchange: Exchange, answer: Answer, identity: Identity) -> Generation:
    """The generation event of an answer. What came before the last assistant message is named by its hash."""
    content, calls = read(answer.text) if exchange.has_tools else (answer.text, ())
    output = written(content, calls)  # as its client sends it back
    thread = Thread.of([(message.role, as_said(message)) for message in exchange.messages], output, identity)
    return Generation(
        **_about(exchange),
        response_id=exchange.response_id,
        request_id=exchange.request_id,
        conversation_id=exchange.conversation_id,
        turn=thread.turn,
        app_type=exchange.app_config.type,
        model=exchange.model.name,
        model_version=exchange.model.version,
        arm=exchange.arm,
        release_id=exchange.release_id,
        prompt_version=exchange.prompt_version,
        input=list(thread.new),
        prefix_hash=thread.prefix_hash,
        request_hash=thread.request_hash,
        thread_hash=thread.thread_hash,
        output=output,
        output_length=len(output),
        finish_reason=answer.finish_reason,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        latency_ms=answer.latency_ms,
        time_to_first_token_ms=answer.time_to_first_token_ms,
        sampling=exchange.sampling,
        tool_calls=[ToolCall(name=call.name, arguments=call.arguments) for call in calls],
        cached=answer.fallback == "cached",
        guarded=list(answer.guarded),
        fallback=answer.fallback,
    )


def exposure(exchange: Exchange, exposure_id: str) -> Exposure:
    """The exposure event of an answer that was given."""
    return Exposure(
        **_about(exchange),
        exposure_id=exposure_id,
        response_id=exchange.response_id,
        conversation_id=exchange.conversation_id,
        arm=exchange.arm,
        release_id=exchange.release_id,
        policy=exchange.offer.policy,
        propensity=exchange.offer.propensity,
        offered=list(exchange.offer.offered),
        candidates=[Candidate(response_id=each, position=place) for place, each in enumerate(exchange.beside)],
    )


def _about(exchange: Exchange) -> dict[str, Any]:
    return Author(exchange.app, exchange.person, exchange.consent, exchange.app_config.simulated).fields()


class EventLog:
    """Writes events through the spool, off the event loop."""

    def __init__(self, recorder: Recorder, identity: Identity, clock: Callable[[], datetime], replica: str) -> None:
        self.identity = identity
        self._recorder = recorder
        self._clock = clock
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="feedwheel-events")
        self._answers = GapRecorder(recorder, clock, replica)

    @property
    def lost(self) -> int:
        """Events of gaps that are not yet recorded; 0 when there is none."""
        return self._answers.lost

    async def answered(self, exchange: Exchange, answer: Answer) -> None:
        """Write the events of an answer; return once they are on disk, or counted as a gap."""
        if exchange.consent == "none":
            return
        records: list[Generation | Exposure] = [generation(exchange, answer, self.identity)]
        if answer.finish_reason not in ("cancelled", "error"):
            records.append(exposure(exchange, uuid7(self._clock())))
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._writers, self._answers.record, record) for record in records))

    async def feedback(self, record: Feedback, event_id: str) -> str | None:
        """Write one feedback event; its id once it is on disk, None if consent allows nothing. Raises SpoolFull."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writers, self._recorder.record, record, event_id)

    def close(self) -> None:
        """Finish writing, and try once more to record a gap."""
        self._writers.shutdown(wait=True)
        self._answers.record_gaps()

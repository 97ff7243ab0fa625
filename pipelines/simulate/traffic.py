"""Traffic: simulated people hold conversations with the served model, several at a time.

In: messages with their true topics. Out: requests and feedback over HTTP, as an application would send them, and
a tally of what people did. A message is remembered as seen before it is sent, so an interrupted turn sends none twice.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from feedwheel_capture.vocabulary import FeedbackKind

from pipelines.io.serving import Answer, ServingClient
from pipelines.simulate.behaviour import Act, Person, Reaction, react, sender
from pipelines.simulate.messages import LabelledMessage, SeenMessages
from schemas.config import App

CONCURRENT_PEOPLE: Final = 12
"""Enough to fill the decoding batch of a small machine without a queue that people would notice."""

MAX_ANSWER_TOKENS: Final = 20
"""The longest topic has 14 tokens."""

_THUMBS: Final = (-1.0, 1.0)
_YES_NO: Final = (0.0, 1.0)
_FEEDBACK_OF_ACT: Final[dict[Act, tuple[FeedbackKind, dict[str, Any]]]] = {
    "confirm": ("solved", {"rating": 1.0, "scale": _YES_NO}),
    "thumbs_up": ("thumbs", {"rating": 1.0, "scale": _THUMBS}),
    "thumbs_down": ("thumbs", {"rating": -1.0, "scale": _THUMBS}),
    "accept": ("action", {"action": "accept"}),
}


@dataclass(slots=True)
class Tally:
    """What has happened: messages sent, answers given by arm, acts by name."""

    messages: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Crowd:
    """The people, what they know, and the application they use."""

    app_name: str
    app: App
    people: Sequence[Person]
    topics: Sequence[str]
    seed: int


async def send(
    crowd: Crowd,
    client: ServingClient,
    messages: Sequence[LabelledMessage],
    seen: SeenMessages,
    tally: Tally,
    until: Callable[[], Awaitable[bool]] | None = None,
) -> None:
    """Send messages, each in a conversation of its own, until all are sent or `until` says that it is enough."""
    waiting = iter(messages)
    enough = asyncio.Event()

    async def one_place() -> None:
        for message in waiting:
            if enough.is_set():
                return
            seen.add(message)
            await _hold_conversation(crowd, client, message, tally)
            tally.messages += 1
            if until is not None and await until():
                enough.set()

    async with asyncio.TaskGroup() as places:
        for _ in range(CONCURRENT_PEOPLE):
            places.create_task(one_place())


async def _hold_conversation(crowd: Crowd, client: ServingClient, message: LabelledMessage, tally: Tally) -> None:
    draw = random.Random(f"{crowd.seed}/{message.message_id}")  # noqa: S311 - a seeded draw, not a secret
    person = sender(crowd.people, draw)
    thread = [{"role": "system", "content": crowd.app.prompt}, {"role": "user", "content": message.text}]
    answer = await _ask(crowd, client, person, thread, tally)
    reaction = _reaction(crowd, person, message, answer, draw, tally)
    if (again := _next_request(thread, answer, message, reaction)) is not None:
        answer = await _ask(crowd, client, person, again, tally, answer.conversation_id)
        if reaction.act == "thank":
            return
        reaction = _reaction(crowd, person, message, answer, draw, tally)
    await _give_feedback(crowd, client, person, answer, reaction)


async def _ask(
    crowd: Crowd,
    client: ServingClient,
    person: Person,
    thread: Sequence[dict[str, str]],
    tally: Tally,
    conversation_id: str | None = None,
) -> Answer:
    metadata = {"prompt_version": crowd.app.prompt_version}
    if conversation_id is not None:
        metadata["conversation_id"] = conversation_id
    answer = await client.chat(
        crowd.app_name, thread, max_tokens=MAX_ANSWER_TOKENS, user=person.raw_id, metadata=metadata
    )
    tally.answers[answer.arm] += 1
    return answer


def _reaction(
    crowd: Crowd, person: Person, message: LabelledMessage, answer: Answer, draw: random.Random, tally: Tally
) -> Reaction:
    asked = answer.policy == "gate"
    reaction = react(person, message.topic, answer.text, asked=asked, topics=crowd.topics, draw=draw)
    tally.acts[reaction.act] += 1
    return reaction


def _next_request(
    thread: Sequence[dict[str, str]], answer: Answer, message: LabelledMessage, reaction: Reaction
) -> list[dict[str, str]] | None:
    """The messages of the request that a reaction leads to, if it leads to one."""
    words = {
        "correct": f"No, that's wrong. It is about {reaction.topic}.",
        "rephrase": f"Let me say it differently: {message.text}",
        "thank": "Thanks, that's right!",
    }
    if reaction.act == "regenerate":
        return list(thread)
    if reaction.act in words:
        said = {"role": "user", "content": words[reaction.act]}
        return [*thread, {"role": "assistant", "content": answer.text}, said]
    return None


async def _give_feedback(
    crowd: Crowd, client: ServingClient, person: Person, answer: Answer, reaction: Reaction
) -> None:
    if reaction.act == "edit":
        kind: FeedbackKind = "edit"
        value: dict[str, Any] = {"edited_output": reaction.topic}
    elif reaction.act in _FEEDBACK_OF_ACT:
        kind, value = _FEEDBACK_OF_ACT[reaction.act]
    else:
        return
    await client.feedback(crowd.app_name, person.raw_id, answer, kind, value, surface="answer")

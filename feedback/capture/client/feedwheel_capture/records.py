"""Event records from what an application knows: raw ids become hashes, messages become a thread.

In: plain values. Out: records as the contract has them. Whoever records uses this: the client, and the collector for
those who send raw ids to it. Raises msgspec.ValidationError or ValueError where a value is wrong, naming the field.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from feedwheel_capture.events import Feedback, Generation
from feedwheel_capture.identity import Identity, Person
from feedwheel_capture.messages import said
from feedwheel_capture.thread import Thread, beginning
from feedwheel_capture.vocabulary import AppType, Consent

_UNKNOWN: Final[Mapping[str, Any]] = {
    "arm": "champion",
    "finish_reason": "stop",
    "input_tokens": 0,
    "output_tokens": 0,
    "latency_ms": 0.0,
}
"""What an application may not know of an answer."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who recorded events are about, and what that person allows."""

    app: str
    person: Person
    consent: Consent
    simulated: bool = False

    def fields(self) -> dict[str, Any]:
        """The fields of every event about a person."""
        return {
            "app": self.app,
            "user_key": self.person.user_key,
            "user_key_id": self.person.user_key_id,
            "split_bucket": self.person.split_bucket,
            "consent": self.consent,
            "simulated": self.simulated,
        }


def generation_of(
    author: Author,
    identity: Identity,
    app_type: AppType,
    messages: Sequence[Mapping[str, Any]],
    output: str,
    facts: Mapping[str, Any],
) -> Generation:
    """The record of an answer to `messages` (OpenAI's shape). `facts`: model, response_id, and what else is known.

    Without a conversation_id, a conversation of a known person is known by how it begins; any other is one of its own,
    and so is an answer to messages that are not known.
    """
    thread = said(messages)
    response_id = facts["response_id"]
    conversation_id = facts.get("conversation_id") or (
        beginning(thread, output, author.person.user_key, identity)
        if author.person.user_key and thread
        else response_id
    )
    known = {**facts, "conversation_id": conversation_id}
    return generation_in(author, app_type, Thread.of(thread, output, identity), output, known)


def generation_in(
    author: Author, app_type: AppType, thread: Thread, output: str, facts: Mapping[str, Any]
) -> Generation:
    """The record of the answer that ends `thread`. `facts`: as above, with a conversation_id."""
    return msgspec.convert(
        {
            **author.fields(),
            **_UNKNOWN,
            "request_id": facts["response_id"],
            "model_version": facts["model"],
            **facts,
            "app_type": app_type,
            "turn": thread.turn,
            "input": list(thread.new),
            "prefix_hash": thread.prefix_hash,
            "request_hash": thread.request_hash,
            "thread_hash": thread.thread_hash,
            "output": output,
            "output_length": len(output),
        },
        Generation,
        from_attributes=True,
    )


def feedback_of(author: Author, facts: Mapping[str, Any]) -> Feedback:
    """The record of something said or done. `facts`: feedback_id, kind, ids, and value (a mapping; None retracts)."""
    if "value" not in facts:
        raise ValueError("value is missing; null takes an earlier feedback back")
    value = facts["value"]
    if isinstance(value, Mapping) and isinstance(value.get("text"), str):
        value = {**value, "text_length": len(value["text"])}
    return msgspec.convert({**author.fields(), **facts, "value": value}, Feedback)


def event_id_of(record: Feedback) -> str:
    """The same feedback sent again is the same event; nobody can pass for another person by guessing an id."""
    whose = record.user_key or record.conversation_id or record.response_id
    return hashlib.sha256(f"{record.app}\x1f{whose}\x1f{record.feedback_id}".encode()).hexdigest()[:32]

"""The one way an importer makes an event: a stable id, the original time, consent, redaction.

In: answers and feedback with the ids of the export. Out: Kafka records, and their count in the tally. What a person did
not allow is left out, and what is recognisably personal is masked, before anything leaves this process (I4).
"""

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from feedwheel_capture.consent import apply_consent
from feedwheel_capture.errors import EventTooLarge, RedactionFailed
from feedwheel_capture.events import Feedback, Generation
from feedwheel_capture.identity import Identity
from feedwheel_capture.recorder import make_event, to_record
from feedwheel_capture.records import Author, feedback_of, generation_in, generation_of
from feedwheel_capture.spool import Record
from feedwheel_capture.thread import Thread
from feedwheel_capture.vocabulary import AppType, Consent, FeedbackKind

from feedback.capture.importers.refusal import Unreadable
from feedback.capture.importers.tally import Tally

Format = Literal["chatgpt", "claude", "openai", "langfuse", "phoenix"]
EXPORT_OWNER: Final = "export-owner"
"""Whose conversations an export holds that does not say."""
_ID_CHARS: Final = 32


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go, and what holds for all of them. `user` None: whoever the export names."""

    app: str
    app_type: AppType
    consent: Consent
    identity: Identity
    user: str | None = None


@dataclass(slots=True)
class Scribe:
    """Writes the events of one import."""

    format: Format
    target: Target
    tally: Tally = field(default_factory=Tally)

    @property
    def source(self) -> str:
        """The `source` of every event."""
        return f"feedwheel/import/{self.format}"

    def answer(
        self, thread: Thread, output: str, time: datetime, user: str | None, facts: Mapping[str, Any]
    ) -> Iterator[Record]:
        """An answer whose thread is known. `facts`: response_id, conversation_id, model, and what else is known."""
        conversation_id, response_id = facts["conversation_id"], facts["response_id"]
        author = self._author(user, conversation_id)
        make = functools.partial(generation_in, author, self.target.app_type, thread, output, facts)
        yield from self._write(make, time, "answer", conversation_id, response_id)

    def logged_answer(
        self,
        messages: Sequence[Mapping[str, Any]],
        output: str,
        time: datetime,
        user: str | None,
        facts: Mapping[str, Any],
    ) -> Iterator[Record]:
        """An answer to `messages` (OpenAI's shape). Without a conversation_id it is known by how it begins."""
        response_id, target = facts["response_id"], self.target
        author = self._author(user, facts.get("conversation_id") or response_id)
        make = functools.partial(generation_of, author, target.identity, target.app_type, messages, output, facts)
        yield from self._write(make, time, "answer", response_id)

    def feedback(
        self,
        kind: FeedbackKind,
        value: Mapping[str, Any],
        time: datetime,
        user: str | None,
        export_id: str,
        *,
        response_id: str | None = None,
        conversation_id: str | None = None,
        surface: str = "export",
    ) -> Iterator[Record]:
        """Something said or done. `export_id`: what the export calls it."""
        facts = {
            "feedback_id": self.event_id(kind, export_id),
            "kind": kind,
            "value": dict(value),
            "response_id": response_id,
            "conversation_id": conversation_id,
            "surface": surface,
            "client_time": time,
        }
        author = self._author(user, conversation_id or response_id or "")
        yield from self._write(functools.partial(feedback_of, author, facts), time, kind, export_id)

    def event_id(self, *parts: str) -> str:
        """The same part of the same export is the same event for ever."""
        return hashlib.sha256("\x1f".join((self.source, *parts)).encode()).hexdigest()[:_ID_CHARS]

    def _author(self, user: str | None, conversation_id: str) -> Author:
        target = self.target
        person = target.identity.person(target.app, target.user or user, conversation_id)
        return Author(target.app, person, target.consent)

    def _write(self, make: Callable[[], Generation | Feedback], time: datetime, *parts: str) -> Iterator[Record]:
        """The record of what `make` makes, if it is allowed; counted either way."""
        yield from self.tally.guarded(self._record(make, time, *parts))

    def _record(self, make: Callable[[], Generation | Feedback], time: datetime, *parts: str) -> Iterator[Record]:
        try:
            data = make()
            allowed = apply_consent(data)
            if allowed is None:
                self.tally.withheld += 1
                return
            record = to_record(make_event(allowed, self.source, time, self.event_id(*parts)))
        except RedactionFailed:
            raise Unreadable("redaction_failed") from None
        except EventTooLarge:
            raise Unreadable("event_too_large") from None
        except (msgspec.ValidationError, ValueError):  # also a time that cannot be true
            raise Unreadable("wrong_value") from None
        self._count(data)
        yield record

    def _count(self, data: Generation | Feedback) -> None:
        if isinstance(data, Feedback):
            self.tally.feedback[data.kind] += 1
        else:
            self.tally.answers += 1

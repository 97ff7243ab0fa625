"""What becomes of one event that somebody sends: pure, but for the ids it remembers.

In: the bytes of an event, and the application whose key it came with. Out: the record to store, or that it is here
already, or why it is refused. Clients that know no keys of the deployment may send a raw `user` in place of the hashes,
and `messages` in place of a thread: what they sent is completed here, and goes no further. An `output` of null is a
text that they withhold.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from feedwheel_capture.consent import apply_consent
from feedwheel_capture.errors import EventTooLarge, RedactionFailed, without_values
from feedwheel_capture.events import Baseline, ConsentChange, Decision, Erasure, Event, PersonalData, Proposal
from feedwheel_capture.identity import Identity
from feedwheel_capture.ids import uuid7
from feedwheel_capture.messages import check_messages
from feedwheel_capture.recorder import to_record
from feedwheel_capture.records import Author, feedback_of, generation_of
from feedwheel_capture.redact import PATTERNS, Redactor
from feedwheel_capture.spool import Record

from schemas.config import App, Config
from schemas.events import EventRejected, RejectReason, decode_any

RefusalReason = RejectReason | Literal["not_allowed", "forbidden_app"]
OPERATORS_RECORDS: Final = (Baseline, Proposal, Decision)
"""Releases are the operator's: what says so does not come over the wire. That an application lost events does."""
_REMEMBERED_IDS: Final = 200_000
"""Some 20 s of the highest rate: a client that got no answer sends again within seconds; later copies are removed by
extract."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An event that may be stored. `record` is None where consent allows nothing."""

    event_id: str
    source: str
    record: Record | None


@dataclass(frozen=True, slots=True)
class Known:
    """An event that was stored before."""

    event_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that will never be stored as it is. `detail` names fields, never their content."""

    reason: RefusalReason
    detail: str


Outcome = Taken | Known | Refused
_FORBIDDEN_APP: Final = Refused("forbidden_app", "data.app is not the application of this key")


class _OfAnotherApp(Exception):
    """What was sent names an application that is not the key's."""


class Intake:
    """Decides on events, one by one. One thread at a time."""

    def __init__(
        self, config: Config, identity: Identity, clock: Callable[[], datetime], redactor: Redactor = PATTERNS
    ) -> None:
        self._config = config
        self._identity = identity
        self._clock = clock
        self._redactor = redactor
        self._ids: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    def take(self, value: bytes, app: str) -> Outcome:
        """Decide on one event that came with a key of `app`."""
        try:
            return self.admit(self._event(value, app), app)
        except EventRejected as error:
            return Refused(error.reason, error.detail)
        except _OfAnotherApp:
            return _FORBIDDEN_APP

    def take_all(self, values: Sequence[bytes], app: str) -> list[Outcome]:
        """Decide on the events of one request, of which none is remembered yet: the same one twice is known, too."""
        outcomes, here = list[Outcome](), set[tuple[str, str]]()
        for value in values:
            outcome = self.take(value, app)
            if isinstance(outcome, Taken):
                name = outcome.source, outcome.event_id
                outcome = Known(outcome.event_id) if name in here else outcome
                here.add(name)
            outcomes.append(outcome)
        return outcomes

    def admit(self, event: Event[Any], app: str) -> Outcome:
        """Decide on one event that keeps its contract, on behalf of `app`."""
        if event.data.app != app:
            return _FORBIDDEN_APP
        if isinstance(event.data, OPERATORS_RECORDS):
            return Refused("not_allowed", f"{event.type} of a release is not taken over the network")
        if (app, event.source, event.id) in self._ids:
            return Known(event.id)
        try:
            return self._storable(event)
        except RedactionFailed as error:
            return Refused("redaction_failed", str(error))
        except EventTooLarge as error:
            return Refused("too_large", str(error))

    def remember(self, taken: Taken, app: str) -> None:
        """An event is stored: the same again is known from now on."""
        self._ids[app, taken.source, taken.event_id] = None
        while len(self._ids) > _REMEMBERED_IDS:
            self._ids.popitem(last=False)

    def _storable(self, event: Event[Any]) -> Taken:
        allowed = apply_consent(event.data)
        if allowed is None:
            return Taken(event.id, event.source, None)
        redacted = self._redactor.redact_event(allowed)
        return Taken(event.id, event.source, to_record(msgspec.structs.replace(event, data=redacted)))

    def _event(self, value: bytes, app: str) -> Event[Any]:
        """A whole event, or a raw one completed. Raises EventRejected, with what is wrong with it as it was sent."""
        try:
            return decode_any(value)
        except EventRejected as rejected:
            completed = self._completed(value, app) if rejected.reason == "contract" else None
            if completed is None:
                raise
            return completed

    def _completed(self, value: bytes, app: str) -> Event[Any] | None:
        """The event of a client that sent raw ids; None if it is no such event. Raises EventRejected."""
        sent = _whole(value)
        data = sent.get("data")
        settings = self._config.apps.get(app)
        if settings is None or not isinstance(data, dict) or "user_key" in data or "split_bucket" in data:
            return None
        if data.get("app", app) != app:
            raise _OfAnotherApp
        try:
            record = self._record(str(sent.get("type")), data, app, settings)
            if record is None:
                return None
            time = sent.get("time") or self._clock()
            envelope = {**sent, "time": time, "id": sent.get("id") or uuid7(self._clock()), "data": None}
            return msgspec.structs.replace(msgspec.convert(envelope, Event[None]), data=record)
        except (msgspec.ValidationError, ValueError, KeyError, TypeError) as error:
            raise EventRejected("contract", without_values(error)) from None

    def _record(self, event_type: str, data: Mapping[str, Any], app: str, settings: App) -> PersonalData | None:
        facts = {name: value for name, value in data.items() if name not in ("user", "messages", "output", "app")}
        unit = data.get("conversation_id") or data.get("response_id") or ""
        person = self._identity.person(app, data.get("user"), str(unit))
        author = Author(app, person, facts.pop("consent", settings.consent), settings.simulated)
        match event_type:
            case "feedwheel.generation.v1":
                facts.setdefault("response_id", uuid7(self._clock()))
                messages, output = data["messages"], data["output"]
                check_messages(messages)
                if not isinstance(output, str | None):
                    raise ValueError("output must be a text, or null where it is withheld")
                if output is None:
                    author = _withholding(author)
                return generation_of(author, self._identity, settings.type, messages, output or "", facts)
            case "feedwheel.feedback.v1":
                facts.setdefault("feedback_id", uuid7(self._clock()))
                return feedback_of(author, facts)
            case "feedwheel.consent.v1":
                said = {**_known(author).fields(), "consent": data["consent"], "change_id": uuid7(self._clock())}
                return msgspec.convert({**said, **facts}, ConsentChange)
            case "feedwheel.erasure.v1":
                said = {**_known(author).fields(), "consent": "none", "erasure_id": uuid7(self._clock())}
                return msgspec.convert({**said, **facts}, Erasure)
        return None


def _whole(value: bytes) -> dict[str, Any]:
    """All of an event, also what the contract does not look at. Raises EventRejected."""
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except UnicodeDecodeError:
        raise EventRejected("not_utf8", "a text of the event is not UTF-8") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise EventRejected("not_json", without_values(error)) from None


def _known(author: Author) -> Author:
    """Of what must be about somebody."""
    if author.person.user_key is None:
        raise ValueError("user is missing: a consent, or a request to be erased, is a person's")
    return author


def _withholding(author: Author) -> Author:
    """Of an answer whose text is not there: as if the person allowed signals only."""
    return replace(author, consent="signal_only") if author.consent == "content" else author

"""Capture for an application: record answers and what people do about them, at the cost of one local write.

    from feedwheel_capture import Capture

    capture = Capture()                 # settings from the environment
    client = capture.wrap(OpenAI())     # every chat completion is recorded from now on
    capture.thumbs(answer.id, up=True, user="ann")

In: what was asked, answered, said and done. Out: events in a spool on disk, which a thread carries to Kafka or to a
collector. Nothing here waits for anything but the write, and no error reaches an application that did not ask for it:
what could not be recorded is logged, counted in `stats`, and recorded as a gap (I7).
"""

import atexit
import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, cast

import msgspec

from feedwheel_capture.arguments import (
    EXPOSURE_FACTS,
    GENERATION_FACTS,
    check_consent,
    check_facts,
    check_output,
    check_somebody,
    check_value,
)
from feedwheel_capture.errors import CaptureError, EventRefused, SettingsWrong, WrongValue, described
from feedwheel_capture.events import (
    ConsentChange,
    Erasure,
    EventData,
    Exposure,
)
from feedwheel_capture.ids import uuid7
from feedwheel_capture.masking import ReversibleMask
from feedwheel_capture.messages import check_messages
from feedwheel_capture.openai import wrap_client
from feedwheel_capture.outbox import Outbox
from feedwheel_capture.records import Author, event_id_of, feedback_of, generation_of
from feedwheel_capture.redact import PATTERNS, Redactor
from feedwheel_capture.settings import CaptureSettings
from feedwheel_capture.signing import FeedbackScope, sign
from feedwheel_capture.vocabulary import Consent, FeedbackKind

_LOG: Final = logging.getLogger(__name__)
_CLOSE_S: Final = 3.0
"""How long an ending process waits for its last events to be taken; the rest is sent by the next one."""
URL_LIFETIME: Final = timedelta(days=7)
"""People come back to an answer for some days; a link that leaks is good for no longer."""
_THUMBS: Final = (-1.0, 1.0)

ClientT = TypeVar("ClientT")
MethodT = TypeVar("MethodT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Answered:
    """Ids by which feedback names an answer. `event_id` is None where nothing was stored."""

    response_id: str
    conversation_id: str
    event_id: str | None


@dataclass(frozen=True, slots=True)
class CaptureStats:
    """Counts since the start: whatever was asked to be recorded is in `recorded`, `lost` or `errors`.

    `lost` were not stored: a full spool, too large, or not redactable. Of `recorded`, `refused` were not taken by their
    destination and never will be, and `waiting` are on their way.
    """

    recorded: int
    errors: int
    lost: int
    refused: int
    waiting: int
    connected: bool


@dataclass(frozen=True, slots=True)
class _Setting:
    """Who is talking, inside a `with capture.conversation(...)`."""

    user: str | None
    conversation_id: str | None
    consent: Consent | None


_NOBODY: Final = _Setting(None, None, None)
_setting: ContextVar[_Setting] = ContextVar("feedwheel_conversation", default=_NOBODY)


def _quiet(method: MethodT) -> MethodT:
    """Let no error of ours reach an application that did not ask for it; None stands for the result."""

    @functools.wraps(method)
    def wrapped(self: "Capture", *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except EventRefused:  # counted and logged as a gap
            if self.raise_errors:
                raise
        except Exception as error:  # whatever it is, the application's own work goes on
            # Raised by the call itself: the message names arguments, and no value.
            miscalled = isinstance(error, TypeError) and error.__traceback__ and error.__traceback__.tb_next is None
            self._fail(WrongValue(str(error)) if miscalled else error)
        return None

    return cast("MethodT", wrapped)


def system_clock() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)


class Capture:
    """Records for one application. Any thread may use it; after a fork the child goes on with a spool of its own.

    `raise_errors`: let errors through (SettingsWrong, EventRefused, ValueError of a wrong value), as in tests.
    """

    def __init__(
        self,
        app: str | None = None,
        *,
        settings: CaptureSettings | None = None,
        redactor: Redactor | None = None,
        clock: Callable[[], datetime] = system_clock,
        raise_errors: bool = False,
    ) -> None:
        self.raise_errors = raise_errors
        self._clock = clock
        self._recorded = self._errors = 0
        self._outbox: Outbox | None = None
        try:
            self._settings = settings or CaptureSettings.from_environment(app)
            self._outbox = Outbox(self._settings, redactor or _redactor(self._settings), clock)
        except CaptureError as error:
            self._fail(error)
        else:
            atexit.register(self.close)

    def _fail(self, error: Exception) -> None:
        """Raise, or count and log."""
        self._errors += 1
        if self.raise_errors:
            raise error
        if self._outbox is not None or self._errors == 1:  # that capture is off is said once, with the reason
            _LOG.error("capture: %s", described(error))

    def wrap(self, client: ClientT) -> ClientT:
        """The same OpenAI client, synchronous or not, which records every chat completion from now on.

        Who asks is `user=` of the call, or of the `conversation` around it; what that person allows is said there.
        """
        wrap_client(client, self)
        return client

    @contextmanager
    def conversation(
        self, user: str | None = None, conversation_id: str | None = None, consent: Consent | None = None
    ) -> Iterator[str]:
        """Whatever is recorded inside belongs to this person and conversation; gives the conversation's id."""
        name = conversation_id or uuid7(self._clock())
        self._check_consent(consent)
        token = _setting.set(_Setting(user, name, consent))
        try:
            yield name
        finally:
            _setting.reset(token)

    def generation(
        self,
        /,
        messages: Sequence[Mapping[str, Any]],
        output: str,
        *,
        model: str,
        user: str | None = None,
        conversation_id: str | None = None,
        response_id: str | None = None,
        consent: Consent | None = None,
        **facts: Any,
    ) -> Answered:
        """Record an answer: the messages the model saw (OpenAI's shape), and what it said.

        `facts` are further fields of the event, such as model_version, prompt_version, finish_reason, input_tokens,
        output_tokens, latency_ms, retrieved_document_ids, tool_calls, cached.
        """
        name = conversation_id or _setting.get().conversation_id
        response = response_id or uuid7(self._clock())
        done = self._generation(messages, output, model, user, name, response, consent, facts)
        return done or Answered(response, name or response, None)

    @_quiet
    def _generation(
        self,
        messages: Sequence[Mapping[str, Any]],
        output: str,
        model: str,
        user: str | None,
        conversation_id: str | None,
        response_id: str,
        consent: Consent | None,
        facts: Mapping[str, Any],
    ) -> Answered | None:
        outbox, settings = self._ready()
        check_messages(messages)
        check_output(output)
        check_facts(facts, GENERATION_FACTS)
        # The split unit of an anonymous person is the conversation.
        author = self._author(user, conversation_id or response_id, consent)
        known = {**facts, "response_id": response_id, "conversation_id": conversation_id, "model": model}
        record = generation_of(author, settings.identity, settings.app_type, messages, output, known)
        return Answered(response_id, record.conversation_id, self._record(outbox, record))

    @_quiet
    def feedback(
        self,
        /,
        kind: FeedbackKind,
        *,
        response_id: str | None = None,
        conversation_id: str | None = None,
        user: str | None = None,
        consent: Consent | None = None,
        feedback_id: str | None = None,
        surface: str | None = None,
        dwell_ms: float | None = None,
        client_time: datetime | None = None,
        retract: bool = False,
        **value: Any,
    ) -> str | None:
        """Record something said or done about an answer or a conversation; the event's id.

        `value` are the fields of the kind (docs/signals.md), for example rating=4, scale=(1, 5). The same
        `feedback_id` again is the same feedback. `retract` takes an earlier one of this kind and surface back.
        """
        outbox, _ = self._ready()
        check_value(kind, value)
        conversation_id = conversation_id or _setting.get().conversation_id
        record = feedback_of(
            self._author(user, conversation_id or response_id or "", consent),
            {
                "feedback_id": feedback_id or uuid7(self._clock()),
                "kind": kind,
                "value": None if retract else value,
                "response_id": response_id,
                "conversation_id": conversation_id,
                "surface": surface,
                "dwell_ms": dwell_ms,
                "client_time": client_time,
            },
        )
        return self._record(outbox, record, event_id_of(record))

    def thumbs(self, /, response_id: str, *, up: bool, user: str | None = None, **more: Any) -> str | None:
        """A thumb up or down."""
        # What is neither goes on as it is, and is refused as a rating.
        rating = up * 2.0 - 1.0 if isinstance(up, int) else up
        return self.feedback("thumbs", response_id=response_id, user=user, rating=rating, scale=_THUMBS, **more)

    def edited(self, /, response_id: str, text: str, *, user: str | None = None, **more: Any) -> str | None:
        """What the person made of the answer; the same text again confirms it."""
        return self.feedback("edit", response_id=response_id, user=user, edited_output=text, **more)

    @_quiet
    def exposure(
        self,
        /,
        response_id: str,
        conversation_id: str,
        offered: Sequence[FeedbackKind],
        *,
        user: str | None = None,
        **facts: Any,
    ) -> str | None:
        """Record what was offered beside an answer; `facts`: policy, propensity, candidates."""
        outbox, _ = self._ready()
        check_facts(facts, EXPOSURE_FACTS)
        given = {"arm": "champion", "policy": "normal", "propensity": 1.0, **facts}
        record = {
            **self._author(user, conversation_id, None).fields(),
            **given,
            "exposure_id": uuid7(self._clock()),
            "response_id": response_id,
            "conversation_id": conversation_id,
            "offered": list(offered),
        }
        return self._record(outbox, msgspec.convert(record, Exposure))

    @_quiet
    def consent(self, user: str, state: Consent) -> str | None:
        """Record that a person grants or withdraws; a withdrawal also holds for what is stored."""
        outbox, _ = self._ready()
        check_somebody(user)
        check_consent("state", state)
        change = ConsentChange(**self._author(user, "", state).fields(), change_id=uuid7(self._clock()))
        return self._record(outbox, change)

    @_quiet
    def erase(self, user: str) -> str | None:
        """Record that a person asks for everything about them to be erased."""
        outbox, _ = self._ready()
        check_somebody(user)
        asked = Erasure(**self._author(user, "", "none").fields(), erasure_id=uuid7(self._clock()))
        return self._record(outbox, asked)

    def feedback_url(
        self,
        base_url: str,
        answered: Answered,
        *,
        user: str | None = None,
        consent: Consent | None = None,
        lifetime: timedelta = URL_LIFETIME,
    ) -> str:
        """An address to which a browser may send feedback about one answer, as its person and by that consent.

        Give the person and the consent of the answer, or call it inside its `conversation`: otherwise it is nobody's,
        by the consent of the settings. Raises SettingsWrong without a key, WrongValue for no state of consent.
        """
        _, settings = self._ready()
        if settings.url_key is None:
            raise SettingsWrong("FEEDWHEEL_URL_KEY is not set: the collector must have the same")
        author = self._author(user, answered.conversation_id, consent)
        scope = FeedbackScope(
            settings.app, answered.response_id, answered.conversation_id, author.person, author.consent
        )
        return f"{base_url.rstrip('/')}/f/{sign(scope, settings.url_key, self._clock() + lifetime)}"

    @property
    def stats(self) -> CaptureStats:
        """How capture is doing."""
        outbox = self._outbox
        if outbox is None:
            return CaptureStats(self._recorded, self._errors, 0, 0, 0, connected=False)
        counts = outbox.counts
        return CaptureStats(self._recorded, self._errors, counts.lost, counts.refused, counts.waiting, outbox.connected)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until every event is at its destination; whether it is. False if capture is switched off."""
        return self._outbox is not None and self._outbox.flush(timeout_s)

    def close(self) -> None:
        """Send what can be sent, and release the spool; `stats` go on to say what became of it."""
        if self._outbox is not None:
            self._outbox.close(_CLOSE_S)

    def _ready(self) -> tuple[Outbox, CaptureSettings]:
        if self._outbox is None:
            raise SettingsWrong("capture is off: its settings were wrong at the start")
        return self._outbox, self._settings

    @_quiet
    def _check_consent(self, consent: Consent | None) -> None:
        if consent is not None:
            check_consent("consent", consent)

    def _author(self, user: str | None, split_unit: str, consent: Consent | None) -> Author:
        settings, here = self._settings, _setting.get()
        allowed = next(said for said in (consent, here.consent, settings.consent) if said is not None)
        check_consent("consent", allowed)
        person = settings.identity.person(settings.app, user or here.user, split_unit)
        return Author(settings.app, person, allowed)

    def _record(self, outbox: Outbox, data: EventData, event_id: str | None = None) -> str | None:
        stored = outbox.record(data, event_id)
        self._recorded += stored is not None
        return stored


def _redactor(settings: CaptureSettings) -> Redactor:
    if settings.mask_key is None:
        return PATTERNS
    try:
        return Redactor(mask=ReversibleMask(settings.mask_key))
    except ValueError:
        raise SettingsWrong("FEEDWHEEL_MASK_KEY must be 32, 48 or 64 bytes in URL-safe base64") from None
    except ImportError:
        raise SettingsWrong("FEEDWHEEL_MASK_KEY needs the extra `masking` of this package") from None

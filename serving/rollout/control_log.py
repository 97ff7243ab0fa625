"""The control log as this process knows it: followed in Kafka, mirrored on disk, decided upon through the spool.

In: the topic feedwheel.control, from its beginning. Out: the standing of every application. A process that starts
without Kafka serves what its mirror says. A decision made here takes effect here at once, survives a restart, and
reaches the log when Kafka can be reached; if another replica's came first there, that one counts for everyone, this
process included.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.catalogue import TopicName
from feedwheel_capture.errors import CaptureError, SpoolFull
from feedwheel_capture.events import Control, Decision, Event, Proposal, encode
from feedwheel_capture.recorder import Recorder, make_event
from kafka.errors import KafkaError

from feedback.capture.consumer import EventConsumer
from schemas.errors import ContractViolation
from schemas.events import EventRejected, decode
from serving.rollout.state import Standing, not_yet_in, standings

_LOG: Final = logging.getLogger(__name__)
_TOPIC: Final[TopicName] = "feedwheel.control"
_POLL_S: Final = 0.5
_RETRY_S: Final = 1.0
_CHECK_S: Final = 5.0


class _Mirror(msgspec.Struct, frozen=True):
    """The file: the log as last read, and decisions made here that were not in it."""

    log: list[msgspec.Raw]
    pending: list[msgspec.Raw]


class ControlLog:
    """Follows the log on a thread of its own; every other method may be called from any thread."""

    def __init__(
        self,
        access: KafkaAccess,
        mirror: Path,
        recorder: Recorder,
        replica: str,
        clock: Callable[[], datetime],
    ) -> None:
        """Take up what the mirror knows. Raises ContractViolation if it was altered."""
        self._access = access
        self._mirror = mirror
        self._recorder = recorder
        self._replica = replica
        self._clock = clock
        self._lock = threading.Lock()
        self._log, self._pending = _read(mirror)
        self._unsent = [event.data for event in self._pending]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feedwheel-control", daemon=True)
        self.connected = False

    def start(self) -> None:
        """Begin to follow the log."""
        self._thread.start()

    def close(self) -> None:
        """Stop following; the mirror stays."""
        self._stopping.set()
        self._thread.join(timeout=5 * _POLL_S)

    def standings(self) -> dict[str, Standing]:
        """The standing of every application, decisions made here included."""
        with self._lock:
            return standings([*self._log, *self._pending])

    def decide(self, decision: Decision | Proposal) -> None:
        """Decide here and now, or let a shadow be shown; the log learns of it through the spool."""
        with self._lock:
            self._pending.append(make_event(decision, self._replica, self._clock()))
            self._unsent.append(decision)
            _write(self._mirror, self._log, self._pending)

    def send(self) -> None:
        """Put decisions on their way to the log; while the spool is full they wait. A repeat is void there."""
        with self._lock:
            while self._unsent:
                try:
                    self._recorder.record(self._unsent[0])
                except SpoolFull:
                    return
                del self._unsent[0]

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with EventConsumer(self._access, [_TOPIC]) as consumer:
                    self._follow(consumer)
            except (KafkaError, CaptureError, OSError) as error:
                self.connected = False
                _LOG.warning("control log: %s; its last known state is in force", type(error).__name__)
            self._stopping.wait(_RETRY_S)

    def _follow(self, consumer: EventConsumer) -> None:
        """Read from the beginning; what was read replaces what is known whenever the end is reached."""
        events: list[Event[Control]] = []
        checked = float("-inf")
        while not self._stopping.is_set():
            records = consumer.poll(_POLL_S)
            events += [event for record in records if (event := _control(record.value)) is not None]
            if records or time.monotonic() - checked > _CHECK_S:
                # Only this call notices that the broker is gone: polling a dead one gives nothing, for ever.
                at_end, checked = consumer.at_end(), time.monotonic()
                if at_end:
                    self.connected = True
                    self._replace(events)

    def _replace(self, events: list[Event[Control]]) -> None:
        with self._lock:
            if not events and self._log:
                _LOG.error("the control log is empty but %s is not: the mirror stays in force", self._mirror)
                return
            self._log = list(events)
            self._pending = not_yet_in(standings(events), self._pending)
            _write(self._mirror, self._log, self._pending)


def _control(value: bytes | None) -> Event[Control] | None:
    """The event of one value; None for what is no control event, which ingest counts and nobody acts on."""
    try:
        return decode(value, _TOPIC)
    except EventRejected as error:
        _LOG.warning("control log: a record is no control event (%s)", error.reason)
        return None


def _read(mirror: Path) -> tuple[list[Event[Any]], list[Event[Any]]]:
    if not mirror.exists():
        return [], []
    try:
        stored = msgspec.json.decode(mirror.read_bytes(), type=_Mirror)
        log, pending = ([decode(bytes(raw), _TOPIC) for raw in raws] for raws in (stored.log, stored.pending))
    except (msgspec.DecodeError, EventRejected) as error:
        raise ContractViolation(f"{mirror}: {error}: move it away while Kafka is up, which has the log") from error
    return log, pending


def _write(mirror: Path, log: list[Event[Any]], pending: list[Event[Any]]) -> None:
    """Replace the mirror so that a reader, and a restart at any moment, finds the old one or the new one."""
    mirror.parent.mkdir(parents=True, exist_ok=True)
    draft = mirror.with_suffix(".new")
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(_Mirror(_raw(log), _raw(pending))))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(mirror)


def _raw(events: list[Any]) -> list[msgspec.Raw]:
    return [msgspec.Raw(encode(event)) for event in events]

"""Kafka for producers, on confluent-kafka: the rest of the client knows only records.

In: access to a cluster, and spool records to publish. Out: acknowledgements from all in-sync replicas. The library
works on threads of its own, outside the interpreter, which the application's thread therefore never waits for.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from feedwheel_capture.access import CA_FILE, CERTIFICATE_FILE, KEY_FILE, PASSWORD, USERNAME, KafkaAccess
from feedwheel_capture.errors import PublishFailed
from feedwheel_capture.events import MAX_EVENT_BYTES
from feedwheel_capture.listening import is_refused
from feedwheel_capture.spool import Record

_LOG: Final = logging.getLogger(__name__)
_CONNECT_TIMEOUT_S: Final = 3.0
"""How long connecting may take before the caller is told: a healthy cluster answers in milliseconds."""
_ACKNOWLEDGE_TIMEOUT_S: Final = 10.0
"""A batch that a healthy cluster takes is acknowledged in milliseconds; after this its records go back to the spool."""
_PUBLISH_TIMEOUT_S: Final = 2 * _ACKNOWLEDGE_TIMEOUT_S
"""Longer than any record should wait, so that most failures come with their own reason."""
_QUEUE_WAIT_S: Final = 0.1
"""Between two attempts to hand over a record while the library's queue is full."""

OPTIONS: Final[dict[str, Any]] = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "lz4",
    # What is too large, the broker says: it knows its limit, and we do not.
    "message.max.bytes": 2 * MAX_EVENT_BYTES,
    "reconnect.backoff.max.ms": 1000,  # how late, at most, the end of an outage is noticed; 10 s by default
}
"""What every producer of ours is made with, beside the access."""

_REFUSED: Final = {
    KafkaError._AUTHENTICATION: f"it refuses this user or password: correct {USERNAME} or {PASSWORD}",  # noqa: SLF001  # the client's public constant
    KafkaError._SSL: f"no TLS connection comes about: correct {CA_FILE}, {CERTIFICATE_FILE} or {KEY_FILE}",  # noqa: SLF001  # as above
}


class Refusals:
    """Why a client is not let in: it hears so beside its requests, which only time out. Give it as `error_cb`."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def __call__(self, error: KafkaError) -> None:
        """Keep what says that waiting is in vain."""
        self.reason = _REFUSED.get(error.code(), self.reason)


class Deliveries:
    """Why records were not taken. Give it as `on_delivery`."""

    def __init__(self) -> None:
        self.failures: list[KafkaError] = []

    def __call__(self, error: KafkaError | None, _: Message) -> None:
        """Keep what went wrong."""
        if error is not None:
            self.failures.append(error)


class EventProducer:
    """Publishes records with acks=all, in order per partition, without repeats within one connection."""

    def __init__(self, access: KafkaAccess) -> None:
        """Connect. Raises PublishFailed if no broker answers, SettingsWrong if a file of `access` cannot be read."""
        self._access = access
        self._producer = self._connected()

    def publish(self, records: Iterable[Record]) -> int:
        """Send records and wait until all are acknowledged, or refused for good because of their size: how many.

        Raises PublishFailed if any is neither.
        """
        records = list(records)
        failures = self._send(records)
        if any(error.code() == KafkaError.MSG_SIZE_TOO_LARGE for error in failures):
            # A batch is refused as a whole, and the idempotent producer with it: begin anew, find the one to blame.
            self.close()
            self._producer = self._connected()
            if len(records) > 1:
                middle = len(records) // 2
                return self.publish(records[:middle]) + self.publish(records[middle:])
            _LOG.error("Kafka refused an event of %d bytes for good: too_large", len(records[0].value))
            return 1
        if failures:
            raise PublishFailed(f"{self._access}: {failures[0].name()}")
        return 0

    def _send(self, records: Sequence[Record]) -> list[KafkaError]:
        """Why some of the records were not taken. Raises PublishFailed if none is known in time."""
        deliveries = Deliveries()
        for record in records:
            try:
                self._produce(record, deliveries)
            except KafkaException as error:
                return [error.args[0]]
        if unsent := self._producer.flush(_PUBLISH_TIMEOUT_S):
            raise PublishFailed(f"{self._access}: {unsent} of {len(records)} records are not acknowledged")
        return deliveries.failures

    def _produce(self, record: Record, deliveries: Deliveries) -> None:
        """Hand one record over, as soon as the library has room for it. Raises KafkaException, PublishFailed."""
        deadline = time.monotonic() + _PUBLISH_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                self._producer.produce(record.topic, record.value, record.key.encode(), on_delivery=deliveries)
            except BufferError:
                self._producer.poll(_QUEUE_WAIT_S)
            else:
                return
        raise PublishFailed(f"{self._access}: nothing is acknowledged")

    def _connected(self) -> Producer:
        if is_refused(self._access):
            raise PublishFailed(f"{self._access}: no broker answers (connection refused)")
        refusals = Refusals()
        producer = Producer(
            self._access.librdkafka()
            | OPTIONS
            | {
                "error_cb": refusals,
                "log_level": 0,  # else each attempt to connect is a line on stderr; the publisher tells of the outage
                "delivery.timeout.ms": int(_ACKNOWLEDGE_TIMEOUT_S * 1000),
                "socket.timeout.ms": int(_ACKNOWLEDGE_TIMEOUT_S * 500),
            }
        )
        try:
            producer.list_topics(timeout=_CONNECT_TIMEOUT_S)
        except KafkaException as error:
            producer.poll(0)  # hands over what was heard
            reason = refusals.reason or f"no broker answers ({error.args[0].name()})"
            raise PublishFailed(f"{self._access}: {reason}") from error
        return producer

    def close(self) -> None:
        """Disconnect at once: what `publish` returned for is safe, the rest is its caller's to send again."""
        self._producer.purge()
        self._producer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

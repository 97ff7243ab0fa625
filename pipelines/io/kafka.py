"""A Kafka cluster as ingest sees it: identities, log bounds, and publishing; on confluent-kafka.

In: access to a cluster, and topic names. Out: ids and offsets, or acknowledged records. Every failure of the cluster is
an InfrastructureError that names the address. Offsets are never committed to it: the Delta log holds them (I2).
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
    Uuid,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # public, by its documentation
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.kafka import OPTIONS, Deliveries, Refusals

from pipelines.io.kafka_admin import advice, check_listening, readable
from schemas.errors import InfrastructureError

_LOG: Final = logging.getLogger(__name__)
_REQUEST_TIMEOUT_S: Final = 10.0
"""A healthy cluster answers a metadata request in milliseconds."""
_FIRST_ANSWER_S: Final = 1.0
"""By then, whoever is refused has heard so."""
_DELIVERY_TIMEOUT_S: Final = 30.0
_UNKNOWN_TOPIC: Final = KafkaError.UNKNOWN_TOPIC_OR_PART

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TopicView:
    """One topic as the cluster has it now. `id` changes when it is deleted and made again."""

    name: str
    id: str
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster's id and those of the asked topics that it has."""

    id: str
    topics: Mapping[str, TopicView]


@dataclass(frozen=True, slots=True)
class LogBounds:
    """Offsets of one partition that can be read: [begin, end), `end` before any open transaction."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish. `partition` None lets the key decide."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int | None = None


@contextmanager
def broker_errors(access: KafkaAccess, refusals: Refusals | None = None) -> Iterator[None]:
    """Name the address in every failure of the client, and what to do about it."""
    try:
        yield
    except KafkaException as error:
        if refusals is not None and refusals.reason is not None:
            raise InfrastructureError(f"Kafka at {access}: {refusals.reason}") from error
        # Not str(error): some messages of the client quote what was sent.
        problem = error.args[0]
        reason = problem.name() if isinstance(problem, KafkaError) else type(error).__name__
        raise InfrastructureError(f"Kafka at {access}: {reason}: {advice(access)}") from error


def client_options(access: KafkaAccess) -> dict[str, Any]:
    """What every client of ours is made with: its log goes to ours instead of stderr. Raises ConfigError."""
    with readable():
        return {"logger": _LOG, **access.librdkafka()}


class Cluster:
    """Asks one cluster about itself."""

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._refusals = Refusals()
        self._admin = AdminClient(client_options(access) | {"error_cb": self._refusals})

    def view(self, topics: Sequence[str]) -> ClusterView:
        """Ids of the cluster and of those topics that exist. Raises InfrastructureError."""
        check_listening(self._access, _REQUEST_TIMEOUT_S)
        with broker_errors(self._access, self._refusals):
            self._reach()
            cluster = self._admin.describe_cluster(request_timeout=_REQUEST_TIMEOUT_S).result()
        views = (self._topic(topic) for topic in topics)
        return ClusterView(str(cluster.cluster_id), {view.name: view for view in views if view is not None})

    def _reach(self) -> None:
        """Fail within a timeout, where futures would wait for the cluster to come; who is refused need not wait."""
        try:
            self._admin.list_topics(timeout=_FIRST_ANSWER_S)
        except KafkaException:
            self._admin.poll(0)  # hands over what was heard
            if self._refusals.reason is not None:
                raise
            self._admin.list_topics(timeout=_REQUEST_TIMEOUT_S)

    def topic_id(self, topic: str) -> str | None:
        """The topic's present id, None if there is no such topic. Raises InfrastructureError."""
        view = self._topic(topic)
        return None if view is None else view.id

    def _topic(self, topic: str) -> TopicView | None:
        future = self._admin.describe_topics(TopicCollection([topic]), request_timeout=_REQUEST_TIMEOUT_S)[topic]
        try:
            found = future.result()
        except KafkaException as error:
            if error.args[0].code() == _UNKNOWN_TOPIC:
                return None
            with broker_errors(self._access):
                raise
        return TopicView(
            topic, _as_kafka_writes_it(found.topic_id), tuple(sorted(partition.id for partition in found.partitions))
        )

    def bounds(self, topic: TopicView) -> dict[int, LogBounds]:
        """What can be read of each partition now. Raises InfrastructureError."""
        # Begin first: it only grows, so it cannot pass an end that is read after it.
        begins = self._offsets(topic, OffsetSpec.earliest())
        ends = self._offsets(topic, OffsetSpec.latest())
        return {partition: LogBounds(begins[partition], ends[partition]) for partition in topic.partitions}

    def begin(self, topic: str, partition: int) -> int:
        """First offset that the log still has. Raises InfrastructureError."""
        return self._offsets(TopicView(topic, "", (partition,)), OffsetSpec.earliest())[partition]

    def _offsets(self, topic: TopicView, spec: OffsetSpec) -> dict[int, int]:
        asked = {TopicPartition(topic.name, partition): spec for partition in topic.partitions}
        with broker_errors(self._access):
            answers = self._admin.list_offsets(
                asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_REQUEST_TIMEOUT_S
            )
            return {partition.partition: _result(future).offset for partition, future in answers.items()}


def _as_kafka_writes_it(uuid: Uuid) -> str:
    """Base64 in the alphabet of URLs, as Kafka's own tools show it; the client's has slashes and pluses."""
    return str(uuid).translate(str.maketrans("/+", "_-"))


def _result(future: Future[_T]) -> _T:
    return future.result(timeout=2 * _REQUEST_TIMEOUT_S)


def publish(access: KafkaAccess, records: Iterable[Outgoing]) -> int:
    """Publish records and wait until all in-sync replicas have each. Returns how many. Raises InfrastructureError."""
    deliveries, refusals = Deliveries(), Refusals()
    options = {"error_cb": refusals, "delivery.timeout.ms": int(_DELIVERY_TIMEOUT_S * 1000)}
    producer = Producer(client_options(access) | OPTIONS | options)
    count = 0
    with broker_errors(access):
        for record in records:
            _produce(producer, record, deliveries)
            count += 1
        deadline = time.monotonic() + 2 * _DELIVERY_TIMEOUT_S
        while (unsent := producer.flush(_FIRST_ANSWER_S)) and time.monotonic() < deadline:
            if refusals.reason is not None and unsent == count:  # none of the brokers has taken any
                producer.purge()
                raise InfrastructureError(f"Kafka at {access}: {refusals.reason}")
    if (failures := deliveries.failures) or unsent:
        reason = failures[0].name() if failures else "no acknowledgement"
        raise InfrastructureError(
            f"Kafka at {access} did not take {len(failures) + unsent} of {count} records ({reason}): {advice(access)}"
        )
    return count


def _produce(producer: Producer, record: Outgoing, deliveries: Deliveries) -> None:
    placed: dict[str, Any] = {} if record.partition is None else {"partition": record.partition}
    while True:
        try:
            producer.produce(
                record.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                on_delivery=deliveries,
                **placed,
            )
        except BufferError:
            producer.poll(1.0)  # the client's queue is full: let it send
            continue
        producer.poll(0)
        return

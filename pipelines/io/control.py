"""The control log of releases: read from its beginning, appended with acknowledgement.

In: control records. Out: events on the one partition of feedwheel.control, which is the truth about releases.
"""

from typing import Final

from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.errors import PublishFailed
from feedwheel_capture.events import Control
from feedwheel_capture.kafka import EventProducer
from feedwheel_capture.recorder import make_event, to_record
from kafka.errors import KafkaError

from feedback.capture.consumer import EventConsumer
from pipelines.context import Clock
from pipelines.io.kafka_admin import readable
from schemas.errors import InfrastructureError
from schemas.events import EventRejected, decode

SOURCE: Final = "feedwheel/release"
"""CloudEvents source of what the pipelines append."""
_TOPIC: Final = "feedwheel.control"
_POLL_S: Final = 1.0


def read_control(access: KafkaAccess, app: str) -> list[Control]:
    """Every control record of `app` that the log holds now, in order. Raises InfrastructureError."""
    try:
        with readable(), EventConsumer(access, [_TOPIC]) as consumer:
            values = []
            while not consumer.at_end():
                values += [record.value for record in consumer.poll(_POLL_S)]
    except KafkaError as error:
        raise _unreachable(access, error) from error
    records = [_record(value) for value in values]
    return [record for record in records if record is not None and record.app == app]


def _record(value: bytes | None) -> Control | None:
    """The record of one value; None for what is no control event: ingest counts it, and nobody acts on it."""
    try:
        control: Control = decode(value, _TOPIC).data
    except EventRejected:
        return None
    return control


def append_control(access: KafkaAccess, record: Control, clock: Clock) -> None:
    """Append one control record and wait until it is acknowledged. Raises InfrastructureError."""
    try:
        with readable(), EventProducer(access) as producer:
            refused = producer.publish([to_record(make_event(record, SOURCE, clock()))])
    except PublishFailed as error:
        # Not "run it again": the record may be there, and a second rollback takes one more model back.
        raise InfrastructureError(
            f"Kafka at {access} confirmed no record ({type(error).__name__}), and may have it: look at the rollout "
            "(GET /v1/rollout of serving) before you run this again"
        ) from error
    if refused:
        raise InfrastructureError(f"{_TOPIC} at {access} takes no record of this size: raise max.message.bytes")


def _unreachable(access: KafkaAccess, error: Exception) -> InfrastructureError:
    return InfrastructureError(
        f"Kafka at {access}: {type(error).__name__}: see `feedwheel status`, then run this again"
    )

"""The catalogue of event types: the CloudEvents type of each record, its topic, and the Kafka key of an event."""

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from feedwheel_capture.events import (
    Baseline,
    ConsentChange,
    Decision,
    Erasure,
    Event,
    EventData,
    Exposure,
    Feedback,
    Gap,
    Generation,
    Proposal,
)

TopicName = Literal["feedwheel.generations", "feedwheel.feedback", "feedwheel.privacy", "feedwheel.control"]
TOPICS: Final[tuple[TopicName, ...]] = get_args(TopicName)
DLQ_TOPIC: Final = "feedwheel.dlq"

SCHEMA_VERSION: Final = 1
"""Major version of every record; it is the last part of the CloudEvents `type`."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One line of the catalogue. `records` has several members where a field of the data tells them apart."""

    name: str
    topic: TopicName
    records: tuple[type, ...]

    @property
    def versioned_name(self) -> str:
        """The CloudEvents `type`, for example `feedwheel.feedback.v1`."""
        return f"{self.name}.v{SCHEMA_VERSION}"


EVENT_TYPES: Final = (
    EventType("feedwheel.generation", "feedwheel.generations", (Generation,)),
    EventType("feedwheel.feedback", "feedwheel.feedback", (Feedback,)),
    EventType("feedwheel.exposure", "feedwheel.feedback", (Exposure,)),
    EventType("feedwheel.consent", "feedwheel.privacy", (ConsentChange,)),
    EventType("feedwheel.erasure", "feedwheel.privacy", (Erasure,)),
    EventType("feedwheel.control", "feedwheel.control", (Baseline, Proposal, Decision, Gap)),
)
TYPE_OF_RECORD: Final[dict[type, EventType]] = {record: entry for entry in EVENT_TYPES for record in entry.records}


def event_type(data: EventData) -> EventType:
    """The catalogue line of a record."""
    return TYPE_OF_RECORD[type(data)]


def kafka_key(event: Event[Any]) -> str:
    """The Kafka key: it keeps what belongs together in order, joins never rely on it (design, section 6)."""
    data = event.data
    match data:
        case Baseline() | Proposal() | Decision() | Gap():
            return str(data.app)
        case ConsentChange() | Erasure():
            return f"{data.app}/{data.user_key}"
        case Feedback(conversation_id=None):
            return f"{data.app}/{data.response_id}"
    return f"{data.app}/{data.conversation_id}"

"""Consent, applied before anything is written: what a person did not allow is not there to be leaked."""

from typing import TypeVar

import msgspec

from feedwheel_capture.events import EventData, Feedback, FeedbackValue, Generation

DataT = TypeVar("DataT", bound=EventData)


def apply_consent(data: EventData) -> EventData | None:
    """The record as its consent allows it: whole, without text, or not at all (None).

    Without text the lengths, ratings, actions and timings stay. Withdrawals and erasures themselves, and operational
    records, are always kept: they are what consent is enforced with.
    """
    if not isinstance(data, Generation | Feedback) or data.consent == "content":
        return data
    if data.consent == "none":
        return None
    return without_text(data)


def without_text(data: DataT) -> DataT:
    """The record less every text that a person or a model wrote; lengths stay."""
    match data:
        case Generation():
            return msgspec.structs.replace(
                data,
                input=[msgspec.structs.replace(message, content=None) for message in data.input],
                output=None,
                tool_calls=[msgspec.structs.replace(call, arguments=None) for call in data.tool_calls],
            )
        case Feedback(value=FeedbackValue() as value):
            return msgspec.structs.replace(data, value=msgspec.structs.replace(value, text=None, edited_output=None))
    return data

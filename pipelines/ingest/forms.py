"""In which form each record carries its event: as JSON, as JSON with its attributes in headers, or as Avro.

In: a batch. Out: for each record the text of a whole event in JSON, which is what everything else decodes, or why there
is none. Where everything is that already, nothing is looked at.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from pipelines.ingest.avro import AvroReader, is_framed
from pipelines.ingest.manifest import Rejection, RejectStage
from pipelines.io.kafka_ranges import RecordBatch
from schemas.cloudevents import Attributes, Headers, binary_attributes, structured
from schemas.events import EventRejected

_MAX_DETAIL_CHARS: Final = 300


def rejection(stage: RejectStage, why: EventRejected) -> Rejection:
    """What becomes of a record that is no event, for a row of bronze."""
    return Rejection(stage, why.reason, why.detail[:_MAX_DETAIL_CHARS])


class Records:
    """The records of a batch by form. `attributes` are of those in binary mode, `refused` of those in none."""

    def __init__(self, batch: RecordBatch) -> None:
        self.values = batch.values
        self.offsets = batch.offsets
        self.attributes: dict[int, Attributes] = {}
        self.refused: dict[int, Rejection] = {}
        for place, headers in batch.headers.items():
            self._sort(place, headers)

    def _sort(self, place: int, headers: Headers | None) -> None:
        try:
            if headers is None:
                raise EventRejected("unreadable_headers", "the name of a header is not UTF-8")
            attributes = binary_attributes(headers)
        except EventRejected as rejected:
            self.refused[place] = rejection("decode", rejected)
        else:
            if attributes is not None:
                self.attributes[place] = attributes

    def whole(self) -> Sequence[bytes | None]:
        """Values that are whole events, None in the place of others."""
        if not (self.attributes or self.refused):
            return self.values
        others = self.attributes.keys() | self.refused.keys()
        return [None if place in others else value for place, value in enumerate(self.values)]

    def framed(self, places: Iterable[int]) -> list[int]:
        """Those of the places where the value is Avro."""
        return [
            place
            for place in places
            if is_framed(self.values[place]) and place not in self.attributes and place not in self.refused
        ]

    def unframe(self, places: Iterable[int], reader: AvroReader) -> None:
        """Put the whole event, or why there is none, in the place of Avro. Raises InfrastructureError."""
        self.values = list(self.values)
        for place in places:
            try:
                self.values[place] = reader.whole_event(self.values[place] or b"")
            except EventRejected as rejected:
                self.refused[place] = rejection("decode", rejected)

    def text(self, place: int) -> bytes | None:
        """The whole event. Raises EventRejected where it cannot be one."""
        attributes, value = self.attributes.get(place), self.values[place]
        return value if attributes is None or value is None else structured(attributes, value)

"""Decoding in bulk changes how fast a row comes about, never the row: whatever arrives, beside whatever else."""

import json
from copy import deepcopy
from typing import Any

import pytest
from feedwheel_capture.events import FeedbackValue, ToolCall, encode
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ingest.decode import BatchDecoder
from pipelines.ingest.manifest import Range
from pipelines.ingest.offsets import Source
from pipelines.io.kafka_ranges import RecordBatch
from schemas.tables import TABLE_OF_TOPIC
from tests.events import DISLIKED, exposure, feedback, generation
from tests.topics import event

STAMPED = {"redactor": "pattern/3"}
CALLS = [ToolCall(name="search", arguments="{}"), ToolCall(name="stop")]
CHOICE = [{"response_id": "a", "position": 0}, {"response_id": "b", "position": 1, "propensity": 0.5}]
EVENTS = {
    "feedwheel.generations": [
        generation("a0", **STAMPED),
        generation("a1", tool_calls=CALLS, parent_response_id="a0", locale="en", cached=True, **STAMPED),
        generation("a2", output=None, retrieved_document_ids=["d1", "d2"], simulated=True, **STAMPED),
    ],
    "feedwheel.feedback": [
        feedback(value=DISLIKED, **STAMPED),
        feedback("edit", FeedbackValue(edited_output="better"), client_time=event(generation("a0")).time, **STAMPED),
        feedback("thumbs", None, response_id=None, conversation_id="c", **STAMPED),
        exposure(**STAMPED),
    ],
}
ODD: list[Any] = [
    *(None, True, 0, 5, -1, 5.0, 1.5, 2**63, 2**70, 10_000),
    *("", "5", "none", "\0", "\u00e9\U0001f600"),
    *("2026-02-30T00:00:00Z", "2026-01-05T11:00:00.123456789+02:00", "2026-01-05T11:00:00+02:00"),
    *("2026-01-05 11:00:00Z", "2300-01-01T00:00:00Z"),
    *([], [None], ["x"], [1], [1.0, 2.0, 3.0], [2, 1], {}, {"x": None}, [{}]),
    [{"role": "user", "content": None, "length": 1}],
]
TEXTS = [
    *(("4711", "NaN"), ("100.0", "Infinity"), ("100.0", "1e999"), ("100.0", "-0"), ("4711", "04711")),
    *(("{", " {"), ("}", "} "), ("{", "{}{"), ("}", ",}"), (":", ": "), (",", ",\n"), ('"data"', '"d\\u0061ta"')),
    *(('"app"', '"app":"twice","app"'), ('"app"', '"unknown":[[{"x":NaN}]],"app"'), ('"app"', '"other":[[]],"app"')),
    *(("card", "\\ud800"), ("card", "a Info NaN"), ("card", BROKEN := "\udcff")),
]
"""Some characters in place of others; one is no character in UTF-8."""


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything inside a document."""
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [found for key, value in inside for found in [(*path, key), *places(value, (*path, key))]]


Record = tuple[bytes | None, list[tuple[str, bytes]]]
"""Value and headers."""
HEADERS = [
    *(("ce_id", b""), ("ce_id", b"\xff"), ("ce_type", b"feedwheel.feedback.v1"), ("ce_time", b"now"), ("trace", b"1")),
    *(("content-type", b"application/json; charset=utf-8"), ("content-type", b"text/plain")),
    *(("content-type", b"application/cloudevents+json"), ("content-type", b"Application/CloudEvents+avro")),
]
BEYOND = ["{},", '{},"foo":', "[]", "1", "1}{"]
"""What would become part of the envelope if it were only written into it."""


@st.composite
def records(draw: st.DrawFn, topic: str) -> Record:
    """An event of the topic with some fields changed, dropped or added, and some of its characters, in either mode."""
    document = json.loads(encode(event(draw(st.sampled_from(EVENTS[topic])))))
    for _ in range(draw(st.integers(0, 2))):
        *path, last = draw(st.sampled_from(places(document)))
        holder = document
        for key in path:
            holder = holder[key]
        match draw(st.sampled_from(["set", "set", "drop", "add"])):
            case "set":
                holder[last] = deepcopy(draw(st.sampled_from(ODD)))
            case "drop":
                del holder[last]
            case "add" if isinstance(holder, dict):
                holder["unknown"] = deepcopy(draw(st.sampled_from(ODD)))
    headers = list[tuple[str, bytes]]()
    if draw(st.booleans()):
        value = document.pop("data", None)
        headers = [(f"ce_{name}", str(of).encode()) for name, of in document.items() if of is not None]
        document = value
    if draw(st.integers(0, 3)) == 0:
        headers.insert(draw(st.integers(0, len(headers))), draw(st.sampled_from(HEADERS)))
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 3)) == 0:
        text = text.replace(*draw(st.sampled_from(TEXTS)), 1)
    if draw(st.integers(0, 9)) == 0:
        text = draw(st.sampled_from(BEYOND)) + text
    return text.encode(errors="surrogateescape" if BROKEN in text else "strict"), headers


@pytest.mark.parametrize("topic", EVENTS)
def test_what_becomes_of_a_record_does_not_depend_on_how_it_is_decoded(topic):
    part = Range(TABLE_OF_TOPIC[topic], topic, topic, True, Source("c", "t", 0), 1, 100, False)
    one_by_one, in_bulk = BatchDecoder(part), BatchDecoder(part)
    one_by_one._bulk = None

    @settings(max_examples=400, deadline=None)
    @given(
        st.lists(
            st.one_of(
                records(topic), st.sampled_from([None, b"", b"{", b"{}{}", b"null", b"[]"]).map(lambda v: (v, []))
            ),
            min_size=1,
            max_size=8,
        )
    )
    def same(found: list[Record]) -> None:
        count = len(found)
        headers = {place: given for place, (_, given) in enumerate(found) if given}
        values = [value for value, _ in found]
        batch = RecordBatch(list(range(1, count + 1)), values, [1] * count, [1] * count, headers=headers)
        expected, got = one_by_one.decode(batch), in_bulk.decode(batch)
        assert got.rejections == expected.rejections
        assert got.events.to_pylist() == expected.events.to_pylist()
        assert got.events.schema == expected.events.schema

    same()

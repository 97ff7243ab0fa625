"""What is decoded in bulk, what one by one, and what becomes of events whose producer did not redact."""

import json
from dataclasses import replace

import pytest
from feedwheel_capture.events import encode

from pipelines.ingest import bulk
from pipelines.ingest import decode as module
from pipelines.ingest.decode import AUDIT_EVERY, BatchDecoder
from pipelines.ingest.manifest import Range
from pipelines.ingest.offsets import Source
from pipelines.io.kafka_ranges import RecordBatch
from tests.events import generation
from tests.topics import event

PART = Range("bronze/generations", "t", "feedwheel.generations", True, Source("c", "t", 0), 0, 1000, False)
NOT_TRUSTED = replace(PART, trusted=False)
LEAK = "write to jane@example.org"


def stamped(number=0, **data):
    """An event that says it is redacted."""
    return encode(event(generation(f"a{number}", redactor="pattern/3", **data), f"event-{number}"))


def changed(**data):
    document = json.loads(stamped())
    document["data"] |= data
    return json.dumps(document).encode()


def decoded(values, first=1, part=PART, headers=None):
    count = len(values)
    offsets = list(range(first, first + count))
    return BatchDecoder(part).decode(RecordBatch(offsets, values, [1] * count, [1] * count, headers=headers or {}))


def binary(value):
    """The headers and the value of an event in binary mode."""
    document = json.loads(value)
    data = document.pop("data")
    headers = [(f"ce_{name}", text.encode()) for name, text in document.items() if text is not None]
    return [*headers, ("content-type", b"application/json")], json.dumps(data).encode()


@pytest.fixture
def one_by_one(monkeypatch):
    """Values that were not decoded in bulk."""
    seen = []
    original = module.decode
    monkeypatch.setattr(module, "decode", lambda value, topic: (seen.append(value), original(value, topic))[1])
    return seen


GARBAGE = [b"{", b"", None, b'{"id":NaN}', changed(turn="0"), changed(turn=0.5), b"{}{}"]


@pytest.mark.parametrize("garbage", GARBAGE[:5])
def test_garbage_does_not_slow_down_its_neighbours(one_by_one, garbage):
    values = [stamped(number) for number in range(100)]
    values[10] = values[50] = values[99] = garbage
    found = decoded(values)
    assert sorted(found.rejections) == [10, 50, 99]
    assert found.events.column("event_id").null_count == 3
    assert one_by_one == [garbage] * 3


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_takes_nothing_with_it(garbage):
    found = decoded([stamped(0), garbage, stamped(2), garbage])
    assert sorted(found.rejections) == [1, 3]
    assert found.events.column("event_id").to_pylist() == ["event-0", None, "event-2", None]


def test_fields_that_come_and_go_are_all_kept():
    first, second, third = {"locale": "en"}, {"parent_response_id": "a0"}, {"prompt_version": "2"}
    for data in (first, second, third, {}, first | second | third):
        (row,) = decoded([changed(**data, extra=1)]).events.to_pylist()
        assert {name: row[name] for name in data} == data
        assert [name for name in (*first, *second, *third) if row[name] is not None] == list(data)


def test_null_counts_as_missing_where_a_default_is_known(one_by_one):
    nothing = {"cached": None, "tool_calls": None, "sampling": None, "simulated": None}
    row, same = decoded([changed(**nothing), changed(**nothing, latency_ms=1)]).events.to_pylist()
    assert (row["cached"], row["tool_calls"], row["sampling"]["top_p"], row["simulated"]) == (False, [], 1.0, False)
    assert same["latency_ms"] == 1.0
    assert not one_by_one
    (alone,) = decoded([changed(**nothing)], part=NOT_TRUSTED).events.to_pylist()
    assert one_by_one
    assert {**alone, "redactor": row["redactor"]} == row


def test_where_nothing_is_vouched_for_everything_is_redacted():
    found = decoded([stamped(output=LEAK)], part=NOT_TRUSTED)
    assert found.events.column("output").to_pylist() == ["write to [EMAIL]"]
    assert found.redactions == {"redacted": 1}


def test_an_event_without_a_stamp_is_redacted_on_a_trusted_topic_too():
    found = decoded([encode(event(generation("a0", output=LEAK)))])
    assert found.events.column("output").to_pylist() == ["write to [EMAIL]"]
    assert found.redactions == {"redacted": 1}


def test_a_sample_of_vouched_events_is_looked_through():
    values = [stamped(number, output=LEAK if number < 10 else "fine") for number in range(2 * AUDIT_EVERY + 1)]
    found = decoded(values, first=AUDIT_EVERY - 1)
    assert found.redactions == {"leaked": 1, "audited": 1}
    outputs = found.events.column("output").to_pylist()
    assert (outputs[1], outputs[2]) == ("write to [EMAIL]", LEAK), "only the audited one"
    assert found.events.column("redactor").to_pylist()[:2] == ["pattern/3", "pattern/3"]


def test_garbage_does_not_make_later_batches_slow(monkeypatch):
    reads = []
    original = bulk._read_json
    monkeypatch.setattr(bulk, "_read_json", lambda *how: (reads.append(how[2]), original(*how))[1])
    decoder = BatchDecoder(PART)
    monkeypatch.setattr(decoder, "_bulk", bulk.BulkDecoder(PART.table))
    for _ in range(10):
        decoder.decode(RecordBatch([1, 2, 3], [stamped(0), b"{", b'{"id": 1}'], [1] * 3, [1] * 3))
    reads.clear()
    decoder.decode(RecordBatch([1, 2], [stamped(0), stamped(1)], [1] * 2, [1] * 2))
    assert reads == ["error"], "only fields that were met are read"


def test_both_modes_give_the_same_rows_whoever_stands_beside_them(one_by_one):
    whole = [stamped(number, locale="en") for number in range(6)]
    headers, values = zip(*map(binary, whole), strict=True)
    mixed = [value if place % 2 else text for place, (text, value) in enumerate(zip(whole, values, strict=True))]
    found = decoded(mixed, headers={place: headers[place] for place in (1, 3, 5)})
    assert found.events.equals(decoded(whole).events)
    assert not found.rejections
    assert not one_by_one


@pytest.mark.parametrize("part", [PART, NOT_TRUSTED])
def test_an_event_in_binary_mode_is_redacted_and_audited_like_any_other(part):
    headers, value = binary(stamped(output=LEAK))
    found = decoded([value, value], first=AUDIT_EVERY, part=part, headers={0: headers, 1: headers})
    assert found.events.column("output").to_pylist() == [
        "write to [EMAIL]",
        LEAK if part.trusted else "write to [EMAIL]",
    ]
    assert found.redactions == ({"leaked": 1} if part.trusted else {"redacted": 2})


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"ce_id": None}, "bad_headers", "no ce_id"),
        ({"ce_source": b"", "ce_type": None}, "bad_headers", "no ce_source, ce_type"),
        ({"ce_subject": b"\xff"}, "bad_headers", "ce_subject is not UTF-8"),
        ({"ce_specversion": b"0.3"}, "contract", "specversion 0.3 is not 1.0"),
        ({"ce_time": b"yesterday"}, "contract", "RFC3339"),
        ({"ce_type": b"feedwheel.generation.v2"}, "unsupported_version", "major 2"),
        ({"ce_type": b"feedwheel.feedback.v1"}, "wrong_topic", "feedwheel.feedback"),
        ({"content-type": b"application/xml"}, "unsupported_format", "content-type is not JSON"),
        ({"content-type": b"application/CloudEvents+avro"}, "unsupported_format", "not application/cloudevents+json"),
    ],
)
def test_headers_that_make_no_event_are_named_and_take_nothing_with_them(changes, reason, detail):
    given, value = binary(stamped(1))
    headers = [(name, text) for name, text in (dict(given) | changes).items() if text is not None]
    found = decoded([stamped(0), value, stamped(2)], headers={1: headers})
    assert found.events.column("event_id").to_pylist() == ["event-0", None, "event-2"]
    assert list(found.rejections) == [1]
    assert (found.rejections[1].reason, found.rejections[1].stage) == (reason, "decode")
    assert detail in found.rejections[1].detail


def test_an_attribute_that_is_there_twice_is_none():
    headers, value = binary(stamped())
    found = decoded([value], headers={0: [*headers, ("ce_id", b"another")]})
    assert found.rejections[0].detail == "ce_id more than once"


@pytest.mark.parametrize("value", [b'{},"id":"x"', b'{},"other":{}', b'{}, "data":{}', b"{}{}", b"\xff", b""])
def test_a_value_cannot_reach_into_its_envelope(value):
    headers, _ = binary(stamped())
    assert decoded([value], headers={0: headers}).rejections[0].reason == "not_json"


def test_other_headers_say_nothing_about_the_form():
    whole = stamped()
    for headers in ([("traceparent", b"00-1")], [("content-type", b"application/json")], [("ce_subject", b"x")]):
        assert decoded([whole], headers={0: headers}).events.equals(decoded([whole]).events)
    declared = [*binary(whole)[0][:-1], ("content-type", b"application/cloudevents+json; charset=UTF-8")]
    assert decoded([whole], headers={0: declared}).events.equals(decoded([whole]).events)

"""Framed Avro, read by our schemas from whatever compatible schema wrote it; and whatever else comes in frames."""

import copy
from collections import Counter
from dataclasses import replace

import msgspec
import pytest
from feedwheel_capture.events import encode
from pydantic import SecretStr

from pipelines.ingest import decode
from pipelines.ingest.decode import AUDIT_EVERY, BatchDecoder
from pipelines.io.kafka_ranges import RecordBatch
from pipelines.io.schema_registry import Registry
from schemas.errors import InfrastructureError
from tests.avro import body, framed, local_registry, schema_of
from tests.events import consent, generation
from tests.topics import event
from tests.unit.ingest.test_decode import LEAK, NOT_TRUSTED, PART

ANSWER = event(generation("a0", redactor="pattern/3", time_to_first_token_ms=2.5), "event-0")


@pytest.fixture
def registry():
    with local_registry() as running:
        yield running


@pytest.fixture
def decoded(registry):
    def of(*values, part=PART, first=1):
        offsets = list(range(first, first + len(values)))
        address = Registry(registry.url, "me", SecretStr("secret"))
        return BatchDecoder(part, address).decode(
            RecordBatch(offsets, list(values), [1] * len(values), [1] * len(values))
        )

    return of


def rejection(found):
    (only,) = found.rejections.values()
    assert only.stage == "decode"
    return only.reason, only.detail


def test_an_event_in_avro_gives_the_row_that_it_gives_in_json(registry, decoded, monkeypatch):
    monkeypatch.setattr(decode, "decode", pytest.fail)  # in bulk, all of them
    schema_id = registry.register(schema_of(ANSWER))
    in_avro, in_json = framed(schema_id, body(ANSWER)), encode(ANSWER)
    found = decoded(in_json, in_avro, in_avro, in_json)
    assert found.events.equals(decoded(*[in_json] * 4).events)
    assert registry.asked == [("/schemas/ids/1", "Basic bWU6c2VjcmV0")], "an id is asked for once"


@pytest.mark.parametrize("part", [PART, NOT_TRUSTED])
def test_it_is_redacted_and_audited_like_any_other(registry, decoded, part):
    told = msgspec.structs.replace(ANSWER, data=msgspec.structs.replace(ANSWER.data, output=LEAK))
    value = framed(registry.register(schema_of(told)), body(told))
    found = decoded(value, value, part=part, first=AUDIT_EVERY)
    clean = "write to [EMAIL]"
    assert found.events.column("output").to_pylist() == [clean, LEAK if part.trusted else clean]
    assert found.redactions == Counter({"leaked": 1} if part.trusted else {"redacted": 2})


def field(schema, name):
    (data,) = (each["type"] for each in schema["fields"] if each["name"] == "data")
    return next(each for each in data["fields"] if each["name"] == name)


def test_writers_of_any_compatible_schema_are_read(registry, decoded):
    """Another one's fields, promotions, order and namespace of nothing but the record's name."""
    schema = schema_of(ANSWER)
    schema["fields"].append({"name": "tenant", "type": {"type": "map", "values": ["null", "bytes"]}})
    field(schema, "latency_ms")["type"] = "long"
    field(schema, "turn")["type"] = "int"
    field(schema, "response_id")["type"] = "bytes"
    field(schema, "locale")["type"] = field(schema, "locale").pop("default") or "string"
    field(schema, "output_length")["doc"] = "of the answer"
    schema["fields"].reverse()
    data = msgspec.structs.replace(ANSWER.data, locale="en", latency_ms=100)
    sent = msgspec.structs.replace(ANSWER, data=data)
    written = msgspec.to_builtins(sent.data)
    value = body(sent, schema, tenant={"a": b"\xff"}, data={**written, "response_id": b"a0"})
    found = decoded(framed(registry.register(schema), value))
    assert not found.rejections
    (row,) = found.events.to_pylist()
    assert (row["response_id"], row["locale"], row["latency_ms"]) == ("a0", "en", 100.0)


def test_an_older_writer_is_read_with_defaults(registry, decoded):
    schema = schema_of(ANSWER)
    data = next(each["type"] for each in schema["fields"] if each["name"] == "data")
    data["fields"] = [each for each in data["fields"] if each["name"] not in ("cached", "sampling", "locale")]
    (row,) = decoded(framed(registry.register(schema), body(ANSWER, schema))).events.to_pylist()
    assert (row["cached"], row["sampling"]["top_p"], row["locale"]) == (False, 1.0, None)


GOOD = body(ANSWER)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\0\0\0\0", "not_avro"),
        (framed(1, b""), "not_avro"),
        (framed(1, GOOD[:-1]), "not_avro"),
        (framed(1, GOOD + b"\0"), "not_avro"),
        (framed(1, b"\xff" * 40), "not_avro"),
        (framed(1, GOOD.replace(b"base-1", b"base-\xff")), "not_utf8"),
        (framed(1, bytes(2_000_000)), "too_large"),
        (framed(99, GOOD), "unknown_schema"),
        (framed(1, body(msgspec.structs.replace(ANSWER, type="feedwheel.feedback.v1"))), "wrong_topic"),
        (framed(1, body(msgspec.structs.replace(ANSWER, type="feedwheel.generation.v7"))), "unsupported_version"),
    ],
)
def test_bytes_that_are_no_event_are_named_and_take_nothing_with_them(registry, decoded, value, reason):
    assert registry.register(schema_of(ANSWER)) == 1
    found = decoded(encode(ANSWER), value, framed(1, GOOD))
    assert found.events.column("event_id").to_pylist() == ["event-0", None, "event-0"]
    assert rejection(found)[0] == reason


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_has_not_are_refused(registry, decoded, number):
    data = msgspec.structs.replace(ANSWER.data, time_to_first_token_ms=number)
    value = framed(registry.register(schema_of(ANSWER)), body(msgspec.structs.replace(ANSWER, data=data)))
    assert rejection(decoded(value)) == ("contract", "a number is not finite")


def adding(kind):
    schema = schema_of(ANSWER)
    schema["fields"].insert(0, {"name": "more", "type": kind})
    return schema


def renamed(**names):
    return {**schema_of(ANSWER), **names}


def wrong_kind():
    schema = schema_of(ANSWER)
    field(schema, "turn")["type"] = "string"
    return schema


ITSELF = {"type": "record", "name": "Tree", "fields": [{"name": "left", "type": ["null", "Tree"]}]}
NOTHING = {"type": "record", "name": "Nothing", "fields": []}


@pytest.mark.parametrize(
    ("schema", "more", "reason", "detail"),
    [
        (renamed(name="Answer"), {}, "unknown_type", "no published schema"),
        (renamed(namespace="com.example"), {}, "unknown_type", "no published schema"),
        (renamed(namespace="feedwheel.v2"), {}, "unsupported_version", "major 2, this reader knows 1"),
        ("string", {}, "unknown_type", "no published schema"),
        (wrong_kind(), {}, "contract", "do not agree"),
        (adding(ITSELF), {}, "unsupported_format", "holds itself"),
        (adding({"type": "array", "items": "null"}), {}, "unsupported_format", "no byte"),
        (adding({"type": "array", "items": NOTHING}), {}, "unsupported_format", "no byte"),
        (adding({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}), {}, "unsupported_format", ""),
        (adding({"type": "unheard"}), {}, "unsupported_format", "is not Avro"),
        ("[" * 100_000, {}, "unsupported_format", "is not Avro"),
        ({**ITSELF, "__fastavro_parsed": True, "__named_schemas": {}}, {}, "unsupported_format", "is not Avro"),
        ("message Answer {}", {"schemaType": "PROTOBUF"}, "unsupported_format", "is not Avro, or refers"),
        (renamed(), {"references": [{"name": "x", "subject": "x", "version": 1}]}, "unsupported_format", "refers"),
    ],
)
def test_schemas_that_we_do_not_read_are_named(registry, decoded, schema, more, reason, detail):
    text = schema if isinstance(schema, str) and schema != "string" else copy.deepcopy(schema)
    value = framed(registry.register('"string"' if text == "string" else text, **more), GOOD)
    for _ in range(2):
        found = rejection(decoded(value))
        assert found[0] == reason
        assert detail in found[1]


def test_a_registry_that_does_not_answer_makes_no_record_bad(registry, decoded):
    value = framed(registry.register(schema_of(ANSWER)), GOOD)
    for status in (500, 503, 401, 404, 429):
        registry.fails = status
        with pytest.raises(InfrastructureError, match=rf"{registry.url}: status {status}: .*SCHEMA_REGISTRY_URL"):
            decoded(value)
    registry.fails = None
    assert not decoded(value).rejections


def test_a_registry_that_is_not_there_is_an_error_too(registry):
    with local_registry() as gone:
        address = Registry(gone.url, "", SecretStr(""))
    with pytest.raises(InfrastructureError, match="ConnectError"):
        BatchDecoder(PART, address).decode(RecordBatch([1], [framed(1, GOOD)], [1], [1]))


def test_without_a_registry_the_reason_says_what_to_set():
    found = BatchDecoder(PART).decode(RecordBatch([1], [framed(7, GOOD)], [1], [1]))
    assert rejection(found) == ("no_registry", "Avro of schema 7: set FEEDWHEEL_SCHEMA_REGISTRY_URL")


def test_an_id_that_is_not_known_is_asked_for_again_only_after_a_while(registry, decoded, monkeypatch):
    decoded(framed(5, GOOD), framed(5, GOOD))
    assert len(registry.asked) == 1
    monkeypatch.setattr("pipelines.io.schema_registry._UNKNOWN_FOR_S", -1.0)
    decoded(framed(6, GOOD), framed(6, GOOD))
    assert len(registry.asked) == 3


def test_tables_that_are_not_decoded_in_bulk_are_read_too(registry, decoded):
    asked = event(consent("none"), "event-1")
    part = replace(PART, table="bronze/privacy", maps_to="feedwheel.privacy")
    found = decoded(framed(registry.register(schema_of(asked)), body(asked)), part=part)
    assert found.events.column("change_id").to_pylist() == ["change-to-none"]

"""The published schemas say what the records say, and an independent validator agrees with our decoder."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from feedwheel_capture.catalogue import EVENT_TYPES, EventType
from feedwheel_capture.events import REQUIRED_VALUES, Event, Feedback, FeedbackValue, encode
from feedwheel_capture.recorder import make_event
from feedwheel_capture.vocabulary import FeedbackKind
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro import AVRO_TYPES, avro_schema
from schemas.events import EventRejected, decode, json_schema

PUBLISHED = Path(__file__).parents[2] / "schemas" / "published" / "v1"
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def published(entry: EventType) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((PUBLISHED / f"{entry.name}.json").read_text(encoding="utf-8"))
    return schema


@pytest.mark.parametrize("entry", EVENT_TYPES, ids=lambda entry: entry.name)
def test_a_record_and_its_published_schema_agree(entry: EventType) -> None:
    assert published(entry) == json_schema(entry), "run `make schemas` and review the difference"


@pytest.mark.parametrize("entry", AVRO_TYPES, ids=lambda entry: entry.name)
def test_a_record_and_its_published_avro_schema_agree(entry: EventType) -> None:
    text = (PUBLISHED / f"{entry.name}.avsc").read_text(encoding="utf-8")
    assert json.loads(text) == avro_schema(entry), "run `make schemas` and review the difference"


def test_nothing_else_is_published() -> None:
    assert {path.stem for path in PUBLISHED.glob("*.json")} == {entry.name for entry in EVENT_TYPES}
    assert {path.stem for path in PUBLISHED.glob("*.avsc")} == {entry.name for entry in AVRO_TYPES}


def feedback(kind: FeedbackKind, value: FeedbackValue | None) -> Event:
    data = Feedback(
        app="a", user_key="u", user_key_id=1, split_bucket=0, consent="content", feedback_id="f", kind=kind,
        value=value, response_id="r",
    )  # fmt: skip
    return make_event(data, "test", NOW)


FULL = FeedbackValue(
    rating=1.0, scale=(-1.0, 1.0), text="t", edited_output="e", category="wrong", candidates=[], chosen="r",
    grade="upscale", action="buy", measure="duration_s", number=3.0,
)  # fmt: skip


@pytest.mark.parametrize("kind", FeedbackKind.__args__)
def test_every_kind_travels_and_validates(kind: FeedbackKind) -> None:
    event = feedback(kind, FULL)
    jsonschema.validate(json.loads(encode(event)), published(EVENT_TYPES[1]))
    assert decode(encode(event), "feedwheel.feedback") == event


@pytest.mark.parametrize("kind", list(REQUIRED_VALUES))
def test_a_kind_without_its_value_is_rejected(kind: FeedbackKind) -> None:
    whole = json.loads(encode(feedback(kind, FULL)))
    del whole["data"]["value"][REQUIRED_VALUES[kind][0]]
    with pytest.raises(EventRejected, match=f"contract: feedback of kind {kind} lacks {REQUIRED_VALUES[kind][0]}"):
        decode(json.dumps(whole).encode(), "feedwheel.feedback")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not_an_event"),
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[" * 100_000, "not_an_event"),
        (b'{"type":"feedwheel.feedback.v1","data":' + b"[" * 100_000, "not_json"),
        (b'{"type":"feedwheel.feedback.v1","data":NaN}', "not_json"),
        (b'{"type":"\xff","data":{}}', "not_utf8"),
        (b"[]", "not_an_event"),
        (b'{"type":"feedwheel.feedback.v2","data":{}}', "unsupported_version"),
        (b'{"type":"feedwheel.unheard.v1","data":{}}', "unknown_type"),
        (b'{"type":"feedwheel.generation.v1","data":{}}', "wrong_topic"),
        (b'{"type":"feedwheel.feedback.v1","data":{}}', "contract"),
        (b'{"type":"feedwheel.feedback.v1","data":' + b'"x"' * 400_000 + b"}", "too_large"),
    ],
)
def test_what_is_no_event_is_rejected_with_a_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(EventRejected) as rejected:
        decode(value, "feedwheel.feedback")
    assert rejected.value.reason == reason


@given(
    st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps({"type": text, "data": text}).encode())
)
def test_no_bytes_can_do_worse_than_be_rejected(value: bytes) -> None:
    with pytest.raises(EventRejected):
        decode(value, "feedwheel.feedback")


def test_a_rejection_does_not_repeat_what_a_person_wrote() -> None:
    whole = json.loads(encode(feedback("thumbs", FULL)))
    whole["data"]["kind"] = "ann@example.com"
    with pytest.raises(EventRejected) as rejected:
        decode(json.dumps(whole).encode(), "feedwheel.feedback")
    assert "ann@example.com" not in str(rejected.value)

"""Version 1 of the events is frozen: what was ever written is read for ever, and only optional additions may come.

`frozen/v1` holds the schemas as they were frozen, and one event of every type and kind in the bytes of that day.
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from feedwheel_capture.catalogue import EVENT_TYPES
from feedwheel_capture.events import encode
from feedwheel_capture.vocabulary import FeedbackKind

from schemas.compatibility import breaks
from schemas.events import decode_any, json_schema

FROZEN = Path(__file__).parent / "frozen" / "v1"
EVENTS = [line for line in (FROZEN / "events.jsonl").read_bytes().splitlines() if line]
SCHEMA = json_schema(next(entry for entry in EVENT_TYPES if entry.name == "feedwheel.feedback"))


def name(line: bytes) -> str:
    event = json.loads(line)
    return f"{event['type']}-{event['data'].get('kind') or event['data'].get('type') or event['id']}"


def is_within(old: Any, new: Any) -> bool:
    """Whether everything that `old` says `new` says too."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(key in new and is_within(value, new[key]) for key, value in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(old) == len(new) and all(map(is_within, old, new))
    return bool(old == new)


def with_unknown_fields(value: Any) -> Any:
    if isinstance(value, dict):
        # The evidence of a decision is a mapping of any names.
        known = {key: inner if key == "evidence" else with_unknown_fields(inner) for key, inner in value.items()}
        return {**known, "of_a_later_version": {"a": [1]}}
    return [with_unknown_fields(inner) for inner in value] if isinstance(value, list) else value


def test_every_type_and_kind_is_frozen() -> None:
    events = [json.loads(line) for line in EVENTS]
    assert {event["type"] for event in events} == {entry.versioned_name for entry in EVENT_TYPES}
    kinds = {event["data"]["kind"] for event in events if event["type"] == "feedwheel.feedback.v1"}
    assert kinds == set(FeedbackKind.__args__)
    assert {path.stem for path in FROZEN.glob("*.json")} == {entry.name for entry in EVENT_TYPES}


@pytest.mark.parametrize("line", EVENTS, ids=name)
def test_what_was_written_then_is_read_now(line: bytes) -> None:
    event = decode_any(line)
    assert is_within(json.loads(line), json.loads(encode(event)))


@pytest.mark.parametrize("line", EVENTS, ids=name)
def test_fields_of_a_later_version_are_ignored(line: bytes) -> None:
    later = with_unknown_fields(json.loads(line))
    assert decode_any(json.dumps(later).encode()) == decode_any(line)


@pytest.mark.parametrize("entry", EVENT_TYPES, ids=lambda entry: entry.name)
def test_only_optional_additions_came_since(entry: Any) -> None:
    frozen = json.loads((FROZEN / f"{entry.name}.json").read_text(encoding="utf-8"))
    assert breaks(frozen, json_schema(entry)) == []


def changed(change: Any) -> dict[str, Any]:
    schema = copy.deepcopy(SCHEMA)
    change(schema["$defs"]["Feedback"], schema["$defs"]["FeedbackValue"])
    return schema


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda feedback, _: feedback["properties"].pop("surface"), "surface: removed"),
        (lambda feedback, _: feedback["required"].append("surface"), "surface: became required"),
        (lambda feedback, _: feedback["required"].remove("feedback_id"), "feedback_id: is no longer required"),
        (lambda feedback, _: feedback["properties"]["kind"]["enum"].append("smile"), "kind: enum changed"),
        (lambda feedback, _: feedback["properties"].update(app={"type": "integer"}), "app: type changed"),
        (lambda _, value: value["properties"].update(scale={"type": "array"}), "scale"),
        (lambda _, value: value["properties"]["text"]["anyOf"].pop(), "text: 2 alternatives became 1"),
    ],
)
def test_everything_else_is_named(change: Any, problem: str) -> None:
    found = breaks(SCHEMA, changed(change))
    assert any(line.startswith("$.data") and problem in line for line in found), found


def test_an_optional_field_may_come() -> None:
    new = changed(lambda feedback, value: (feedback["properties"].update(mood={}), value["properties"].update(x={})))
    assert breaks(SCHEMA, new) == []

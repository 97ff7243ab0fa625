"""Version 1 of the events is frozen: what was ever written is read for ever, and only optional additions may come.

`frozen/v1` holds the schemas as they were frozen, and one event of every type and kind in the bytes of that day, as
JSON and as Avro; `frozen/v1.1` and so on, the schemas of every version that was published since.
"""

import base64
import copy
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from feedwheel_capture.catalogue import EVENT_TYPES
from feedwheel_capture.events import encode
from feedwheel_capture.vocabulary import FeedbackKind
from pydantic import SecretStr

from pipelines.ingest.avro import AvroReader
from pipelines.io.schema_registry import Registry
from pipelines.stack.paths import REPOSITORY
from schemas.avro import AVRO_TYPES, avro_schema
from schemas.compatibility import avro_breaks, breaks
from schemas.events import decode_any, json_schema
from tests.avro import framed, local_registry

FROZEN = Path(__file__).parent / "frozen" / "v1"
EVENTS = [line for line in (FROZEN / "events.jsonl").read_bytes().splitlines() if line]
IN_AVRO = [line.split() for line in (FROZEN / "events.avro.txt").read_text(encoding="ascii").splitlines()]
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


@pytest.mark.parametrize(("event_id", "schema", "record"), IN_AVRO, ids=[line[0] for line in IN_AVRO])
def test_what_was_written_in_avro_then_is_read_now(event_id: str, schema: str, record: str) -> None:
    """With the schema that it was written with, as a registry keeps it."""
    (line,) = (line for line in EVENTS if json.loads(line)["id"] == event_id)
    with local_registry() as registry:
        value = framed(registry.register((FROZEN / f"{schema}.avsc").read_text("utf-8")), base64.b64decode(record))
        read = AvroReader(Registry(registry.url, "", SecretStr(""))).whole_event(value)
    assert decode_any(read) == decode_any(line)


def test_everything_that_can_be_written_in_avro_is_frozen_so() -> None:
    types = {entry.versioned_name for entry in AVRO_TYPES}
    assert [line[0] for line in IN_AVRO] == [event["id"] for event in map(json.loads, EVENTS) if event["type"] in types]
    assert {path.stem for path in FROZEN.glob("*.avsc")} == {entry.name for entry in AVRO_TYPES}


def publishing() -> Any:
    """The script behind `make schemas`, which is in no package."""
    spec = importlib.util.spec_from_file_location("publish_schemas", REPOSITORY / "infra" / "publish_schemas.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


SCHEMAS = {name: (schema, judge) for name, schema, judge in publishing().schemas()}


@pytest.mark.parametrize("name", SCHEMAS)
def test_only_optional_additions_came_since_any_version(name: str) -> None:
    assert publishing().problems(name, *SCHEMAS[name]) == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_published_is_frozen(name: str) -> None:
    """Else a version between two others could be broken unseen."""
    script = publishing()
    frozen, published = script.revisions()[-1] / name, script.PUBLISHED / name
    assert frozen.read_bytes() == published.read_bytes(), "run `make schemas`"


def test_an_addition_is_published_and_frozen_and_may_never_go_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = publishing()
    for folder, name in ((script.PUBLISHED, "PUBLISHED"), (FROZEN.parent, "FROZEN")):
        shutil.copytree(folder, tmp_path / name)
        monkeypatch.setattr(script, name, tmp_path / name)
    before = script.revisions()
    script.main()
    assert script.revisions() == before, "nothing changed"
    with monkeypatch.context() as later:
        of_feedback = changed(lambda feedback, _: feedback["properties"].update(mood={"type": "string"}))
        names = {"feedwheel.feedback": of_feedback}
        later.setattr(script, "json_schema", lambda entry: names.get(entry.name) or json_schema(entry))
        script.main()
        script.main()
        assert script.revisions() == [*before, tmp_path / "FROZEN" / f"v1.{len(before)}"]
        assert "mood" in (tmp_path / "PUBLISHED" / "feedwheel.feedback.json").read_text("utf-8")
    with pytest.raises(SystemExit, match=r"v1\.\d+/feedwheel\.feedback\.json: \$\.data\.mood: removed"):
        script.main()


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


GENERATION = next(entry for entry in AVRO_TYPES if entry.name == "feedwheel.generation")


def changed_avro(change: Any) -> Any:
    schema = json.loads(json.dumps(avro_schema(GENERATION)))
    data = next(field["type"] for field in schema["fields"] if field["name"] == "data")
    change(schema, data, {field["name"]: field for field in data["fields"]})
    return schema


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda _, data, fields: data["fields"].remove(fields["locale"]), "data.locale: removed"),
        (lambda _, data, fields: data["fields"].append({"name": "mood", "type": "string"}), "mood: became required"),
        (lambda _, data, fields: fields["locale"].pop("default"), "data.locale: became required"),
        (lambda _, data, fields: fields["locale"].update(default="en"), "data.locale: default changed"),
        (lambda _, data, fields: fields["turn"].update(type="int"), "data.turn: type changed"),
        (lambda _, data, fields: fields["locale"]["type"].append("long"), "locale: 2 alternatives became 3"),
        (lambda _, data, fields: fields["arm"]["type"]["symbols"].append("third"), "data.arm: symbols changed"),
        (lambda _, data, fields: fields["arm"]["type"].update(name="Arm"), "data.arm: name changed"),
        (lambda _, data, fields: fields["input"]["type"]["items"].update(name="Said"), "data.input[]: name changed"),
        (lambda schema, *_: schema.update(namespace="feedwheel.v2"), "$: namespace changed"),
    ],
)
def test_what_breaks_readers_or_writers_of_avro_is_named(change: Any, problem: str) -> None:
    found = avro_breaks(avro_schema(GENERATION), changed_avro(change))
    assert any(problem in line for line in found), found


def test_a_record_that_is_a_default_may_grow_by_what_says_nothing() -> None:
    def grown(value: object) -> Any:
        def change(schema: Any, data: Any, fields: Any) -> None:
            fields["sampling"]["default"] = {**fields["sampling"]["default"], "mood": value}

        return changed_avro(change)

    assert avro_breaks(avro_schema(GENERATION), grown(None)) == []
    assert avro_breaks(avro_schema(GENERATION), grown("glad")) == ["$.data.sampling: default changed"]


def test_a_field_with_a_default_may_come_to_avro() -> None:
    field = {"name": "mood", "type": ["null", "string"], "default": None, "doc": "How it felt."}
    assert (
        avro_breaks(avro_schema(GENERATION), changed_avro(lambda _, data, fields: data["fields"].append(field))) == []
    )

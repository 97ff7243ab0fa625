"""Whatever an export holds: it is imported, counted or refused, the same way every time, and nothing else happens."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.capture.importers.refusal import ExportRefused, RefusalReason
from feedback.capture.importers.scribe import Format
from tests.exports import chatgpt_conversation, claude_conversation, imported, node, tree, write_folder

FORMATS = get_args(Format)
NAMES = """
id conversation_id mapping message parent children author role content content_type parts metadata create_time uuid
chat_messages sender text created_at account request response messages choices created model usage type observations
scores name value source startTime traceId context span_id trace_id attributes llm.output_messages annotations
annotator_kind result score label recipient tags rating output feedback_step_2 new_turn data
"""
KEYS = st.sampled_from(NAMES.split())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers().map(lambda it: it * 10**400),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["a", "b", "user", "assistant", "GENERATION", "HUMAN", "thumbs_up", "new", "2025-01-06T09:30:00Z"]),
)
JSON = st.recursive(
    SCALARS,
    lambda it: st.lists(it, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), it, max_size=6),
    max_leaves=25,
)


@st.composite
def distorted(draw: st.DrawFn) -> Any:
    """A real conversation in which some values are replaced by anything."""
    value = json.loads(json.dumps(draw(st.sampled_from([chatgpt_conversation(), claude_conversation()]))))
    for _ in range(draw(st.integers(1, 4))):
        holder: Any = value
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = draw(st.sampled_from(keys))
            if not (isinstance(holder[key], dict | list) and holder[key]) or draw(st.booleans()):
                holder[key] = draw(JSON)
                break
            holder = holder[key]
    return value


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
def test_nothing_in_an_export_breaks_its_import(format: Format, data: st.DataObject) -> None:
    parts = data.draw(st.lists(JSON | distorted(), max_size=4))
    with TemporaryDirectory() as folder:
        files = {"conversations.json": parts} | {
            name: data.draw(st.lists(JSON, max_size=2))
            for name in ("message_feedback.json", "model_comparisons.json", "shared_conversations.json", "user.json")
        }
        path = write_folder(Path(folder), files)
        events, tally = imported(format, path)
        assert (events, tally) == imported(format, path)
    assert len(events) == tally.answers + sum(tally.feedback.values())


@pytest.mark.parametrize("format", FORMATS)
@given(content=st.binary(max_size=200) | JSON.map(lambda it: json.dumps(it).encode()))
def test_any_bytes_are_read_or_refused(format: Format, content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "conversations.json"
        path.write_bytes(content)
        assert refusal(format, path) in (None, "not_json", "truncated")


def refusal(format: Format, path: Path) -> RefusalReason | None:
    try:
        imported(format, path)
    except ExportRefused as refused:
        return refused.reason
    return None


@given(data=st.data())
def test_ids_do_not_depend_on_the_order_of_an_export(data: st.DataObject) -> None:
    nodes = [node("n0", None, "user", "text 0")]
    for number in range(1, data.draw(st.integers(1, 12))):
        parent = data.draw(st.sampled_from(nodes))["id"]
        role = data.draw(st.sampled_from(["user", "assistant", "assistant", "tool"]))
        nodes.append(node(f"n{number}", parent, role, f"text {number}", number))
    shuffled = data.draw(st.permutations(nodes))
    found = []
    for order in (nodes, shuffled):
        with TemporaryDirectory() as folder:
            conversation = chatgpt_conversation(mapping=tree(*json.loads(json.dumps(order))))
            events, tally = imported("chatgpt", write_folder(Path(folder), {"conversations.json": [conversation]}))
        assert "unreachable" not in tally.skipped
        assert len({event.id for event in events}) == len(events)
        found.append({event.id: event for event in events})
    assert found[0] == found[1]

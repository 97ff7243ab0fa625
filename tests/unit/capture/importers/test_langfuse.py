"""Langfuse: traces whole or in rows, and what their scores mean."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from feedwheel_capture.events import Feedback, Generation

from tests.exports import (
    assembled,
    imported,
    of,
    write_lines,
)


def langfuse_trace(**replaced: Any) -> dict[str, Any]:
    given = {
        "id": "trace-1",
        "timestamp": "2025-01-06T09:30:00Z",
        "userId": "ann",
        "sessionId": "session-1",
        "observations": [
            {"id": "span-1", "type": "SPAN"},
            {
                "id": "gen-1",
                "type": "GENERATION",
                "model": "gpt-4o",
                "input": [{"role": "user", "content": "Soup?"}],
                "output": {"role": "assistant", "content": "Lentil."},
                "startTime": "2025-01-06T09:30:00.000Z",
                "endTime": "2025-01-06T09:30:01.500Z",
                "usage": {"input": 4, "output": 2},
            },
        ],
        "scores": [
            {"id": "s1", "name": "user-feedback", "value": 0, "comment": "cold", "timestamp": "2025-01-06T09:31:00Z"},
            {"id": "s2", "name": "stars", "value": 4, "observationId": "gen-1", "timestamp": "2025-01-06T09:32:00Z"},
            {"id": "s3", "name": "judge", "value": 0.9, "source": "EVAL", "timestamp": "2025-01-06T09:33:00Z"},
            {"id": "s4", "name": "mood", "dataType": "CATEGORICAL", "stringValue": "mauve", "value": 0},
        ],
    }
    return {**given, **replaced}


@pytest.mark.parametrize("wrapped", [lambda it: [it], lambda it: it, lambda it: {"data": [it], "meta": {"page": 1}}])
def test_langfuse(wrapped: Callable, tmp_path: Path) -> None:
    trace = langfuse_trace()
    trace["scores"][3] = {"id": "s4", "name": "mood", "value": 7000}
    (tmp_path / "traces.json").write_text(json.dumps(wrapped(trace)), encoding="utf-8")
    events, tally = imported("langfuse", tmp_path / "traces.json")
    (answer,), (thumb, stars) = of(events, Generation), of(events, Feedback)
    assert (answer.response_id, answer.conversation_id, answer.output) == ("gen-1", "session-1", "Lentil.")
    assert (answer.latency_ms, answer.input_tokens, answer.output_tokens) == (1500, 4, 2)
    assert (thumb.kind, thumb.value.rating, thumb.value.text, thumb.response_id) == ("thumbs", -1.0, "cold", "gen-1")
    assert (stars.kind, stars.value.rating, stars.value.scale, stars.surface) == ("rating", 4, (1.0, 5.0), "stars")
    assert dict(tally.skipped) == {"not_a_generation": 1, "judged_by_model": 1, "no_rating": 1}
    assert set(assembled(events).outcomes.values()) == {"used"}


def test_the_scale_of_a_score_is_that_of_all_scores_of_its_name(tmp_path: Path) -> None:
    scores = [
        {"id": f"s{value}", "name": "stars", "value": value, "timestamp": "2025-01-06T09:32:00Z"} for value in (1, 5)
    ]
    path = write_lines(tmp_path / "t.jsonl", *(langfuse_trace(scores=[score]) for score in scores))
    ratings = of(imported("langfuse", path)[0], Feedback)
    assert [(it.value.rating, it.value.scale) for it in ratings] == [(1, (1.0, 5.0)), (5, (1.0, 5.0))]


def test_langfuse_scores_in_words_are_read_by_their_words(tmp_path: Path) -> None:
    said = {"timestamp": "2025-01-06T09:31:00Z", "source": "ANNOTATION"}
    scores = [
        {"id": "s1", "name": "verdict", "dataType": "CATEGORICAL", "stringValue": "good", "value": 0, **said},
        {"id": "s2", "name": "mood", "dataType": "CATEGORICAL", "stringValue": "mauve", "value": 0, **said},
        {
            "id": "s3",
            "name": "tier",
            "dataType": "CATEGORICAL",
            "stringValue": "b",
            "value": 1,
            "configId": "c",
            **said,
        },
        {"id": "s4", "name": "output", "dataType": "CORRECTION", "stringValue": "Leek.", "value": 0, **said},
        {"id": "s5", "name": "note", "dataType": "TEXT", "stringValue": "hm", **said},
        {"id": "s6", "name": "liked", "dataType": "BOOLEAN", "stringValue": "False", "value": 0, **said},
    ]
    path = write_lines(tmp_path / "t.jsonl", langfuse_trace(scores=scores))
    events, tally = imported("langfuse", path)
    found = {it.surface: it for it in of(events, Feedback)}
    assert {name: (it.kind, it.value.rating) for name, it in found.items()} == {
        "verdict": ("rating", 1.0),
        "tier": ("rating", 1.0),
        "output": ("edit", None),
        "liked": ("thumbs", -1.0),
    }
    assert found["output"].value.edited_output == "Leek."
    assert tally.skipped["no_rating"] == 2


def test_langfuse_rows_of_their_own_find_each_other(tmp_path: Path) -> None:
    trace = {"trace_id": "trace-1", "session_id": "session-1", "user_id": "ann"}
    row = {**trace, "type": "GENERATION", "input": "Soup?", "start_time": "2025-01-06 09:30:00.000000"}
    score = {"data_type": "NUMERIC", "name": "stars", "timestamp": "2025-01-06 09:32:00.000000", "value": 5}
    path = write_lines(
        tmp_path / "rows.jsonl",
        {**row, "id": "gen-1", "output": "Tomato."},
        {**row, "id": "span-1", "type": "SPAN"},
        {**row, "id": "gen-2", "output": "Lentil."},
        {**score, "id": "s1", "trace_id": "trace-1", "observation_id": "gen-1"},
        {**score, "id": "s2", "trace_id": "trace-1", "observation_id": None},
        {**score, "id": "s3", "session_id": "session-9"},
        {**score, "id": "s4"},
    )
    events, tally = imported("langfuse", path)
    assert [it.response_id for it in of(events, Generation)] == ["gen-1", "gen-2"]
    about = [(it.response_id, it.conversation_id) for it in of(events, Feedback)]
    assert about == [("gen-1", "session-1"), ("gen-2", "session-1"), (None, "session-9")]
    assert len({event.data.user_key for event in events[:4]}) == 1
    assert (tally.conversations, dict(tally.skipped)) == (1, {"not_a_generation": 1, "no_such_answer": 1})

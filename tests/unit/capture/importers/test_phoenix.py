"""Phoenix: spans nested or flat, with annotations inside them or on lines of their own."""

from pathlib import Path

import pytest
from feedwheel_capture.events import Feedback, Generation

from tests.exports import (
    imported,
    of,
    write_lines,
)

NESTED = {
    "openinference": {"span": {"kind": "LLM"}},
    "llm": {
        "model_name": "gpt-4o",
        "input_messages": [{"message": {"role": "user", "content": "Soup?"}}],
        "output_messages": [{"message": {"role": "assistant", "content": "Lentil."}}],
        "token_count": {"prompt": 4, "completion": 2},
    },
    "session": {"id": "session-1"},
    "user": {"id": "ann"},
}


FLAT = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "Soup?",
    "llm.output_messages": [{"message.role": "assistant", "message.content": "Lentil."}],
    "llm.token_count.prompt": 4,
    "llm.token_count.completion": 2.0,
    "session.id": "session-1",
    "user.id": "ann",
}


@pytest.mark.parametrize("attributes", [NESTED, FLAT], ids=["nested", "flat"])
def test_phoenix(attributes: dict, tmp_path: Path) -> None:
    span = {
        "name": "chat",
        "context": {"span_id": "span-1", "trace_id": "trace-1"},
        "start_time": "2025-01-06T09:30:00+00:00",
        "end_time": "2025-01-06T10:30:02+01:00",
        "attributes": attributes,
        "annotations": [
            {
                "name": "user feedback",
                "annotator_kind": "HUMAN",
                "result": {"label": "thumbs-up", "explanation": "warm"},
            },
            {"name": "toxicity", "annotator_kind": "LLM", "result": {"score": 0.1}},
        ],
    }
    later = {
        "span_id": "span-1",
        "name": "helpful",
        "annotator_kind": "HUMAN",
        "score": 0.5,
        "created_at": "2025-01-07T09:00:00Z",
    }
    frame = {"span_id": "span-1", "annotation_name": "tone", "annotator_kind": "HUMAN", "result.score": 1}
    agent = {**frame, "annotator_kind": "AGENT"}
    for row in (frame, agent):
        row["created_at"] = "2025-01-07T09:00:00Z"
    path = write_lines(tmp_path / "spans.jsonl", span, {"name": "x", "attributes": {}}, later, frame, agent)
    events, tally = imported("phoenix", path)
    (answer,), (thumb, helpful, tone) = of(events, Generation), of(events, Feedback)
    assert (answer.response_id, answer.conversation_id, answer.output) == ("span-1", "session-1", "Lentil.")
    assert (answer.input[0].content, answer.latency_ms, answer.output_tokens) == ("Soup?", 2000, 2)
    assert (thumb.kind, thumb.value.rating, thumb.value.text) == ("thumbs", 1.0, "warm")
    assert (helpful.kind, helpful.surface, helpful.response_id) == ("rating", "helpful", "span-1")
    assert (tone.surface, tone.value.rating, tone.response_id) == ("tone", 1, "span-1")
    assert dict(tally.skipped) == {"not_a_generation": 1, "judged_by_model": 2}
    assert events == imported("phoenix", path)[0]

"""What the recorder lets through: consent first, then redaction, then disk."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from feedwheel_capture.events import Event, Feedback, FeedbackValue, Generation, Message
from feedwheel_capture.recorder import Recorder
from feedwheel_capture.redact import REDACTOR
from feedwheel_capture.spool import Spool
from feedwheel_capture.vocabulary import Consent

from schemas.events import decode

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = "write to ann@example.com"


def generation(consent: Consent = "content", text: str = SECRET) -> Generation:
    return Generation(
        app="a", user_key="u", user_key_id=1, split_bucket=7, consent=consent, response_id="r", request_id="q",
        conversation_id="c", turn=0, app_type="task", model="m", model_version="1", arm="champion",
        input=[Message(role="user", content=text, length=len(text))], prefix_hash="", request_hash="h",
        thread_hash="t", output=text, output_length=len(text), finish_reason="stop", input_tokens=1,
        output_tokens=1, latency_ms=1.0,
    )  # fmt: skip


def feedback(consent: Consent = "content") -> Feedback:
    value = FeedbackValue(text=SECRET, edited_output=SECRET)
    return Feedback(
        app="a", user_key="u", user_key_id=1, split_bucket=7, consent=consent, feedback_id="f", kind="edit",
        value=value, response_id="r",
    )  # fmt: skip


def recorded(tmp_path: Path, data: Generation | Feedback) -> tuple[bytes, Event] | None:
    with Spool(tmp_path) as spool:
        if Recorder("test", spool, lambda: NOW).record(data) is None:
            assert spool.depth == 0
            return None
        ((stored,), _) = spool.read(spool.acknowledged, 1)
    return stored.value, decode(stored.value, stored.topic)


@pytest.mark.parametrize("data", [generation(), feedback()], ids=["generation", "feedback"])
def test_with_consent_text_is_stored_redacted(tmp_path: Path, data: Generation | Feedback) -> None:
    value, event = recorded(tmp_path, data)
    assert b"ann@example.com" not in value
    assert b"write to [EMAIL]" in value
    assert event.data.redactor == REDACTOR
    assert event.time == NOW


@pytest.mark.parametrize("data", [generation("signal_only"), feedback("signal_only")], ids=["generation", "feedback"])
def test_signal_only_keeps_lengths_and_no_text(tmp_path: Path, data: Generation | Feedback) -> None:
    value, event = recorded(tmp_path, data)
    assert b"write to" not in value
    if isinstance(event.data, Generation):
        assert event.data.input[0].length == event.data.output_length == len(SECRET)


@pytest.mark.parametrize("data", [generation("none"), feedback("none")], ids=["generation", "feedback"])
def test_without_consent_nothing_is_stored(tmp_path: Path, data: Generation | Feedback) -> None:
    assert recorded(tmp_path, data) is None

"""Capture inside an application: what is recorded, what it costs when something breaks (nothing), whose id is whose."""

import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from feedwheel_capture import Answered, Capture, CaptureSettings
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.errors import EventTooLarge, SettingsWrong, SpoolFull, TokenInvalid, WrongValue
from feedwheel_capture.identity import Identity
from feedwheel_capture.signing import verify
from feedwheel_capture.spool import Spool, abandoned

from tests.ports import free_port

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is my card?"}]
LATER = [*ASKED, {"role": "assistant", "content": "On its way."}, {"role": "user", "content": "No, the other one."}]


def settings(tmp_path: Path, **replaced) -> CaptureSettings:
    """Of an application whose Kafka is down."""
    given = {
        "app": "helpdesk",
        "identity": Identity(("layer-1",), "split-key"),
        "kafka": KafkaAccess(f"127.0.0.1:{free_port()}"),
        "consent": "content",
        "spool": tmp_path / "spool",
        "url_key": "url-key",
    }
    return CaptureSettings(**{**given, **replaced})


@pytest.fixture
def make(tmp_path):
    """Make captures; all are closed at the end."""
    made = []

    def capture(raise_errors=True, **replaced):
        made.append(Capture(settings=settings(tmp_path, **replaced), clock=lambda: NOW, raise_errors=raise_errors))
        return made[-1]

    yield capture
    for one in made:
        one._outbox.close(0)


def written(tmp_path: Path) -> list[dict]:
    """Every event in every spool, whoever has it."""
    events = []
    for log in sorted((tmp_path / "spool").glob("*/*.log")):
        with TemporaryDirectory() as folder:
            shutil.copy(log, folder)
            with Spool(Path(folder)) as copy:
                records, _ = copy.read(copy.acknowledged, 100_000)
        events += [msgspec.json.decode(record.value) for record in records]
    return events


def test_an_answer_and_what_was_said_about_it(make, tmp_path):
    capture = make()
    answered = capture.generation(
        ASKED, "Mail ann@example.com.", model="m", user="ann", latency_ms=120, output_tokens=5
    )
    assert capture.thumbs(answered.response_id, up=False, user="ann", conversation_id=answered.conversation_id)
    capture.edited(answered.response_id, "Call us.", user="ann", surface="chat")
    generation, thumbs, edit = (event["data"] for event in written(tmp_path))
    assert generation["response_id"] == thumbs["response_id"] == answered.response_id
    assert (generation["output"], generation["redactor"]) == ("Mail [EMAIL].", "pattern/3")
    assert [message["content"] for message in generation["input"]] == ["Be brief.", "Where is my card?"]
    assert (generation["latency_ms"], generation["output_tokens"], generation["turn"]) == (120, 5, 0)
    assert thumbs["value"] == {"rating": -1.0, "scale": [-1.0, 1.0]}
    assert (edit["value"]["edited_output"], edit["surface"]) == ("Call us.", "chat")
    assert generation["user_key"] == thumbs["user_key"] != "ann"
    assert "ann" not in str(written(tmp_path)[1:])
    assert (capture.stats.recorded, capture.stats.errors, capture.stats.waiting) == (3, 0, 3)


def test_a_conversation_without_an_id_is_known_by_how_it_begins(make, tmp_path):
    capture, other_process = make(), make()
    first = capture.generation(ASKED, "On its way.", model="m", user="ann")
    second = other_process.generation(LATER, "That one too.", model="m", user="ann")
    assert first.conversation_id == second.conversation_id
    assert capture.generation(ASKED, "On its way.", model="m", user="bob").conversation_id != first.conversation_id
    one, two = written(tmp_path)[0]["data"], written(tmp_path)[-1]["data"]
    assert two["prefix_hash"] == one["thread_hash"]  # which answer continues which can be told
    anonymous = [capture.generation(ASKED, "Hello.", model="m").conversation_id for _ in range(2)]
    assert len(set(anonymous)) == 2


def test_inside_a_conversation_everything_belongs_to_it(make, tmp_path):
    capture = make()
    with capture.conversation(user="ann", conversation_id="c-7", consent="signal_only") as name:
        answered = capture.generation(ASKED, "On its way.", model="m")
        capture.feedback("complaint", response_id=answered.response_id, text="useless!", category="bad")
    assert (name, answered.conversation_id) == ("c-7", "c-7")
    generation, complaint = (event["data"] for event in written(tmp_path))
    assert generation["conversation_id"] == complaint["conversation_id"] == "c-7"
    assert generation["output"] is None
    assert generation["output_length"] == 11
    assert complaint["value"] == {"text_length": 8, "category": "bad"}


def test_consent_none_stores_nothing_and_still_gives_ids(make, tmp_path):
    capture = make(consent="none")
    answered = capture.generation(ASKED, "On its way.", model="m", user="ann")
    assert answered.event_id is None
    assert answered.response_id
    assert capture.consent("ann", "none")  # what consent is enforced with is kept
    assert [event["type"] for event in written(tmp_path)] == ["feedwheel.consent.v1"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("thumbs", {}),
        ("rating", {"rating": 9, "scale": (1, 5)}),
        ("no such kind", {}),
        ("complaint", {"category": "no such category"}),
        ("thumbs", {"rating": "high", "scale": (0, 1)}),
        ("edit", {"edited_output": 5}),
        ("edit", {"text": "of another kind"}),
        ("edit", {"no_such_field": 1, "edited_output": "Call us."}),
        ("stop", {"consent": "everything"}),
    ],
)
def test_a_wrong_value_is_an_error_for_who_asks_for_errors_and_a_count_for_who_does_not(make, kind, value):
    with pytest.raises((ValueError, msgspec.ValidationError)):
        make().feedback(kind, response_id="r1", **value)
    quiet = make(raise_errors=False)
    assert quiet.feedback(kind, response_id="r1", **value) is None
    assert (quiet.stats.recorded, quiet.stats.errors) == (0, 1)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda capture: capture.consent("ann", "all"), "state can be content"),
        (lambda capture: capture.consent("ann", None), "state can be content"),
        (lambda capture: capture.consent("", "none"), "user is missing"),
        (lambda capture: capture.erase(None), "user is missing"),
        (lambda capture: capture.conversation(consent="all").__enter__(), "consent can be content"),
        (lambda capture: capture.generation("secret", "A.", model="m"), "messages must be a list"),
        (lambda capture: capture.generation(["secret"], "A.", model="m"), r"messages\[0\].role"),
        (lambda capture: capture.generation([*ASKED, {"role": "secret"}], "A.", model="m"), r"messages\[2\].role"),
        (lambda capture: capture.generation(ASKED, None, model="m"), "output must be a text"),
        (lambda capture: capture.generation(ASKED, "A.", model=None), r"\$.model"),
        (
            lambda capture: capture.generation(ASKED, "A.", model="m", latency="secret"),
            "no field latency; there are: arm",
        ),
        (lambda capture: capture.generation(ASKED, "A.", model="m", finish_reason="it's secret"), r"\$.finish_reason"),
        (lambda capture: capture.exposure("r1", "c1", ["secret"]), r"\$.offered"),
        (lambda capture: capture.exposure("r1", "c1", ["edit"], propensty=0.5), "no field propensty"),
        (lambda capture: capture.thumbs("r1", up="secret"), r"\$.value.rating"),
        (lambda capture: capture.thumbs("r1", up=None), "lacks rating"),
        (lambda capture: capture.feedback("rating", response_id="r1", rating=7.25, scale=(1, 5)), "rating is outside"),
        (lambda capture: capture.feedback("complaint", response_id="r1", category="it's secret"), r"\$.value.category"),
        (lambda capture: capture.feedback("stop", response_id="r1", client_time=NOW.replace(tzinfo=None)), "no zone"),
    ],
)
def test_a_slip_of_the_pen_is_refused_and_named_without_its_value(make, tmp_path, caplog, call, named):
    with pytest.raises(ValueError, match=named):
        call(make())
    quiet = make(raise_errors=False)
    call(quiet)
    assert (quiet.stats.recorded, quiet.stats.errors) == (0, 1)
    assert re.search(named, caplog.text)
    assert "secret" not in caplog.text
    assert "7.25" not in caplog.text
    assert written(tmp_path) == []


def test_nothing_is_recorded_under_a_consent_that_does_not_exist(make, tmp_path):
    capture = make(raise_errors=False)
    with capture.conversation(user="ann", consent="all"):
        assert capture.generation(ASKED, "On its way.", model="m").event_id is None
    assert (capture.stats.errors, written(tmp_path)) == (2, [])


def test_a_disk_that_is_not_there_is_named(make, tmp_path, caplog):
    (tmp_path / "spool").write_text("a file in place of the directory")
    capture = make(raise_errors=False)
    assert capture.thumbs("r1", up=True) is None
    assert f"{tmp_path / 'spool'}" in caplog.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FEEDWHEEL_USER_KEY_LAYERS", f"{'k' * 32},short"),
        ("FEEDWHEEL_SPLIT_KEY", "short"),
        ("FEEDWHEEL_MASK_KEY", "short"),
    ],
)
def test_a_key_that_is_too_short_to_be_secret_switches_capture_off(monkeypatch, caplog, name, value):
    given = dict.fromkeys(("FEEDWHEEL_USER_KEY_LAYERS", "FEEDWHEEL_SPLIT_KEY"), "k" * 32)
    for setting, text in {**given, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", name: value}.items():
        monkeypatch.setenv(setting, text)
    with pytest.raises(SettingsWrong, match=name):
        Capture("helpdesk", raise_errors=True)
    assert Capture("helpdesk").thumbs("r1", up=True) is None
    assert name in caplog.text
    assert "short" not in caplog.text


def test_wrong_settings_switch_capture_off_and_nothing_else(monkeypatch, caplog):
    for name in [name for name in os.environ if name.startswith(("FEEDWHEEL_", "KAFKA_"))]:
        monkeypatch.delenv(name)
    with pytest.raises(SettingsWrong, match="FEEDWHEEL_USER_KEY_LAYERS is not set"):
        Capture("helpdesk", raise_errors=True)
    capture = Capture("helpdesk")
    answered = capture.generation(ASKED, "On its way.", model="m")
    assert isinstance(answered, Answered)
    assert capture.thumbs(answered.response_id, up=True) is None
    assert capture.stats.errors == 3
    assert capture.flush(0) is False
    assert caplog.text.count("FEEDWHEEL_USER_KEY_LAYERS is not set") == 1
    assert len(caplog.records) == 1, "and not again at each call"


def test_a_call_that_the_method_does_not_take_is_named(make, caplog):
    capture = make(raise_errors=False)
    assert capture.feedback("regenerate", "response-secret", user="ann") is None
    assert "feedback() takes 2 positional arguments but 3" in caplog.text
    assert "response-secret" not in caplog.text


def test_what_waits_at_the_end_is_said(make, tmp_path, caplog):
    capture = make()
    capture.thumbs("r1", up=True, user="ann")
    capture.close()
    assert f"1 events wait in {tmp_path / 'spool'}" in caplog.text


def test_an_empty_variable_counts_as_not_given(monkeypatch):
    for name in ("FEEDWHEEL_USER_KEY_LAYERS", "FEEDWHEEL_SPLIT_KEY"):
        monkeypatch.setenv(name, "k" * 32)
    monkeypatch.setenv("FEEDWHEEL_COLLECTOR_URL", "")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert CaptureSettings.from_environment("helpdesk").collector is None


def test_a_full_spool_is_loud_counted_and_recorded_as_a_gap(make, tmp_path, caplog):
    capture = make(raise_errors=False, spool_bytes=2500)
    stored = [capture.generation(ASKED, "word " * 50, model="m", user="ann").event_id for _ in range(6)]
    lost = stored.count(None)
    assert 0 < lost < 6
    assert capture.stats.lost == lost
    assert "events of helpdesk are not being recorded" in caplog.text
    with pytest.raises(SpoolFull):
        make(spool_bytes=300).generation(ASKED, "word " * 50, model="m", user="ann")
    spool = capture._outbox._opened().spool
    spool.sync()
    _, cursor = spool.read(spool.acknowledged, 100)
    spool.acknowledge(cursor)
    spool._max_bytes = 10_000  # room again
    assert capture.thumbs("r1", up=True, user="ann")
    gap = next(event["data"] for event in written(tmp_path) if event["type"] == "feedwheel.control.v1")
    assert (gap["action"], gap["lost"]) == ("gap", lost)
    assert capture.stats.lost == lost  # the gap is recorded, and they are still lost


def test_an_event_that_kafka_would_refuse_holds_up_nothing(make, tmp_path, caplog):
    capture = make(raise_errors=False)
    assert capture.edited("r1", "secret " * 150_000, user="ann") is None
    assert capture.thumbs("r1", up=True, user="ann")
    assert (capture.stats.recorded, capture.stats.lost, capture.stats.errors) == (1, 1, 0)
    assert "an event has 1050" in caplog.text
    assert "secret" not in caplog.text
    assert [event["type"] for event in written(tmp_path)] == ["feedwheel.feedback.v1", "feedwheel.control.v1"]
    with pytest.raises(EventTooLarge):
        make().edited("r1", "secret " * 150_000, user="ann")


def test_who_has_closed_still_knows_what_happened(make):
    capture = make(raise_errors=False, spool_bytes=2000)
    capture.edited("r1", "word " * 600, user="ann")
    capture.thumbs("r1", up=True, user="ann")
    before = capture.stats
    capture.close()
    assert (before.recorded, before.lost, before.waiting) == (1, 1, 2)  # one of them tells of the gap
    assert capture.stats == before
    assert not capture.flush(0)
    capture.thumbs("r2", up=True, user="ann")  # what was left is found again
    assert (capture.stats.recorded, capture.stats.lost, capture.stats.waiting) == (2, 1, 3)


def test_a_feedback_url_allows_feedback_on_one_answer_for_a_while(make):
    capture = make()
    answered = capture.generation(ASKED, "On its way.", model="m", user="ann")
    url = capture.feedback_url("https://feedback.example/", answered, user="ann", lifetime=timedelta(hours=1))
    token = url.removeprefix("https://feedback.example/f/")
    scope = verify(token, "url-key", NOW + timedelta(minutes=59))
    assert (scope.app, scope.response_id, scope.consent) == ("helpdesk", answered.response_id, "content")
    assert "ann" not in token
    with capture.conversation(user="ann", consent="signal_only"):
        inside = capture.feedback_url("https://feedback.example", answered).rpartition("/")[2]
    told = capture.feedback_url("https://feedback.example", answered, user="ann", consent="signal_only").rpartition(
        "/"
    )[2]
    for same in (inside, told):
        other = verify(same, "url-key", NOW)
        assert (other.person, other.consent) == (scope.person, "signal_only")
    with pytest.raises(WrongValue):
        capture.feedback_url("https://feedback.example", answered, consent="all")
    for broken in (token[:-2], "x" + token, token.replace(".", ""), "", "é.é", f"{token}="):
        with pytest.raises(TokenInvalid):
            verify(broken, "url-key", NOW)
    with pytest.raises(TokenInvalid, match="expired"):
        verify(token, "url-key", NOW + timedelta(minutes=61))
    with pytest.raises(TokenInvalid):
        verify(token, "another key", NOW)


@pytest.mark.chaos
def test_what_was_recorded_survives_the_process_and_is_found_by_the_next(tmp_path):
    """SIGKILL between two records: every id that the application was given is there."""
    script = (
        "import sys; from pathlib import Path; from tests.unit.capture.test_client import settings, ASKED\n"
        "from feedwheel_capture import Capture\n"
        "capture = Capture(settings=settings(Path(sys.argv[1])), raise_errors=True)\n"
        "while True: print(capture.generation(ASKED, 'On its way.', model='m', user='ann').event_id, flush=True)\n"
    )
    repository = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=repository) as app:
        told = [app.stdout.readline().strip() for _ in range(200)]
        os.kill(app.pid, signal.SIGKILL)
        told += [line for line in app.stdout.read().split() if len(line) == 36]
    (left,) = abandoned(tmp_path / "spool")
    with left:
        records, _ = left.read(left.acknowledged, 1_000_000)
    ids = [msgspec.json.decode(record.value)["id"] for record in records]
    assert len(ids) >= len(told) >= 200
    assert set(told) <= set(ids)


def test_a_child_process_has_a_spool_of_its_own(make, tmp_path):
    capture = make()
    capture.thumbs("parent", up=True, user="ann")
    child = os.fork()
    if child == 0:
        ok = capture.thumbs("child", up=True, user="ann") is not None and capture.stats.waiting == 1
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert {event["data"]["response_id"] for event in written(tmp_path)} == {"parent", "child"}
    assert capture.stats.waiting == 1

"""The process itself: `python -m serving`, its two forms, and how it stops."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import httpx
import msgspec
import pytest
from feedwheel_capture.events import Baseline
from feedwheel_capture.spool import Spool

from pipelines.stack.paths import REPOSITORY
from tests.conftest import TEST_SECRETS
from tests.ports import free_port
from tests.served import APP, await_true, serving_settings, write_mirror
from tests.tiny_model import tiny_model, tiny_model_dir

pytestmark = pytest.mark.integration

WORDS = "unmistakable-words-of-a-person"
ASK = {"model": APP, "messages": [{"role": "user", "content": WORDS}], "user": "raw-user-id"}


@contextmanager
def process(home, *arguments, **changed):
    """The process, its base URL and its log; it is killed at the end if it still runs."""
    port, log = free_port(), home / "log.txt"
    secrets = {f"FEEDWHEEL_{name.upper()}": value for name, value in TEST_SECRETS.items()}
    environment = {
        **os.environ,
        **secrets,
        "FEEDWHEEL_HOME": str(home),
        "FEEDWHEEL_CONFIG_PATH": str(REPOSITORY / "feedwheel.toml"),
        "FEEDWHEEL_KAFKA_PORT": str(free_port()),
        **changed,
    }
    command = [sys.executable, "-m", "serving", "--port", str(port), *map(str, arguments)]
    with log.open("w") as file:
        running = subprocess.Popen(command, env=environment, stdout=file, stderr=file, cwd=REPOSITORY)
    try:
        yield running, f"http://127.0.0.1:{port}", log
    finally:
        running.kill()
        running.wait()


def ready(url) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_stopping_process_finishes_its_answers_and_keeps_their_events(tmp_path):
    settings = serving_settings(tmp_path)
    write_mirror(settings, [Baseline(app=APP, model=tiny_model())])
    with process(tmp_path) as (running, url, log):
        await_true(lambda: ready(url))
        lines = []

        def stream():
            body = {**ASK, "stream": True, "max_tokens": 250, "temperature": 1.0}
            with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=30) as response:
                lines.extend(response.iter_lines())

        asking = threading.Thread(target=stream)
        asking.start()
        await_true(lambda: "running_requests 1.0" in httpx.get(f"{url}/metrics").text or not asking.is_alive())
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
        asking.join()
        text = log.read_text()
    assert "data: [DONE]" in lines
    assert WORDS not in text
    assert "raw-user-id" not in text
    assert all(msgspec.json.decode(line)["message"] for line in text.splitlines())  # one JSON object per line
    with Spool(settings.serving_home / "spool") as spool:
        records, _ = spool.read(spool.acknowledged, 10)
    answer = msgspec.json.decode(lines[0].removeprefix("data: "))
    assert {msgspec.json.decode(record.value)["data"]["response_id"] for record in records} == {answer["id"]}


def test_offline_serves_one_model_and_remembers_nothing(tmp_path):
    with process(tmp_path, "--offline", "--model-dir", tiny_model_dir()) as (running, url, log):
        await_true(lambda: ready(url))
        assert httpx.get(f"{url}/readyz").json()["status"] == "ready"
        answer = httpx.post(f"{url}/v1/chat/completions", json={**ASK, "max_tokens": 5}).json()
        assert answer["feedwheel"]["exposure"]["policy"] == "normal"
        assert answer["usage"]["completion_tokens"] <= 5
        said = {"app": APP, "user": "u", "kind": "stop", "value": {}, "response_id": answer["id"]}
        assert httpx.post(f"{url}/v1/feedback", json=said).status_code == 404
        assert httpx.get(f"{url}/v1/rollout?app={APP}").status_code == 404
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    assert WORDS not in log.read_text()
    assert not (tmp_path / "serving").exists()


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("--offline",), {}, "go together"),
        (("--offline", "--model-dir", "nowhere"), {}, "nowhere"),
        (("--adapter", "name=folder"), {}, "releases"),
        (("--offline", "--model-dir", "nowhere", "--adapter", "folder"), {}, "NAME=DIR"),
        ((), {"FEEDWHEEL_SPLIT_KEY": ""}, "FEEDWHEEL_SPLIT_KEY is empty"),
        ((), {"FEEDWHEEL_CONFIG_PATH": "nowhere.toml"}, "FEEDWHEEL_CONFIG_PATH"),
    ],
)
def test_what_is_wrong_is_said_at_the_start(tmp_path, arguments, environment, message):
    with process(tmp_path, *arguments, **environment) as (running, _, log):
        assert running.wait(60) in (1, 2)
        assert message in log.read_text()
        assert "Traceback" not in log.read_text()

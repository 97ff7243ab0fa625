"""A stopping server: it ends in its time, and nobody is left without an answer or an error in the usual shape."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from serving.server import Server
from serving.service import offline
from tests.ports import free_port
from tests.served import await_true, serving_settings
from tests.tiny_model import tiny_model_dir

DRAIN_S, STEP_S = 0.5, 0.05
ASK = {"model": "any", "messages": [{"role": "user", "content": "Where is my card?"}], "ignore_eos": True}


@pytest.fixture
def serving(tmp_path):
    """A server of a slow model, and its thread."""
    service = offline(serving_settings(tmp_path, serving_drain_s=DRAIN_S), tiny_model_dir())
    decoder = service.fixed.champion.batch.decoder
    decode = decoder.decode
    decoder.decode = lambda *given: time.sleep(STEP_S) or decode(*given)
    port = free_port()
    server = Server(service, port)
    thread = threading.Thread(target=server.run)
    thread.start()
    await_true(lambda: server.started)
    yield server, thread, f"http://127.0.0.1:{port}/v1/chat/completions"
    server.should_exit = True
    thread.join()


def test_who_is_not_answered_within_the_drain_is_told_so(serving):
    server, thread, url = serving
    with ThreadPoolExecutor(4) as pool:

        def ask(**asked):
            return pool.submit(httpx.post, url, json={**ASK, **asked}, timeout=30)

        short, long, stream = ask(max_tokens=5), ask(max_tokens=200), ask(max_tokens=200, stream=True)
        await_true(lambda: server._service.thread.running == 3)
        stopped_at, server.should_exit = time.monotonic(), True
        assert short.result().json()["usage"]["completion_tokens"] == 5
        assert (long.result().status_code, long.result().json()["error"]["code"]) == (503, "closing")
        assert long.result().headers["retry-after"] == "1"
        assert '"code":"closing"' in stream.result().text
        thread.join()
    # Seconds beyond the drain, where the 200 tokens take ten.
    assert time.monotonic() - stopped_at < DRAIN_S + 4

"""A destination that refuses: what it will never take is counted, and holds up nothing."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from feedwheel_capture import Capture

from tests.unit.capture.test_client import NOW, settings


class _Collector(ThreadingHTTPServer):
    """Answers every request with `status`, and refuses `rejected` events of each; more than `most` are too many."""

    status, rejected, most = 202, 0, 1000

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        rejected = [{"index": n, "reason": "contract"} for n in range(server.rejected)]
        body = json.dumps({"rejected": rejected}).encode()
        self.send_response(413 if len(sent) > server.most else server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def collector():
    server = _Collector()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server():
    with collector() as running:
        yield running


@pytest.fixture
def capture(server, tmp_path):
    url = f"http://127.0.0.1:{server.server_port}"
    made = Capture(settings=settings(tmp_path, kafka=None, collector=url, api_key="k"), clock=lambda: NOW)
    yield made
    made._outbox.close(0)


def say(capture, count):
    for number in range(count):
        capture.thumbs(f"r{number}", up=True, user="ann")


def wait_for(condition, timeout_s=5.0):
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


@pytest.mark.parametrize(("status", "rejected", "most"), [(207, 1, 1), (422, 1, 1), (413, 0, 1000)])
def test_what_a_collector_refuses_for_good_is_counted(capture, server, caplog, status, rejected, most):
    server.status, server.rejected, server.most = status, rejected, most
    say(capture, 3)
    assert capture.flush(5)
    assert (capture.stats.recorded, capture.stats.refused, capture.stats.waiting) == (3, 3, 0)
    assert "events for good" in caplog.text

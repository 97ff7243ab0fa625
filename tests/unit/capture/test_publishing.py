"""A destination that refuses: what it will never take is counted, and holds up nothing."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from feedwheel_capture import Capture
from feedwheel_capture.outage import OutageLog

from tests.unit.capture.test_client import NOW, settings


class _Collector(ThreadingHTTPServer):
    """Answers every request with `status`, and refuses `rejected` events of each; more than `most` are too many."""

    status, rejected, most, requests = 202, 0, 1000, 0

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        server.requests += 1
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


@pytest.mark.parametrize(("status", "rejected", "most"), [(207, 1, 1), (422, 1, 1), (413, 0, 1000)])
def test_what_a_collector_refuses_for_good_is_counted(capture, server, caplog, status, rejected, most):
    server.status, server.rejected, server.most = status, rejected, most
    say(capture, 3)
    assert capture.flush(5)
    assert (capture.stats.recorded, capture.stats.refused, capture.stats.waiting) == (3, 3, 0)
    assert "events for good" in caplog.text


def test_an_outage_is_told_once_then_less_and_less_often_and_once_when_it_is_over(caplog):
    now = 0.0
    outage = OutageLog(lambda: now)
    outage.succeeded()
    told = []
    for now in range(600):
        outage.failed("collector answered 401", waiting=3)
        if caplog.records:
            told.append(now)
            caplog.clear()
    assert told == [0, 5, 15, 35, 75, 135, 195, 255, 315, 375, 435, 495, 555]
    outage.succeeded()
    outage.succeeded()
    assert [record.getMessage() for record in caplog.records] == ["events are taken again, after 599 s"]
    outage.failed("collector answered 401", waiting=3)
    assert len(caplog.records) == 2  # another outage


def test_a_collector_that_takes_no_key_is_asked_less_and_less_often(capture, server, caplog, monkeypatch):
    monkeypatch.setattr("feedwheel_capture.publisher._FIRST_RETRY_S", 0.01)
    monkeypatch.setattr("feedwheel_capture.publisher._LAST_RETRY_S", 0.2)
    server.status = 401
    say(capture, 1)
    time.sleep(1.0)
    assert 1 < server.requests < 15  # a busy machine asks fewer times
    assert caplog.text.count("events are not taken (collector answered 401: correct FEEDWHEEL_API_KEY") == 1
    assert "1 wait in the spool" in caplog.text
    server.status = 202
    assert capture.flush(5)
    assert caplog.text.count("events are taken again") == 1


def test_a_kafka_that_is_down_is_told_of_in_one_line(tmp_path, caplog):
    capture = Capture(settings=settings(tmp_path))
    say(capture, 1)
    assert not capture.flush(1)  # several attempts
    assert [record.name for record in caplog.records] == ["feedwheel_capture.outage"]
    capture._outbox.close(0)


def test_text_leaves_the_disk_soon_after_it_was_delivered(capture, tmp_path, monkeypatch):
    monkeypatch.setattr("feedwheel_capture.publisher._ROLL_S", 0.1)
    capture.edited("r1", "Call us.", user="ann")
    assert capture.flush(5)
    time.sleep(1.5)  # nothing else comes
    assert [log.stat().st_size for log in (tmp_path / "spool").glob("*/*.log")] == [0]

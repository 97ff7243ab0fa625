"""The collector over HTTP: who may send, what becomes of each event, and that a 2xx means that it is on disk."""

import re
from datetime import timedelta

import msgspec
import pytest
from fastapi.testclient import TestClient
from feedwheel_capture.errors import TokenInvalid
from feedwheel_capture.events import Decision, Gap, encode
from feedwheel_capture.identity import Identity
from feedwheel_capture.recorder import make_event
from feedwheel_capture.signing import FeedbackScope, sign, verify

from feedback.capture.collector.app import create_app
from feedback.capture.collector.keys import create_key, revoke_key
from feedback.capture.collector.settings import CollectorSettings
from schemas.errors import UsageError
from tests.collectors import NOW, open_collector, stored
from tests.conftest import REPOSITORY, TEST_SECRETS
from tests.events import APP, exposure, feedback, generation

LIKED = {"rating": 1.0, "scale": [-1.0, 1.0]}


def event(data, event_id="e1", **attributes):
    return {**msgspec.json.decode(encode(make_event(data, "app", NOW, event_id))), **attributes}


def test_a_batch_is_on_disk_before_the_answer_and_known_afterwards(http, collector):
    batch = [event(generation("r1", "mail ann@example.com", "Sure."), "e1"), event(exposure(), "e2")]
    reply = http.post("/v1/events", json=batch)
    assert (reply.status_code, reply.json()["stored"], reply.json()["ids"]) == (202, 2, ["e1", "e2"])
    first, _ = stored(collector)
    assert first["data"]["input"][0]["content"] == "mail [EMAIL]"
    assert first["data"]["redactor"] == "pattern/3"
    again = http.post("/v1/events", json=batch).json()
    assert (again["stored"], again["known"], again["ids"]) == (0, 2, ["e1", "e2"])
    assert len(stored(collector)) == 2


def test_a_stamp_of_the_sender_counts_for_nothing(http, collector):
    http.post("/v1/events", json=event(generation("r1", "mail ann@example.com", redactor="trust me")))
    (only,) = stored(collector)
    assert only["data"]["input"][0]["content"] == "mail [EMAIL]"


def test_consent_is_applied_before_the_disk(http, collector):
    batch = [
        event(generation("r1", "secret words", consent="signal_only"), "e1"),
        event(generation("r2", "secret words", consent="none"), "e2"),
    ]
    reply = http.post("/v1/events", json=batch).json()
    assert (reply["stored"], reply["not_allowed_by_consent"]) == (1, 1)
    assert "secret words" not in str(stored(collector))


def test_binary_mode(http, collector):
    whole = event(generation("r1"))
    headers = {f"ce-{name}": str(value) for name, value in whole.items() if name not in ("data", "datacontenttype")}
    reply = http.post("/v1/events", content=msgspec.json.encode(whole["data"]), headers=headers)
    assert reply.status_code == 202
    assert stored(collector)[0]["data"]["response_id"] == "r1"


def test_raw_ids_are_hashed_and_go_no_further(http, collector):
    asked = [{"role": "user", "content": "Where is my card?"}]
    said = {"user": "ann@example.com", "model": "m", "messages": asked, "output": "Here.", "response_id": "r1"}
    rated = {"user": "ann@example.com", "response_id": "r1", "kind": "thumbs", "value": LIKED}
    envelope = {"specversion": "1.0", "source": "shop"}
    batch = [
        {**envelope, "id": "1", "type": "feedwheel.generation.v1", "data": said},
        {**envelope, "id": "2", "type": "feedwheel.feedback.v1", "data": {**rated, "feedback_id": "f"}},
    ]
    reply = http.post("/v1/events", json=batch)
    assert reply.status_code == 202, reply.text
    answered, liked = (entry["data"] for entry in stored(collector))
    identity = Identity((TEST_SECRETS["user_key_layers"],), TEST_SECRETS["split_key"])
    person = identity.person(APP, "ann@example.com", "")
    assert answered["user_key"] == liked["user_key"] == person.user_key
    assert answered["split_bucket"] == liked["split_bucket"] == person.split_bucket
    assert (answered["input"][0]["content"], answered["output"], answered["turn"]) == ("Where is my card?", "Here.", 0)
    assert "ann" not in str(stored(collector))


def test_a_person_withdraws_and_asks_to_be_erased_by_their_raw_id(http, collector):
    wishes = [
        {"source": "shop", "type": "feedwheel.consent.v1", "data": {"user": "ann", "consent": "signal_only"}},
        {"source": "shop", "type": "feedwheel.erasure.v1", "data": {"user": "ann"}},
    ]
    reply = http.post("/v1/events", json=wishes)
    assert reply.status_code == 202, reply.text
    changed, asked = (entry["data"] for entry in stored(collector))
    identity = Identity((TEST_SECRETS["user_key_layers"],), TEST_SECRETS["split_key"])
    assert changed["user_key"] == asked["user_key"] == identity.person(APP, "ann", "").user_key
    assert (changed["consent"], bool(changed["change_id"]), bool(asked["erasure_id"])) == ("signal_only", True, True)


def test_the_documented_request_is_taken_as_it_stands(http, collector):
    documented = (REPOSITORY / "docs" / "capture.md").read_text(encoding="utf-8")
    (body,) = re.findall(r"curl \S+/v1/events [^']+'[^']+' -H '[^']+' -d '([^']+)'", documented)
    reply = http.post("/v1/events", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 202, reply.text
    assert len(stored(collector)) == 3


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b'{"source": "s", "type": "feedwheel.consent.v1", "data": {"consent": "none"}}', "contract"),
        (b'{"source": "s", "type": "feedwheel.consent.v1", "data": {"user": "ann"}}', "contract"),
        (b'{"source": "s", "type": "feedwheel.consent.v1", "data": {"user": "ann", "consent": "all"}}', "contract"),
        (b'{"source": "s", "type": "feedwheel.erasure.v1", "data": {}}', "contract"),
        (b"{", "not_json"),
        (b"[1, 2", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"7", "not_an_event"),
        (b"", "not_json"),
        (b"[" * 5000, "not_json"),
        (b'{"type": "feedwheel.feedback.v9", "data": {}}', "unsupported_version"),
        (b'{"type": "other", "data": {}}', "unknown_type"),
        (b'{"type": "feedwheel.feedback.v1", "data": {"user": "ann", "kind": "thumbs"}}', "contract"),
        (b'{"type": "feedwheel.generation.v1", "data": {"user": 5, "messages": 7, "output": null}}', "contract"),
        (
            b'{"type": "feedwheel.feedback.v1", "data": {"kind": 5, "a": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
            "not_json",
        ),
        # Found by fuzzing: what the contract does not look at, in an event that is to be completed.
        (b'{"type": "feedwheel.feedback.v1", "data": {"user": "ann", "kind": "edit", "a\x81": 1}}', "not_utf8"),
        (b'{"type": "feedwheel.feedback.v1", "data": {"user": "ann", "kind": "edit", "a": 1e999}}', "not_json"),
    ],
)
def test_what_is_no_event_is_refused_with_a_reason(http, collector, sent, reason):
    reply = http.post("/v1/events", content=sent)
    assert reply.status_code in (400, 422)
    body = reply.json()
    assert (body["rejected"][0]["reason"] if "rejected" in body else body["error"]) == reason
    assert stored(collector) == []


def test_one_bad_event_holds_up_no_other(http, collector):
    reply = http.post("/v1/events", json=[event(generation("r1")), {"type": "other", "data": {}}, 5])
    assert reply.status_code == 207
    assert [(entry["index"], entry["reason"]) for entry in reply.json()["rejected"]] == [
        (1, "unknown_type"),
        (2, "not_an_event"),
    ]
    assert len(stored(collector)) == 1


def test_nobody_speaks_for_another_application_or_decides_releases(http, collector):
    decision = Decision(app=APP, release_id="r", state="PROMOTE", by="operator", rationale="let me in")
    batch = [event(generation("r1", app="another"), "e1"), event(decision, "e2")]
    reply = http.post("/v1/events", json=batch)
    assert reply.status_code == 422
    assert [entry["reason"] for entry in reply.json()["rejected"]] == ["forbidden_app", "not_allowed"]
    assert stored(collector) == []


def test_an_application_says_through_the_collector_what_it_lost(http, collector):
    gap = Gap(app=APP, lost=3, since=NOW, until=NOW, by="app")
    reply = http.post("/v1/events", json=event(gap))
    assert (reply.status_code, reply.json()["stored"]) == (202, 1)
    (only,) = stored(collector)
    assert (only["type"], only["data"]["action"], only["data"]["lost"]) == ("feedwheel.control.v1", "gap", 3)


@pytest.mark.parametrize("path", ["/v1/feedback", "/v1/events"])
def test_raw_ids_of_another_application_are_refused_too(http, collector, path):
    said = {"app": "another", "user": "ann", "response_id": "r1", "kind": "thumbs", "value": LIKED}
    whole = {"specversion": "1.0", "source": "shop", "type": "feedwheel.feedback.v1", "data": said}
    reply = http.post(path, json=said if path == "/v1/feedback" else whole)
    assert (reply.status_code, reply.json()["rejected"][0]["reason"]) == (422, "forbidden_app")
    assert stored(collector) == []


def test_the_same_event_twice_in_one_request_is_stored_once(http, collector):
    same = event(generation("r1"))
    reply = http.post("/v1/events", json=[same, same]).json()
    assert (reply["stored"], reply["known"], reply["ids"]) == (1, 1, ["e1", "e1"])
    assert len(stored(collector)) == 1


def test_origins_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv("FEEDWHEEL_COLLECTOR_ORIGINS", "https://a.example, https://b.example")
    assert CollectorSettings.load().collector_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic fwk_a_b", "Bearer fwk_000000000000_zzz"])
def test_without_a_key_nothing_is_taken(http, header):
    reply = http.post("/v1/events", json=event(generation("r1")), headers={"Authorization": header})
    assert reply.status_code == 401


def test_a_revoked_key_is_valid_no_longer_and_a_key_is_nowhere_in_clear(http, collector, home, key):
    assert http.post("/v1/events", json=event(generation("r1"))).status_code == 202
    stored_keys = (home / "collector" / "keys.json").read_text()
    assert key.split("_", 2)[2] not in stored_keys
    revoke_key(home / "collector" / "keys.json", key.split("_")[1], NOW)
    collector._refreshed = float("-inf")
    assert http.post("/v1/events", json=event(generation("r2"))).status_code == 401


def test_too_much_at_once_is_told_when_to_come_back(http, collector, home):
    slow = create_key(home / "collector" / "keys.json", APP, NOW, events_per_s=2)
    collector._refreshed = float("-inf")
    replies = [
        http.post("/v1/events", json=event(generation(f"r{n}"), f"e{n}"), headers={"Authorization": f"Bearer {slow}"})
        for n in range(6)
    ]
    statuses = [reply.status_code for reply in replies]
    assert statuses[:4] == [202] * 4
    assert statuses[-1] == 429
    assert int(replies[-1].headers["Retry-After"]) >= 1
    assert http.post("/v1/events", json=[event(generation("r"))] * 1001).status_code == 413
    assert http.post("/v1/events", content=b" " * 8_000_001).status_code == 413


def test_a_full_spool_takes_nothing_and_says_so(http, collector):
    collector.spool._max_bytes = 100
    reply = http.post("/v1/events", json=[event(generation("r1"))])
    assert (reply.status_code, reply.json()["error"]) == (503, "spool_full")
    assert int(reply.headers["Retry-After"]) > 0
    assert http.get("/healthz").status_code == 200


class TestLinks:
    def link(self, collector, expires=timedelta(hours=1), **scope):
        person = collector.settings.identity.person(APP, "ann", "c1")
        given = {"app": APP, "response_id": "r1", "conversation_id": "c1", "person": person, "consent": "content"}
        return f"/f/{sign(FeedbackScope(**{**given, **scope}), 'url-key', NOW + expires)}"

    def test_a_browser_says_something_about_its_answer(self, http, collector):
        said = {"kind": "thumbs", "value": LIKED, "surface": "answer", "feedback_id": "f1", "dwell_ms": 800}
        # What a leaving page sends: no header of its own, no preflight.
        plain = {"content-type": "text/plain;charset=UTF-8", "authorization": "", "origin": "https://app.example"}
        replies = [http.post(self.link(collector), content=msgspec.json.encode(said), headers=plain) for _ in range(2)]
        assert [reply.status_code for reply in replies] == [202, 202]
        assert replies[0].json() == replies[1].json()
        assert replies[0].headers["access-control-allow-origin"] == "https://app.example"
        (first,) = stored(collector)  # sent twice, it is one event
        assert (first["data"]["response_id"], first["data"]["surface"]) == ("r1", "answer")
        assert first["data"]["user_key"] == collector.settings.identity.person(APP, "ann", "c1").user_key

    def test_a_link_says_whom_and_what_it_is_about(self, http, collector):
        for forged in ({"response_id": "r2"}, {"user_key": "x"}, {"app": "other"}, {"consent": "content"}):
            reply = http.post(self.link(collector), json={"kind": "thumbs", "value": LIKED, **forged})
            assert reply.status_code == 422
        assert stored(collector) == []

    def test_links_end_and_cannot_be_made(self, http, collector):
        late, forged = self.link(collector, timedelta(seconds=-1)), self.link(collector)[:-3] + "abc"
        for link in (late, forged, "/f/x", "/f/x.y"):
            reply = http.post(link, json={"kind": "thumbs", "value": LIKED})
            assert (reply.status_code, reply.json()["error"]) == (403, "link")

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"kind": "no"}', b'{"kind": "thumbs"}', b"\xff"])
    def test_nonsense_is_refused(self, http, collector, body):
        assert http.post(self.link(collector), content=body).status_code in (400, 422)
        assert stored(collector) == []

    def test_what_kafka_would_refuse_is_refused_at_once_or_it_would_hold_up_all_behind_it(self, http, collector):
        grows = "a@b.co " * 140_000  # 980,000 bytes, and more when each address is named as what it is
        for text in ("x" * 1_000_000, grows):
            reply = http.post(self.link(collector), json={"kind": "edit", "value": {"edited_output": text}})
            assert (reply.status_code, reply.json()["error"]) == (413, "too_large")
        assert stored(collector) == []

    def test_without_a_key_of_links_a_browser_is_told_to_come_back(self, home):
        with TestClient(create_app(open_collector(home, url_key=""))) as http:
            reply = http.post("/f/x.y", json={"kind": "thumbs", "value": LIKED})
        assert (reply.status_code, reply.json()["error"], reply.headers["Retry-After"]) == (503, "no_url_key", "60")

    def test_consent_of_the_link_is_applied(self, http, collector):
        said = {"kind": "complaint", "value": {"text": "you know what I mean", "category": "wrong"}}
        assert http.post(self.link(collector, consent="signal_only"), json=said).status_code == 202
        none = http.post(self.link(collector, consent="none"), json=said)
        assert (none.status_code, none.json()["event_id"]) == (202, None)
        (only,) = stored(collector)
        assert only["data"]["value"] == {"category": "wrong", "text_length": 20}


class TestBrowserFiles:
    def test_the_client_is_given_to_pages_of_known_origins_and_kept_by_them(self, http):
        reply = http.get("/feedwheel.js", headers={"origin": "https://app.example"})
        assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
        assert reply.headers["access-control-allow-origin"] == "https://app.example"
        assert "max-age" in reply.headers["cache-control"]
        assert "Origin" in reply.headers["vary"]
        again = http.get("/feedwheel.js", headers={"if-none-match": reply.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        other = http.get("/feedwheel.js", headers={"origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers

    def test_the_example_gives_nobody_a_link_unless_it_is_switched_on(self, http, home):
        off = http.get("/example")
        assert off.status_code == 404
        assert "FEEDWHEEL_COLLECTOR_EXAMPLE" in off.json()["detail"]
        with TestClient(create_app(open_collector(home, collector_example=APP, url_key=""))) as without_key:
            reply = without_key.get("/example")
        assert reply.status_code == 503
        assert "FEEDWHEEL_URL_KEY" in reply.json()["detail"]

    def test_a_link_of_the_example_is_simulated_short_lived_and_of_nobody(self, home):
        with TestClient(create_app(open_collector(home, collector_example=APP))) as http:
            replies = [http.get("/example") for _ in range(2)]
        assert {reply.headers["cache-control"] for reply in replies} == {"no-store"}
        tokens = [re.search(r'"f/([^"]+)"', reply.text).group(1) for reply in replies]
        first, second = (verify(token, "url-key", NOW + timedelta(minutes=59)) for token in tokens)
        assert (first.app, first.simulated, first.person.user_key) == (APP, True, None)
        assert first.response_id != second.response_id
        with pytest.raises(TokenInvalid):
            verify(tokens[0], "url-key", NOW + timedelta(minutes=61))

    def test_an_example_of_no_application_is_refused_at_the_start(self):
        settings = CollectorSettings(collector_example="other", **TEST_SECRETS)
        with pytest.raises(UsageError, match="no application 'other'"):
            settings.check()


def test_feedback_with_a_raw_user(http, collector):
    said = {"user": "ann", "response_id": "r1", "kind": "edit", "value": {"edited_output": "card arrival"}}
    reply = http.post("/v1/feedback", json={**said, "feedback_id": "f1"})
    assert (reply.status_code, reply.json()["stored"]) == (202, 1)
    assert http.post("/v1/feedback", json={**said, "feedback_id": "f1"}).json()["known"] == 1
    assert http.post("/v1/feedback", json={"kind": "edit"}).status_code == 422
    assert [entry["data"]["kind"] for entry in stored(collector)] == ["edit"]


def test_what_an_operator_watches(http, collector):
    http.post("/v1/events", json=[event(feedback(value=None)), {"type": "other", "data": {}}])
    ready = http.get("/readyz").json()
    assert (ready["status"], ready["spool"]["records"]) == ("degraded", 1)
    metrics = http.get("/metrics").text
    assert f'feedwheel_collector_events_total{{app="{APP}",outcome="stored"}} 1.0' in metrics
    assert f'feedwheel_collector_events_total{{app="{APP}",outcome="unknown_type"}} 1.0' in metrics

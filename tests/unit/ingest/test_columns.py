"""Every record becomes exactly one row: accepted with its fields, or rejected with a reason and encrypted bytes."""

import json
from datetime import UTC, datetime

import pytest
from feedwheel_capture.events import Baseline, Decision, ModelRef, encode
from feedwheel_capture.redact import REDACTOR
from pydantic import SecretStr

from pipelines.ingest.columns import UNKNOWN_APP, BatchEncoder
from pipelines.ingest.manifest import Range
from pipelines.ingest.offsets import Source
from pipelines.ingest.payload import PayloadCipher
from pipelines.io.kafka_ranges import RecordBatch
from schemas.tables import TABLE_OF_TOPIC, TABLES
from tests.conftest import TEST_SECRETS
from tests.events import LIKED, exposure, feedback, generation, user
from tests.memory_drain import NOW
from tests.topics import SENT_AT, event, generations

CIPHER = PayloadCipher(SecretStr(TEST_SECRETS["payload_key"]))
APPEND_MS = int(SENT_AT.timestamp() * 1000) + 20


def rows(*values, maps_to="feedwheel.generations", trusted=True, timestamps_ms=None):
    """The rows of a batch of values, as dicts."""
    part = Range(TABLE_OF_TOPIC[maps_to], "a.topic", maps_to, trusted, Source("c", "topic-id", 3), 0, 100, False)
    times = timestamps_ms or [APPEND_MS] * len(values)
    batch = RecordBatch(list(range(10, 10 + len(values))), list(values), times, [1] * len(values))
    encoded = BatchEncoder(part, CIPHER, frozenset({"routing"}), NOW).encode(batch)
    assert encoded.rows.schema == TABLES[part.table].schema
    assert encoded.accepted.total() + encoded.rejected.total() == len(values) == encoded.rows.num_rows
    return encoded.rows.to_pylist()


def changed(**data):
    """An event whose data was altered after encoding, as only a foreign producer would."""
    document = json.loads(generations(1)[0])
    document["data"] |= data
    return json.dumps(document).encode()


def test_an_event_keeps_its_place_and_fields():
    (row,) = rows(encode(event(generation("a0", redactor="pattern/1"), "event-0")))
    assert (row["topic"], row["topic_id"], row["partition"], row["offset"]) == ("a.topic", "topic-id", 3, 10)
    assert (row["status"], row["raw"], row["reason"], row["attempt"]) == ("accepted", None, None, None)
    assert (row["event_id"], row["event_time"]) == ("event-0", SENT_AT)
    assert row["appended_at"] == datetime.fromtimestamp(APPEND_MS / 1000, UTC)
    assert row["ingested_at"] == NOW
    assert row["input"] == [{"role": "user", "content": "Where is my card?", "length": 17}]
    assert row["sampling"] == {**dict.fromkeys(row["sampling"]), "temperature": 0.0, "top_p": 1.0}
    assert row["tool_calls"] == []


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z"])
def test_a_time_that_cannot_be_true_is_rejected_and_stops_nothing(time):
    answered = json.loads(encode(event(generation("a0", redactor="pattern/1"))))
    said = json.loads(encode(event(feedback(value=LIKED, redactor="pattern/1"))))
    said["data"]["client_time"] = time
    (late, fine) = rows(json.dumps({**answered, "time": time}).encode(), encode(event(generation("a1"))))
    assert (late["status"], late["reason"], fine["status"]) == ("rejected", "contract", "accepted")
    (odd,) = rows(json.dumps(said).encode(), maps_to="feedwheel.feedback")
    assert (odd["status"], odd["reason"]) == ("rejected", "contract")


def test_records_of_one_table_share_it():
    said, asked = rows(
        encode(event(feedback(value=LIKED, redactor="pattern/1"))),
        encode(event(exposure(redactor="pattern/1"))),
        maps_to="feedwheel.feedback",
    )
    assert (said["kind"], said["value"]["rating"], said["policy"]) == ("thumbs", 1.0, None)
    assert (asked["kind"], asked["value"], asked["policy"]) == (None, None, "gate")


def test_control_records_keep_their_tag_and_evidence_as_json():
    model = ModelRef(name="base", version="1", uri="file:///m", digest="d")
    decision = Decision(
        app="routing", release_id="r", state="PROMOTE", by="x", rationale="", evidence={"b": 1, "a": [2]}
    )
    first, second = rows(
        encode(event(Baseline(app="routing", model=model))), encode(event(decision)), maps_to="feedwheel.control"
    )
    assert (first["action"], first["evidence"], first["model"]["uri"]) == ("baseline", None, "file:///m")
    assert (second["action"], second["evidence"]) == ("decide", '{"a":[2],"b":1}')


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not_an_event"),
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"extra":' + b"[" * 100_000, "not_json"),
        (generations(1)[0][:-1] + b',"extra":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "not_json"),
        (b"[]", "not_an_event"),
        (generations(1)[0].replace(b"card arrival", b"\xff"), "not_utf8"),
        (generations(1)[0].replace(b'"app"', b'"\xff"', 1), "not_utf8"),
        (generations(1)[0].replace(b"generation.v1", b"generation.v2"), "unsupported_version"),
        (generations(1)[0].replace(b"feedwheel.generation.v1", b"someone.else"), "unknown_type"),
        (encode(event(feedback())), "wrong_topic"),
        (changed(arm="third"), "contract"),
        (changed(split_bucket=10_000), "contract"),
        (changed(turn=2**63), "contract"),
        (changed(turn=10**400), "contract"),
        (changed(output="x" * 1_000_001), "too_large"),
    ],
)
def test_what_is_no_event_is_a_rejected_row_beside_the_others(value, reason):
    before, row, after = rows(generations(1)[0], value, generations(1, start=1)[0])
    assert [before["status"], row["status"], after["status"]] == ["accepted", "rejected", "accepted"]
    assert (row["stage"], row["reason"], row["attempt"]) == ("decode", reason, 1)
    assert row["response_id"] is None
    assert (row["raw"] and CIPHER.decrypt(row["raw"]).value) == value or value == b""


def test_a_rejected_row_shows_nothing_of_its_content():
    (row,) = rows(changed(arm="jane@example.org"))
    visible = {name: value for name, value in row.items() if name != "raw"}
    assert "jane" not in str(visible)
    assert b"jane" not in row["raw"]


def test_hostile_text_that_fits_is_kept_as_it_is():
    (row,) = rows(encode(event(generation("a\x00b", output="=1+1\x1b[2J<script>", redactor="pattern/1"))))
    assert (row["response_id"], row["output"]) == ("a\x00b", "=1+1\x1b[2J<script>")


@pytest.mark.parametrize("milliseconds", [-1, 0, 2**62, int(NOW.timestamp() * 1000) + 1])
def test_an_append_time_that_cannot_be_is_the_drains_own(milliseconds):
    (row,) = rows(generations(1)[0], timestamps_ms=[milliseconds])
    assert row["appended_at"] == NOW


def test_unknown_applications_are_kept_and_counted_apart():
    part = Range("bronze/generations", "t", "feedwheel.generations", True, Source("c", "t", 0), 0, 2, False)
    batch = RecordBatch([0, 1], [*generations(1), changed(app="nobody's")], [APPEND_MS] * 2, [1, 1])
    encoded = BatchEncoder(part, CIPHER, frozenset({"routing"}), NOW).encode(batch)
    assert encoded.accepted == {"routing": 1, UNKNOWN_APP: 1}


def test_a_stamp_counts_only_on_a_trusted_topic():
    forged = encode(event(generation("a0", output="write to jane@example.org", redactor=REDACTOR)))
    assert rows(forged, trusted=True)[0]["output"] == "write to jane@example.org"
    (row,) = rows(forged, trusted=False)
    assert (row["output"], row["redactor"]) == ("write to [EMAIL]", REDACTOR)


def test_an_event_without_a_stamp_is_redacted_on_a_trusted_topic_too():
    message = user("my card 4111 1111 1111 1111 is gone")
    (row,) = rows(encode(event(generation("a0", input=[message]))))
    assert (row["input"][0]["content"], row["redactor"]) == ("my card [CARD] is gone", REDACTOR)


@pytest.mark.parametrize("field", ["conversation_id", "response_id", "model", "locale"])
def test_a_personal_pattern_that_is_not_a_text_rejects(field):
    """Redacting an identifier would make one conversation of many people's."""
    (row,) = rows(changed(**{field: "jane@example.org"}), trusted=False)
    assert (row["status"], row["stage"], row["reason"]) == ("rejected", "redact", "redaction_failed")
    assert row["detail"].startswith(field)
    assert "jane" not in row["detail"]


def test_digests_that_look_like_numbers_pass_untrusted_topics():
    (row,) = rows(
        changed(user_key="4111111111111111" * 2, response_id="12345678-1234-1234-1234-123456789012"), trusted=False
    )
    assert row["status"] == "accepted"

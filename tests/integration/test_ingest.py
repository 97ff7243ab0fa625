"""Drains of a real broker into a real lake: what arrives is there once, whatever it is and whoever else drains."""

import json
from collections import Counter
from functools import partial
from pathlib import Path

import pyarrow.compute as pc
import pytest
from confluent_kafka import Consumer, TopicPartition
from feedwheel_capture.catalogue import DLQ_TOPIC
from feedwheel_capture.events import encode

from pipelines import dlq, ingest, reconcile
from pipelines.context import Context
from pipelines.dlq import Selection
from pipelines.ingest.commit import Committer
from pipelines.ingest.dead_letters import publish_pending
from pipelines.ingest.drain import Pace
from pipelines.ingest.offsets import Source, progress_of
from pipelines.ingest.payload import PayloadCipher
from pipelines.ingest.pipeline import run_round
from pipelines.ingest.plan import remaining
from pipelines.ingest.survey import survey
from pipelines.ingest.write import RangeWriter
from pipelines.io.kafka_ranges import RangeReader
from pipelines.io.lake import commit_files
from schemas.errors import ConfigError, InfrastructureError, NothingToDo, UsageError
from tests.events import feedback, generation
from tests.memory_drain import drain
from tests.memory_log import MemoryLog
from tests.topics import (
    create_topic,
    declaring,
    delete_records,
    event,
    generations,
    produce,
    produce_in_transaction,
    recreate_topic,
)

pytestmark = pytest.mark.integration

TABLE = "bronze/generations"


@pytest.fixture
def over(kafka, context):
    """A context whose only topics are the given ones, mapped to generations unless said otherwise."""

    def make(*topics: str, trusted: bool = True, **settings) -> Context:
        declared = {name: "feedwheel.generations" for name in topics}
        return declaring(context(kafka_bootstrap_servers=kafka.bootstrap, **settings), declared, trusted=trusted)

    return make


def responses(context, status="accepted"):
    rows = context.lake.read(TABLE, ["response_id"], pc.field("status") == status)
    return sorted(rows.column("response_id").to_pylist())


def numbered(*numbers):
    return sorted(f"a{number}" for number in numbers)


def account(context):
    """The only partition's account, which must be exact."""
    report = reconcile.run(context)
    assert report.exact, report.failures
    (only,) = report.partitions
    return only


def test_everything_arrives_once(kafka, over, clock):
    topic = create_topic(kafka.bootstrap, partitions=2)
    context = over(topic)
    produce(kafka.bootstrap, topic, generations(300), partition=0)
    produce(kafka.bootstrap, topic, [*generations(50, start=300), b"not json", None], partition=1)

    report = ingest.run(context, "routing", pace=Pace(range_offsets=40, round_ranges=3))

    assert responses(context) == numbered(*range(350))
    assert report.records == {TABLE: 352, "bronze/feedback": 0, "bronze/privacy": 0, "ops/control": 0}
    assert (report.accepted, report.rejected) == ({"routing": 350}, {"not_json": 1, "not_an_event": 1})
    assert (report.gaps, report.lost, report.overtaken, report.dead_letters) == (0, 0, 0, 2)
    assert ingest.as_of(context) == report.as_of == clock.now
    assert sorted(known.next for known in progress_of(context.lake.open(TABLE)).values()) == [52, 300]
    result = reconcile.run(context)
    assert result.exact
    assert [account.lag for account in result.partitions] == [0, 0]
    (recorded,) = context.lake.read("ops/runs").to_pylist()
    assert json.loads(recorded["counts_in"])[TABLE] == 352
    assert json.loads(recorded["dropped"]) == {"not_an_event": 1, "not_json": 1}


def test_nothing_new_moves_only_the_clock(kafka, over, topic, clock):
    context = over(topic)
    produce(kafka.bootstrap, topic, generations(3))
    ingest.run(context)
    for moved in ({"minutes": 5}, {"minutes": -60}):
        latest = max(clock.now, ingest.as_of(context))
        clock.advance(**moved)
        with pytest.raises(NothingToDo):
            ingest.run(context)
        assert ingest.as_of(context) == max(clock.now, latest)
    produce(kafka.bootstrap, topic, generations(2, start=3))
    assert ingest.run(context).records[TABLE] == 2
    assert responses(context) == numbered(*range(5))


def test_offsets_without_records_are_counted_as_gaps(kafka, over, topic):
    context = over(topic)
    produce_in_transaction(kafka.bootstrap, topic, generations(5), commit=True)
    produce_in_transaction(kafka.bootstrap, topic, generations(4, start=100), commit=False)
    ingest.run(context, pace=Pace(range_offsets=3))
    assert responses(context) == numbered(*range(5))
    assert account(context).gaps == 1 + 4 + 1
    produce_in_transaction(kafka.bootstrap, topic, generations(2, start=200), commit=False)
    report = ingest.run(context)
    assert (report.gaps, report.records[TABLE]) == (3, 0)
    assert (account(context).gaps, account(context).lag) == (9, 0)


def test_retention_loss_is_counted_and_passed(kafka, over, topic):
    context = over(topic)
    produce(kafka.bootstrap, topic, generations(10))
    ingest.run(context)
    produce(kafka.bootstrap, topic, generations(20, start=10))
    delete_records(kafka.bootstrap, topic, before=25)
    report = ingest.run(context, pace=Pace(range_offsets=4))
    assert (report.lost, report.records[TABLE]) == (15, 5)
    assert responses(context) == numbered(*range(10), *range(25, 30))
    assert (account(context).first, account(context).lost) == (0, 15)


def test_a_log_deleted_entirely_is_all_loss(kafka, over, topic):
    context = over(topic)
    with pytest.raises(NothingToDo):
        ingest.run(context)  # an empty partition is known from its first drain on
    produce(kafka.bootstrap, topic, generations(7))
    delete_records(kafka.bootstrap, topic, before=7)
    assert ingest.run(context).lost == 7
    assert account(context).lost == 7


def test_the_first_offset_is_where_the_log_began(kafka, over, topic):
    context = over(topic)
    produce(kafka.bootstrap, topic, generations(9))
    delete_records(kafka.bootstrap, topic, before=6)
    report = ingest.run(context)
    assert (report.lost, report.records[TABLE]) == (0, 3)
    assert (account(context).first, account(context).next) == (6, 9)


def test_records_deleted_between_plan_and_read_are_loss(kafka, over, topic):
    context = over(topic)
    produce(kafka.bootstrap, topic, generations(20))
    ranges = list(remaining(survey(context), {TABLE: {}}, 8))
    delete_records(kafka.bootstrap, topic, before=11)
    rounds(context, ranges)
    assert responses(context) == numbered(*range(11, 20))
    assert (account(context).first, account(context).lost) == (0, 11)


def test_a_topic_made_again_begins_anew(kafka, over, topic):
    context = over(topic)
    produce(kafka.bootstrap, topic, generations(6))
    ingest.run(context)
    recreate_topic(kafka.bootstrap, topic)
    produce(kafka.bootstrap, topic, generations(4, start=6))
    assert ingest.run(context).records[TABLE] == 4
    assert responses(context) == numbered(*range(10))
    result = reconcile.run(context)
    assert result.exact
    assert sorted((each.next, each.lag) for each in result.partitions) == [(4, 0), (6, None)]
    topic_ids = Counter(context.lake.read(TABLE, ["topic_id"]).column("topic_id").to_pylist())
    assert sorted(topic_ids.values()) == [4, 6]


def test_a_topic_made_again_under_a_drain_commits_nothing(kafka, over, topic):
    """The consumer reads by name: offsets of the new topic must not pass for those of the old."""
    context = over(topic)
    produce(kafka.bootstrap, topic, generations(5))
    ranges = list(remaining(survey(context), {TABLE: {}}, 10))
    recreate_topic(kafka.bootstrap, topic)
    produce(kafka.bootstrap, topic, generations(5, start=100))
    with pytest.raises(InfrastructureError, match=rf"{topic} had id .* deleted or made again; run ingest again"):
        rounds(context, ranges)
    assert responses(context) == []
    assert ingest.run(context).records[TABLE] == 5
    assert account(context).next == 5


def test_a_log_that_lost_its_end_is_named_and_the_others_go_on(kafka, over, topic, clock):
    other = create_topic(kafka.bootstrap)
    context = over(topic, other)
    produce(kafka.bootstrap, topic, generations(5))
    produce(kafka.bootstrap, other, generations(2, start=50))
    ingest.run(context)
    began = ingest.as_of(context)
    forge_next_offset(context, topic, 9)  # a broker that lost acknowledged records is hard to come by
    produce(kafka.bootstrap, other, generations(2, start=52))
    clock.advance(minutes=1)
    with pytest.raises(ingest.LogTruncated, match=rf"{topic}\[0\] ends at 5, ingested up to 9"):
        ingest.run(context)
    assert responses(context) == numbered(*range(5), *range(50, 54))
    assert ingest.as_of(context) == began
    with pytest.raises(NothingToDo):
        ingest.run(context, accept_truncation=True)
    assert ingest.as_of(context) == clock.now
    assert not reconcile.run(context).exact, "offsets 5 to 8 have no place"


def forge_next_offset(context, topic, offset):
    (source,) = (log.source for log in survey(context) if log.topic == topic)
    commit_files(context.lake.open(TABLE), [], {source.app_id: offset}, {})


def rounds(context, ranges):
    """Read and commit ranges as a drain would, whatever is committed meanwhile."""
    cipher = PayloadCipher(context.settings.payload_key)
    writer = RangeWriter(context.lake, cipher, frozenset(context.config.apps), context.clock())
    open_source = partial(RangeReader, context.settings.kafka)
    context.lake.open(TABLE)
    run_round(ranges, open_source, writer, Committer(context.lake, "late", 0))


def test_a_drain_that_was_overtaken_commits_nothing(kafka, over, topic):
    context = over(topic)
    produce(kafka.bootstrap, topic, generations(30))
    late = list(remaining(survey(context), {TABLE: {}}, 7))
    ingest.run(context)
    version = context.lake.open(TABLE).version()
    rounds(context, late)
    assert context.lake.open(TABLE).version() == version
    assert responses(context) == numbered(*range(30))
    assert account(context).repeated == 0


def test_topics_share_a_table_and_untrusted_ones_are_redacted(kafka, context, topic):
    other = create_topic(kafka.bootstrap)
    base = context(kafka_bootstrap_servers=kafka.bootstrap)
    both = declaring(base, {topic: "feedwheel.feedback", other: "feedwheel.feedback"}, trusted=False)
    said = event(feedback("complaint", None, redactor="pattern/1", surface="answer"))
    produce(kafka.bootstrap, topic, [encode(said)])
    produce(kafka.bootstrap, other, [encode(event(generation("a0", output="mail jane@example.org")))])
    report = ingest.run(both)
    assert report.records["bronze/feedback"] == 2
    assert report.rejected == {"wrong_topic": 1}
    everything = b"".join(path.read_bytes() for path in lake_files(both))
    assert b"jane" not in everything


def lake_files(context):
    return [path for path in Path(context.lake.url).rglob("*") if path.is_file()]


def test_rejected_records_rest_encrypted_and_are_announced(kafka, over, topic):
    context = over(topic)
    produce(kafka.bootstrap, topic, [b'{"secret": "jane@example.org"}', *generations(1)])
    ingest.run(context)
    (message,) = dead_letters(kafka, topic)
    assert json.loads(message.value())["reason"] == "not_an_event"
    assert dict(message.headers()) == {
        "origin": topic.encode(),
        "stage": b"decode",
        "reason": b"not_an_event",
        "attempt": b"1",
    }
    for path in lake_files(context):
        assert b"jane" not in path.read_bytes()
    assert b"jane" not in message.value()


def dead_letters(kafka, topic):
    """All messages about a topic's records, in order."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "test", "enable.partition.eof": True})
    consumer.assign([TopicPartition(DLQ_TOPIC, 0, 0)])
    found = []
    while (message := consumer.poll(10)) is not None and message.error() is None:
        if message.key().startswith(f"{topic}/".encode()):
            found.append(message)
    consumer.close()
    return found


def test_dead_letters_are_published_once_more_rather_than_never(kafka, over, topic):
    context = over(topic)
    produce(kafka.bootstrap, topic, [b"1", *generations(2), b"2"])
    rounds(context, list(remaining(survey(context), {TABLE: {}}, 2)))  # died before it published
    assert dead_letters(kafka, topic) == []
    assert publish_pending(context) == 2
    assert [message.key().decode() for message in dead_letters(kafka, topic)] == [f"{topic}/0/0", f"{topic}/0/3"]
    assert publish_pending(context) == 0
    (progress,) = progress_of(context.lake.open(TABLE)).values()
    assert progress.published == progress.next == 4


def test_a_drain_that_announced_less_takes_nothing_back(context, monkeypatch):
    """Of two drains the slower records last: what the other had announced beyond it would be announced again."""
    ctx, log, sent = context(), MemoryLog(), []
    log.append(b"{")
    drain(ctx.lake, log)

    def publish(_, messages):
        if not sent:
            sent.append(len(messages))
            log.append(b"[]")
            drain(ctx.lake, log)
            assert publish_pending(ctx) == 2
        return len(messages)

    monkeypatch.setattr("pipelines.ingest.dead_letters.publish", publish)
    assert publish_pending(ctx) == 1
    (progress,) = progress_of(ctx.lake.open(TABLE)).values()
    assert progress.published == 2
    assert publish_pending(ctx) == 0


def test_letters_that_come_during_a_replay_are_not_sent(context, monkeypatch):
    ctx, log = context(), MemoryLog()
    log.append(b"{", None)
    drain(ctx.lake, log)

    def publish(_, messages):
        log.append(b"[]")
        drain(ctx.lake, log)
        return len(list(messages))

    monkeypatch.setattr("pipelines.dlq.publish", publish)
    assert dlq.replay(ctx, Selection(), dry_run=False) == dlq.ReplayReport(2, 1, 1, False)
    assert len(dlq.list_letters(ctx, Selection())) == 3


def test_letters_are_listed_shown_and_sent_again(kafka, over, topic):
    context = over(topic)
    broken = generations(1)[0].replace(b'"champion"', b'"third"')
    produce(kafka.bootstrap, topic, [b"\x1b[2Jnot json", broken])
    ingest.run(context)

    (letter,) = dlq.list_letters(context, Selection(reason="not_json"))
    assert (letter.key, letter.attempt, letter.payload) == (f"{topic}/0/0", 1, True)
    assert dlq.list_letters(context, Selection(topic="another")) == []
    assert dlq.show(context, letter.key, payload=False)[0].text is None
    assert dlq.show(context, letter.key, payload=True)[0].text == "\\x1b[2Jnot json"
    with pytest.raises(UsageError, match="no dead letter"):
        dlq.show(context, f"{topic}/0/99", payload=False)
    with pytest.raises(ConfigError, match="does not decrypt"):
        dlq.show(over(topic, payload_key="A" * 43 + "="), letter.key, payload=True)

    chosen = Selection(reason="contract")
    assert dlq.replay(context, chosen, dry_run=True) == dlq.ReplayReport(1, 0, 0, True)
    assert dlq.replay(context, chosen, dry_run=False) == dlq.ReplayReport(1, 1, 0, False)
    ingest.run(context)
    again = dlq.list_letters(context, chosen)
    assert [(each.offset, each.attempt) for each in again] == [(1, 1), (2, 2)]
    texts = {dlq.show(context, each.key, payload=True)[0].text for each in again}
    assert texts == {broken.decode()}
    assert account(context).rejected == 3


def test_a_letter_sent_twice_keeps_its_event_id(kafka, over, context, topic):
    """A producer fixed its topic: the events are accepted now, and downstream sees one event."""
    wrong = declaring(context(kafka_bootstrap_servers=kafka.bootstrap), {topic: "feedwheel.feedback"})
    produce(kafka.bootstrap, topic, generations(1))
    assert ingest.run(wrong).rejected == {"wrong_topic": 1}
    for _ in range(2):
        assert dlq.replay(wrong, Selection(), dry_run=False).replayed == 1
    right = over(topic)
    assert ingest.run(right).accepted == {"routing": 3}
    events = right.lake.read(TABLE, ["app", "event_source", "event_id"]).to_pylist()
    assert events == [{"app": "routing", "event_source": "app", "event_id": "event-0"}] * 3


def test_a_missing_topic_is_an_error_that_names_it(over):
    with pytest.raises(InfrastructureError, match=r"no topic no\.such\.topic: create it"):
        ingest.run(over("no.such.topic"))


def test_a_broker_that_is_down_is_an_error_that_says_what_to_do(context, clock):
    down = declaring(context(kafka_bootstrap_servers="127.0.0.1:1"), {"t": "feedwheel.generations"})
    with pytest.raises(InfrastructureError, match=r"127\.0\.0\.1:1.*feedwheel up kafka"):
        ingest.run(down)
    assert ingest.as_of(down) is None
    assert reconcile.run(down).exact
    assert "127.0.0.1:1" in reconcile.run(down).broker


def test_a_key_that_is_none_stops_before_anything_is_read(over, topic):
    with pytest.raises(ConfigError, match="FEEDWHEEL_PAYLOAD_KEY"):
        ingest.run(over(topic, payload_key="short"))


@pytest.mark.parametrize("damage", ["a row twice", "a row gone", "a row of an unknown partition", "an offset beyond"])
def test_reconcile_names_what_is_not_exact(kafka, over, topic, damage):
    context = over(topic)
    produce(kafka.bootstrap, topic, generations(5))
    ingest.run(context)
    rows = context.lake.read(TABLE).sort_by("offset")
    match damage:
        case "a row twice":
            context.lake.append(TABLE, rows.slice(2, 1))
        case "a row gone":
            context.lake.open(TABLE).delete(predicate='"offset" = 3')
        case "a row of an unknown partition":
            stranger = rows.slice(0, 1).to_pylist()[0] | {"topic_id": "unknown"}
            context.lake.append(TABLE, [stranger])
        case "an offset beyond":
            context.lake.append(TABLE, [rows.slice(0, 1).to_pylist()[0] | {"offset": 5}])
    report = reconcile.run(context)
    assert not report.exact
    (failure,) = report.failures
    expected = {
        "a row twice": "-1 offsets without a place, 1 rows repeat",
        "a row gone": "1 offsets without a place, 0 rows repeat",
        "a row of an unknown partition": f"{TABLE}: 1 rows of partitions never committed",
        "an offset beyond": r"1 rows lie outside \[0, 5\)",
    }
    assert expected[damage].replace("\\", "") in failure
    if damage != "a row of an unknown partition":
        assert failure.startswith(f"{topic}[0]")


def test_source_names_hold_no_separator(kafka, over, topic):
    """Transactions are split at slashes."""
    (log,) = survey(over(topic))
    assert log.source == Source(*log.source.app_id.split("/")[1:3], 0)

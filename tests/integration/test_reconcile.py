"""Bronze against the logs of a real broker: what is behind, what is lost, and what was overlooked."""

import pytest

from pipelines import ingest, reconcile
from pipelines.ingest.survey import survey
from pipelines.io.lake import commit_files
from tests.topics import declaring, delete_records, generations, produce, produce_in_transaction

pytestmark = pytest.mark.integration

TABLE = "bronze/generations"


@pytest.fixture
def of_topic(kafka, context, topic):
    return declaring(context(kafka_bootstrap_servers=kafka.bootstrap), {topic: "feedwheel.generations"})


def test_what_kafka_has_and_bronze_has_not_is_behind_or_lost(kafka, of_topic, topic):
    produce(kafka.bootstrap, topic, generations(10))
    before = reconcile.run(of_topic)
    assert (before.exact, before.waiting) == (True, {f"{topic}[0]": 10})
    ingest.run(of_topic)
    produce(kafka.bootstrap, topic, generations(8, start=10))
    delete_records(kafka.bootstrap, topic, before=13)
    report = reconcile.run(of_topic)
    (account,) = report.partitions
    assert (report.exact, report.waiting) == (True, {})
    assert (account.log_begin, account.log_end, account.lag, account.deleted_unread, account.lost) == (13, 18, 8, 3, 0)
    ingest.run(of_topic)
    (account,) = reconcile.run(of_topic).partitions
    assert (account.lag, account.deleted_unread, account.lost) == (0, 0, 3)


def test_a_record_that_bronze_calls_a_gap_is_found(kafka, of_topic, topic):
    produce(kafka.bootstrap, topic, generations(6))
    produce_in_transaction(kafka.bootstrap, topic, generations(3, start=50), commit=False)
    produce_in_transaction(kafka.bootstrap, topic, generations(2, start=60), commit=True)
    ingest.run(of_topic)
    report = reconcile.run(of_topic, verify_gaps=True)
    assert report.exact, report.failures
    assert [account.overlooked for account in report.partitions] == [0]

    produce(kafka.bootstrap, topic, generations(4, start=6))
    (log,) = survey(of_topic)
    forged = {log.source.app_id: log.bounds.end, log.source.counter("gaps"): report.partitions[0].gaps + 4}
    commit_files(of_topic.lake.open(TABLE), [], forged, {})
    assert reconcile.run(of_topic).exact, "by itself, bronze cannot know"
    found = reconcile.run(of_topic, verify_gaps=True)
    assert [account.overlooked for account in found.partitions] == [4]
    (failure,) = found.failures
    assert failure.startswith(f"{topic}[0]")
    assert failure.endswith("4 records that Kafka still has have no row")

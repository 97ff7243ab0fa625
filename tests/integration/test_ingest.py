"""A drain of a real broker into a real lake: what arrives is there once, whatever it is and whoever else drains."""

import pytest

from pipelines import ingest
from pipelines.context import Context
from schemas.errors import NothingToDo
from tests.topics import create_topic, declaring, generations, produce

pytestmark = pytest.mark.integration


@pytest.fixture
def drained(kafka, context):
    """A context over one new topic of generations."""

    def make(topic: str) -> Context:
        return declaring(context(kafka_bootstrap_servers=kafka.bootstrap), {topic: "feedwheel.generations"})

    return make


def test_everything_arrives_once(kafka, drained, clock):
    topic = create_topic(kafka.bootstrap, partitions=2)
    context = drained(topic)
    produce(kafka.bootstrap, topic, generations(300), partition=0)
    produce(kafka.bootstrap, topic, [*generations(50, start=300), b"not json", None], partition=1)

    report = ingest.run(context, "routing")

    rows = context.lake.read("bronze/generations")
    accepted = rows.filter(rows.column("status").to_numpy(zero_copy_only=False) == "accepted")
    assert sorted(accepted.column("response_id").to_pylist()) == sorted(f"a{number}" for number in range(350))
    assert report.accepted == {"routing": 350}
    assert report.rejected == {"not_json": 1, "not_an_event": 1}
    assert report.as_of == clock.now
    with pytest.raises(NothingToDo):
        ingest.run(context)

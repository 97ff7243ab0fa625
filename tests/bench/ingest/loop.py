"""Contestant: the simplest correct loop to the same place.  BOOTSTRAP TOPIC DIRECTORY COUNT PARTITION...

Consume, `pyarrow.json`, `write_deltalake` per 100,000 rows. It checks nothing, keeps no rejects and commits no offsets.
"""

import io
import sys

import pyarrow.json
from confluent_kafka import Consumer, TopicPartition
from deltalake import write_deltalake

from tests.bench.ingest.race import race

COMMIT_ROWS = 100_000
POLL = 10_000


def main(bootstrap: str, topic: str, directory: str, count: str, *partitions: str) -> None:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "peer", "fetch.queue.backoff.ms": 5})
    consumer.list_topics(topic, 10)

    def drain(number: int) -> dict[str, object]:
        table = f"{directory}/{number}"
        consumer.assign([TopicPartition(topic, int(partition), 0) for partition in partitions])
        waiting: list[bytes] = []
        seen = 0
        while seen < int(count):
            messages = consumer.consume(POLL, 0.2)
            waiting += [message.value() for message in messages]
            seen += len(messages)
            if len(waiting) >= COMMIT_ROWS or (seen >= int(count) and waiting):
                rows = pyarrow.json.read_json(io.BytesIO(b"\n".join(waiting)))
                write_deltalake(table, rows.drop_columns(["dataschema"]), mode="append")
                waiting.clear()
        return {"table": table}

    race(drain)


main(*sys.argv[1:])

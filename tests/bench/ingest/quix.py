"""Contestant: quixstreams with a batching sink to Delta.  BOOTSTRAP TOPIC DIRECTORY COUNT

Runs in an environment of its own: quixstreams holds confluent-kafka back. JSON is decoded by the library, rows go to
Delta as its sinks do it: a batch per checkpoint.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pyarrow as pa
from deltalake import write_deltalake
from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch
from race import race


class DeltaSink(BatchingSink):
    def __init__(self, table: str) -> None:
        super().__init__()
        self.table = table

    def write(self, batch: SinkBatch) -> None:
        rows = pa.Table.from_pylist([{**item.value, "dataschema": ""} for item in batch])
        write_deltalake(self.table, rows, mode="append")


def main(bootstrap: str, topic: str, directory: str, count: str) -> None:
    def drain(number: int) -> dict[str, object]:
        table = f"{directory}/{number}"
        app = Application(
            broker_address=bootstrap,
            consumer_group=f"{Path(directory).name}-{number}",
            auto_offset_reset="earliest",
            commit_every=100_000,
            commit_interval=3600,
            loglevel="ERROR",
            consumer_extra_config={"fetch.queue.backoff.ms": 5},
        )
        app.dataframe(app.topic(topic, value_deserializer="json")).sink(DeltaSink(table))
        app.run(count=int(count))
        return {"table": table}

    race(drain)


main(*sys.argv[1:])

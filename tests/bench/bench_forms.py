"""Decoding by form: events a second of one core, from values and headers to checked columns, without Kafka and Parquet.

All forms carry the same stamped events of a trusted topic, so every one of them is decoded in bulk; the best of several
batches counts, since whatever else runs can only slow one down.

    python tests/bench/bench_forms.py [--events 10000] [--batches 9]
"""

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

from feedwheel_capture.events import Event, encode
from pydantic import SecretStr

from pipelines.ingest.decode import BatchDecoder
from pipelines.ingest.manifest import Range
from pipelines.ingest.offsets import Source
from pipelines.io.kafka_ranges import RecordBatch
from pipelines.io.schema_registry import Registry
from tests.avro import LocalRegistry, body, framed, local_registry, schema_of
from tests.events import generation
from tests.topics import event

PART = Range("bronze/generations", "t", "feedwheel.generations", True, Source("c", "t", 0), 0, 1, False)
REQUEST = "Where is my card? I ordered it two weeks ago and it is still not here, can you look that up for me please?"
Records = list[tuple[bytes, list[tuple[str, bytes]]]]


def events(count: int) -> list[Event[Any]]:
    return [
        event(generation(f"a{number}", REQUEST, redactor="pattern/3"), f"event-{number}") for number in range(count)
    ]


def forms(of: list[Event[Any]], registry: LocalRegistry) -> Iterator[tuple[str, Records]]:
    """Name, and value and headers of every record."""
    whole = [encode(each) for each in of]
    yield "whole", [(value, []) for value in whole]
    yield (
        "whole, with a content type",
        [(value, [("content-type", b"application/cloudevents+json")]) for value in whole],
    )
    yield "binary mode", [in_binary_mode(value) for value in whole]
    ours = schema_of(of[0])
    schema_id = registry.register(ours)
    yield "Avro, our schema", [(framed(schema_id, body(each)), []) for each in of]
    more = {**ours, "fields": [*ours["fields"], {"name": "tenant", "type": "string"}]}
    schema_id = registry.register(more)
    yield "Avro, another with more fields", [(framed(schema_id, body(each, more, tenant="a")), []) for each in of]


def in_binary_mode(value: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    document = json.loads(value)
    data = json.dumps(document.pop("data"), separators=(",", ":")).encode()
    return data, [(f"ce_{name}", text.encode()) for name, text in document.items() if text is not None]


def measure(records: Records, registry: Registry, batches: int) -> float:
    """Events a second of the best batch."""
    count = len(records)
    values = [value for value, _ in records]
    headers = {place: given for place, (_, given) in enumerate(records) if given}
    batch = RecordBatch(list(range(1, count + 1)), values, [1] * count, [1] * count, headers=headers)
    decoder, best = BatchDecoder(PART, registry), float("inf")
    for _ in range(batches):
        started = time.process_time()
        decoded = decoder.decode(batch)
        best = min(best, time.process_time() - started)
        assert not decoded.rejections
        assert decoded.events.num_rows == count
    return count / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--batches", type=int, default=9)
    arguments = parser.parse_args()
    with local_registry() as running:
        address = Registry(running.url, "", SecretStr(""))
        for name, records in forms(events(arguments.events), running):
            rate = measure(records, address, arguments.batches)
            print(f"{name:32} {len(records[0][0]):5} bytes {rate:10,.0f} events/s")


if __name__ == "__main__":
    main()

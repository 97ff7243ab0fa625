"""Lineage over large tables: from an example to its events, and from an event and a person to all that used them.

Tables are written as ingest, extract and maintenance leave them: files of some 500,000 rows in the order of offsets,
one of ten signals an example, ten data sets. Ids are UUIDv7, as ours are; with --foreign those of answers,
conversations and events are random, as other software's may be, and no statistics of a file tell where one lies.

    python tests/bench/bench_lineage.py [--events 10000000] [--foreign]
"""

import argparse
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import lineage
from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from schemas.tables import TABLES
from tests.conftest import TEST_SECRETS
from tests.events import APP, START

PER_FILE: Final = 500_000
PEOPLE: Final = 100_000
EXAMPLE_EVERY: Final = 10
SETS: Final = 10
FILLERS: Final[dict[str, Any]] = {"string": "x", "int64": 1, "int32": 0, "double": 0.5, "bool": True}


def ids(prefix: int, first: int, count: int, *, foreign: bool) -> pa.Array:
    """UUIDs by number: growing like UUIDv7, or spread by a hash."""
    numbers = np.arange(first, first + count, dtype=np.uint64)
    if foreign:
        numbers = numbers * np.uint64(0x9E3779B97F4A7C15)  # one to one on 64 bits, and in no order
    text = [f"{number:016x}" for number in numbers.tolist()]
    return pa.array([f"{each[:8]}-{each[8:12]}-7{prefix:03x}-8000-{each[12:]}00000000" for each in text], pa.string())


def person(number: int) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, str(number)).hex


def rows(table: str, count: int, columns: dict[str, pa.Array]) -> pa.Table:
    """Columns of a contract: those given, constants where one is required, and null."""
    arrays = []
    for field in TABLES[table].schema:
        if field.name in columns:
            arrays.append(columns[field.name].cast(field.type))
        elif field.name in TABLES[table].required or field.name == "status":
            value = START if pa.types.is_timestamp(field.type) else FILLERS.get(str(field.type))
            arrays.append(pa.array([[]] * count, field.type) if value is None else _constant(value, count, field.type))
        else:
            arrays.append(pa.nulls(count, field.type))
    return pa.table(arrays, schema=TABLES[table].schema)


def _constant(value: Any, count: int, kind: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), count)


def lists(values: pa.Array, each: int) -> pa.Array:
    offsets = np.arange(0, len(values) + 1, each, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def chunks(events: int) -> Iterator[tuple[int, int]]:
    """Half of the events are answers, half what people said about them."""
    for first in range(0, events // 2, PER_FILE):
        yield first, min(PER_FILE, events // 2 - first)


def fill(lake: Lake, events: int, *, foreign: bool) -> None:
    keys = pa.array([person(number) for number in range(PEOPLE)])
    for first, count in chunks(events):
        answers, said = ids(1, first, count, foreign=foreign), ids(2, first, count, foreign=foreign)
        generated = ids(3, first, count, foreign=foreign)
        talks = ids(4, first, count, foreign=foreign)
        common = {
            "app": _constant(APP, count, pa.string()),
            "status": _constant("accepted", count, pa.string()),
            "user_key": keys.take(pa.array(np.arange(first, first + count) * 7919 % PEOPLE)),
            "user_key_id": _constant(1, count, pa.int64()),
            "offset": pa.array(np.arange(first, first + count)),
            "response_id": answers,
            "conversation_id": talks,
            "revision": ids(5, first, count, foreign=False),
        }
        lake.append("bronze/generations", rows("bronze/generations", count, {**common, "event_id": generated}))
        lake.append("bronze/feedback", rows("bronze/feedback", count, {**common, "event_id": said}))
        of_answer = {**common, "event_id": generated, "model_version": _constant("base-int8", count, pa.string())}
        lake.append("silver/turns", rows("silver/turns", count, of_answer))
        about = {**common, "signal_id": ids(6, first, count, foreign=False), "event_ids": lists(said, 1)}
        lake.append("silver/signals", rows("silver/signals", count, about))
        chosen = pa.array(np.arange(0, count, EXAMPLE_EVERY))
        pairs = np.empty(2 * len(chosen), dtype=object)
        pairs[::2], pairs[1::2] = (np.array(of.take(chosen).to_pylist(), dtype=object) for of in (generated, said))
        example = {name: column.take(chosen) for name, column in of_answer.items()} | {
            "example_id": ids(7, first, len(chosen), foreign=True),
            "event_ids": lists(pa.array(pairs.tolist(), pa.string()), 2),
            "run_id": _constant("run-1", len(chosen), pa.string()),
            "set_name": _constant("sft", len(chosen), pa.string()),
        }
        order = pc.sort_indices(example["example_id"])
        example = {name: column.take(order) for name, column in example.items()}
        lake.append("gold/candidates", rows("gold/candidates", len(chosen), example))
        for number in range(SETS):
            of_set = {**example, "dataset_id": _constant(f"set-{number}", len(chosen), pa.string())}
            lake.append("gold/datasets/examples", rows("gold/datasets/examples", len(chosen), of_set))
    models = {"app": pa.array([APP] * SETS), "dataset_id": pa.array([f"set-{number}" for number in range(SETS)])}
    models["model_version"] = pa.array([f"model-{number}" for number in range(SETS)])
    lake.append("ops/models", rows("ops/models", SETS, models))


def measure(name: str, work: Callable[[], lineage.LineageReport]) -> None:
    started, core = time.perf_counter(), time.process_time()
    report = work()
    took, core = time.perf_counter() - started, time.process_time() - core
    nodes = f"{size(report.made_from):5} nodes behind it, {size(report.used_by):5} beyond"
    print(f"{name:10} {took:6.2f} s, {core:6.2f} s of core, {nodes}", flush=True)


def size(branch: lineage.Branch) -> int:
    return sum(1 + size(child) for child in branch.branches)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=10_000_000)
    arguments.add_argument("--foreign", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-lineage-") as home:
        settings = Settings(home=Path(home), config_path=REPOSITORY / "feedwheel.toml", **TEST_SECRETS)
        context = Context(settings, settings.config(), Lake(settings.lake_url))
        started = time.perf_counter()
        fill(context.lake, given.events, foreign=given.foreign)
        print(f"{given.events:,} events written in {time.perf_counter() - started:.0f} s", flush=True)
        middle = given.events // 4 // EXAMPLE_EVERY * EXAMPLE_EVERY
        chunk = middle // PER_FILE * PER_FILE
        starts = {
            "example": ids(7, chunk + (middle - chunk) // EXAMPLE_EVERY, 1, foreign=True)[0].as_py(),
            "event": ids(2, middle, 1, foreign=given.foreign)[0].as_py(),
            "answer": ids(1, middle, 1, foreign=given.foreign)[0].as_py(),
            "person": person(7919 * middle % PEOPLE),
        }
        for name, start in starts.items():
            for _ in range(2):
                measure(name, lambda start=start: lineage.run(context, APP, start))


if __name__ == "__main__":
    main()

"""A withdrawal at two sizes: one of 97 people withdraws, and extract and privacy take it up.

What grows with the tables is the search (narrow columns of bronze for the person's events, of silver for revisions) and
the files that hold a row to change, which are written again; the rest grows with what the person said.

    python tests/bench/bench_privacy.py [--days 5 20]
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Callable

from pipelines import extract, privacy
from tests import bronze
from tests.bench.bench_extract import PER_DAY, new_table
from tests.events import APP, consent, logged


def measure(name: str, work: Callable[[], object]) -> None:
    wall, core = time.perf_counter(), time.process_time()
    work()
    print(f"{name:10} {time.perf_counter() - wall:7.2f} s, {time.process_time() - core:7.2f} s of core")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--days", type=int, nargs="+", default=[5, 20], help=f"of {PER_DAY} conversations each")
    logging.disable(logging.WARNING)
    for days in arguments.parse_args().days:
        with tempfile.TemporaryDirectory(prefix="bench-privacy-") as home:
            table = new_table(home)
            count = sum(table.day()[0] for _ in range(days))
            print(f"{count} events in {days * PER_DAY} conversations")
            table.extract()
            change = logged(consent("none", user_key="person-5"), 0, sent_at=table.now, appended_at=table.now)
            bronze.ingest(table.context.lake, [change], table.now)
            measure("extract", lambda table=table: extract.run(table.context, APP))
            measure("privacy", lambda table=table: privacy.run(table.context, APP))
            measure("again", lambda table=table: privacy.run(table.context, APP))


if __name__ == "__main__":
    main()

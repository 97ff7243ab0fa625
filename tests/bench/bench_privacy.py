"""A withdrawal at two sizes: one of 97 people withdraws, and extract and privacy take it up.

What grows with the tables is the search (narrow columns of bronze for the person's events, of silver for revisions) and
the files that hold a row to change, which are written again; the rest grows with what the person said.

    python tests/bench/bench_privacy.py [--conversations 5000 20000]
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipelines import extract, privacy
from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from tests import bronze
from tests.bench.bench_extract import AS_OF, events, ingest
from tests.conftest import TEST_SECRETS
from tests.events import APP, consent, logged


def measure(name: str, work: Callable[[], object]) -> None:
    wall, core = time.perf_counter(), time.process_time()
    work()
    print(f"{name:10} {time.perf_counter() - wall:7.2f} s, {time.process_time() - core:7.2f} s of core")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--conversations", type=int, nargs="+", default=[5_000, 20_000])
    logging.disable(logging.WARNING)
    for count in arguments.parse_args().conversations:
        with tempfile.TemporaryDirectory(prefix="bench-privacy-") as home:
            settings = Settings(home=Path(home), config_path=REPOSITORY / "feedwheel.toml", **TEST_SECRETS)
            context = Context(settings, settings.config(), Lake(settings.lake_url), lambda: AS_OF)
            print(f"{ingest(context.lake, list(events(count)), 0)} events in {count} conversations")
            extract.run(context, APP)
            change = logged(consent("none", user_key="person-5"), 0, sent_at=AS_OF, appended_at=AS_OF)
            bronze.ingest(context.lake, [change], AS_OF)
            measure("extract", lambda context=context: extract.run(context, APP))
            measure("privacy", lambda context=context: privacy.run(context, APP))
            measure("again", lambda context=context: privacy.run(context, APP))


if __name__ == "__main__":
    main()

"""Curate and dataset build at two sizes, the second ten times the first: whether their time grows with the signals.

Then as many more as the first: whether a curation's time follows what is new.

Simulated people send the messages that are shipped, over and over with a number in them so that none repeats; one
processor's clock counts, because the others' work is not ours.

    python tests/bench/bench_dataset.py [--conversations 500 5000]
"""

import argparse
import itertools
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines import curate, dataset, extract, validate
from pipelines.context import Context
from pipelines.dataset import replay
from pipelines.dataset.selection import Selection
from pipelines.io.lake import Lake
from pipelines.io.ray import ray_session
from pipelines.settings import Settings
from pipelines.simulate.messages import LabelledMessage
from pipelines.stack.paths import REPOSITORY
from tests.conftest import TEST_SECRETS, SettableClock
from tests.events import APP
from tests.people import Town, messages


def said(count: int) -> list[LabelledMessage]:
    """So many messages, no two alike."""
    known = itertools.cycle(messages())
    return [
        replace(each, text=f"{each.text} reference {number:06d}")
        for number, each in zip(range(count), known, strict=False)
    ]


def measure(name: str, work: Callable[[], Any]) -> tuple[Any, float]:
    wall, core = time.perf_counter(), time.process_time()
    found = work()
    wall, core = time.perf_counter() - wall, time.process_time() - core
    print(f"  {name:8} {wall:7.2f} s, {core:7.2f} s of this process", flush=True)
    return found, wall


def run(conversations: int, more: int) -> float:
    """Seconds of curate and build; then `more` conversations are held, and curated beside those that are known."""
    with tempfile.TemporaryDirectory(prefix="bench-dataset-") as home:
        clock = SettableClock()
        settings = Settings(home=Path(home), config_path=REPOSITORY / "feedwheel.toml", **TEST_SECRETS)
        context = Context(settings, settings.config(), Lake(settings.lake_url), clock)
        town = Town(context, people=conversations // 5, tick=lambda: clock.advance(minutes=1))
        texts = said(conversations + more)
        talk(town, texts[:conversations])
        signals = context.lake.read("silver/signals", ["signal_id"]).num_rows
        print(f"{conversations:,} conversations, {signals:,} signals", flush=True)
        _, curated = measure("curate", lambda: curate.run(context, APP))
        built, took = measure("build", lambda: dataset.run(context, APP, Selection(where="weight>=0")))
        measure("replay", lambda: replay.replay(context, APP, built.dataset_id))
        talk(town, texts[conversations:])
        measure(f"{more} more", lambda: curate.run(context, APP))
    return curated + took


def talk(town: Town, texts: Sequence[LabelledMessage]) -> None:
    """Until it may be curated."""
    town.talk(texts)
    town.tick()
    extract.run(town.context, APP)
    validate.run(town.context, APP)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--conversations", type=int, nargs=2, default=[500, 5_000])
    logging.disable(logging.WARNING)
    small, large = arguments.parse_args().conversations
    with ray_session(Settings()):
        run(small // 2, small)  # the first work of Ray's workers is to import what they need
        before, after = run(small, small), run(large, small)
    print(f"{large / small:.0f} times the conversations in {after / before:.1f} times the time")


if __name__ == "__main__":
    main()

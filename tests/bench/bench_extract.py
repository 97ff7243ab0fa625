"""Extract at two sizes: seconds of one core per thousand conversations, and of an increment that touches 1 % of them.

What grows with the table is the search for due silence (three narrow columns of all conversations); the rest grows with
what is touched.

    python tests/bench/bench_extract.py [--conversations 5000 20000]
"""

import argparse
import logging
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from feedwheel_capture.events import FeedbackValue

from feedback.conversation import Logged
from pipelines import extract
from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from tests import bronze
from tests.events import APP, START, dialogue, exposure, feedback, logged

REQUESTS = (
    "Where is my card?",
    "My card has not arrived yet, what should I do about it?",
    "No, that's wrong. It is about topping up.",
    "Thanks, that's right!",
)
AS_OF = START + timedelta(days=1)
ROWS_PER_COMMIT = 20_000


def events(conversations: int) -> Iterator[Any]:
    """One to three answers each, an exposure for every answer, a thumb for every second."""
    draw = random.Random(1)
    for number in range(conversations):
        name = f"conversation-{number:07d}"
        said = [text for _ in range(draw.choice((1, 1, 2, 3))) for text in (draw.choice(REQUESTS), "card arrival")]
        for answer in dialogue(*said, conversation_id=name, user_key=f"person-{number % 97}"):
            answer = msgspec.structs.replace(answer, response_id=f"{name}-{answer.response_id}")
            yield answer
            yield exposure(answer.response_id, conversation_id=name)
            if draw.random() < 0.5:
                yield feedback(response_id=answer.response_id)


def place(data: Any, offset: int) -> Logged[Any]:
    return logged(data, offset, sent_at=START, appended_at=START + timedelta(milliseconds=offset))


def ingest(lake: Lake, data: list[Any], first: int) -> int:
    """Returns the next offset."""
    placed = [place(record, offset) for offset, record in enumerate(data, start=first)]
    for start in range(0, len(placed), ROWS_PER_COMMIT):
        bronze.ingest(lake, placed[start : start + ROWS_PER_COMMIT], AS_OF)
    return first + len(placed)


def measure(context: Context, name: str) -> None:
    wall, core = time.perf_counter(), time.process_time()
    report = extract.run(context, APP)
    wall, core = time.perf_counter() - wall, time.process_time() - core
    print(f"{name:12} {report.conversations:7} conversations {wall:7.2f} s, {core:7.2f} s of core")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--conversations", type=int, nargs="+", default=[5_000, 20_000])
    logging.disable(logging.WARNING)
    for count in arguments.parse_args().conversations:
        with tempfile.TemporaryDirectory(prefix="bench-extract-") as home:
            settings = Settings(home=Path(home), config_path=REPOSITORY / "feedwheel.toml", user_key_layers="layer")
            context = Context(settings, settings.config(), Lake(settings.lake_url), lambda: AS_OF)
            end = ingest(context.lake, list(events(count)), 0)
            measure(context, "everything")
            kept = [feedback("bookmark", FeedbackValue(), f"conversation-{n:07d}-a0") for n in range(0, count, 100)]
            ingest(context.lake, kept, end)
            measure(context, "increment")


if __name__ == "__main__":
    main()

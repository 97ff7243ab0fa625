"""However events arrive, and whenever extract runs, silver says in the end what one run over all of them says (I3).

Over real Delta tables: events shuffled, sent again to another partition, up to days late, before the answer that they
name or never with one, in drains of any size; extract after some of the drains, killed in some of its runs; silence
that becomes due meanwhile. `--hypothesis-profile thorough` tries 200 worlds.
"""

import itertools
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from feedwheel_capture.events import FeedbackValue
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.conversation import Logged
from pipelines.context import Context
from pipelines.extract import commit, run
from pipelines.io.lake import Lake
from pipelines.settings import Settings
from pipelines.stack.paths import REPOSITORY
from schemas.errors import NothingToDo
from tests import bronze
from tests.conftest import TEST_SECRETS
from tests.current_silver import current
from tests.events import APP, DISLIKED, LIKED, START, exposure, feedback, generation, logged

ANSWERS = {f"a{number}": f"conversation-{number % 4}" for number in range(6)}
"""An answer has one conversation: of two that claim it, the first to be taken has it, so there order matters."""
TEXTS = st.sampled_from(["Where is my card?", "where's the card", "No, I meant my money", "thanks"])

answers = st.sampled_from(sorted(ANSWERS))
generations = st.builds(
    lambda name, request, **fields: generation(name, request, conversation_id=ANSWERS[name], **fields),
    answers,
    TEXTS,
    output=st.sampled_from(["card arrival", "lost card"]),
    consent=st.sampled_from(["content", "content", "signal_only", "none"]),
)
reactions = st.builds(
    lambda name, value: feedback("thumbs", value, name), answers, st.sampled_from([LIKED, DISLIKED, None])
)
leavings = st.builds(
    lambda name: feedback("exit", FeedbackValue(), None, conversation_id=name), st.sampled_from([*ANSWERS.values()])
)
exposures = st.builds(lambda name: exposure(name, conversation_id=ANSWERS[name]), answers)
records = st.one_of(generations, generations, reactions, leavings, leavings, exposures)


@dataclass(frozen=True)
class Drain:
    """How many of the next events a drain brings, how long after the one before it, and what extract does then."""

    events: int
    later: timedelta
    extract: Literal["waits", "runs"] | int  # or after how many of its commits it is killed


drains = st.builds(
    Drain,
    st.integers(0, 4),
    st.sampled_from([timedelta(minutes=1), timedelta(minutes=20), timedelta(minutes=45), timedelta(days=8)]),
    st.sampled_from(["waits", "runs", "runs", "runs", 0, 2]),
)


@st.composite
def arrivals(draw) -> list[Logged[Any]]:
    """Events in the order of their arrival, when they happened and where they lie given, when they arrived not yet."""
    happened = st.timedeltas(timedelta(0), timedelta(days=9)) | st.sampled_from([timedelta(0), timedelta(minutes=5)])
    sent = [(data, START + draw(happened)) for data in draw(st.lists(records, min_size=4, max_size=12))]
    events = [logged(data, number, sent_at=at) for number, (data, at) in enumerate(sent)]
    copies = draw(st.lists(st.sampled_from(events), max_size=4))
    offsets, placed = Counter[tuple[str, int]](), []
    for event in draw(st.permutations(events + copies)):
        place = event.position.topic, draw(st.integers(0, 1))
        placed.append(replace(event, position=replace(event.position, partition=place[1], offset=offsets[place])))
        offsets[place] += 1
    return placed


def run_killed(context: Context, survived: int) -> None:
    """A run that dies after so many of its commits, if it comes so far."""
    commits, real = itertools.count(), commit.commit_files

    def dying(*args: Any) -> None:
        if next(commits) >= survived:
            raise OSError("killed")
        real(*args)

    # Beam hands on what its workers raise as an error of its own.
    with patch.object(commit, "commit_files", dying), suppress(OSError, RuntimeError):
        extract(context)


def new_context(home: Path) -> Context:
    settings = Settings(home=home, config_path=REPOSITORY / "feedwheel.toml", **TEST_SECRETS)
    return Context(settings, settings.config(), Lake(settings.lake_url), lambda: START)


def extract(context: Context) -> None:
    with suppress(NothingToDo):
        run(context, APP)


def extract_step_by_step(context: Context, events: list[Logged[Any]], steps: list[Drain]) -> tuple[list, datetime]:
    """The events as they were ingested, and the time of the last drain, when every silence is due."""
    left, now, ingested = iter(events), START, []
    rest = Drain(len(events), timedelta(minutes=10), "runs"), Drain(0, timedelta(days=10), "runs")
    for step in [*steps, *rest]:
        now += step.later
        batch = [replace(event, appended_at=now) for event in itertools.islice(left, step.events)]
        bronze.ingest(context.lake, batch, now)
        ingested += batch
        if step.extract == "runs":
            extract(context)
        elif step.extract != "waits":
            run_killed(context, survived=step.extract)
    return ingested, now


@settings(max_examples=max(settings().max_examples // 10, 1))
@given(arrivals(), st.lists(drains, min_size=2, max_size=5))
def test_silver_is_what_one_run_over_everything_says(events, steps):
    with tempfile.TemporaryDirectory() as home:
        followed, at_once = (new_context(Path(home) / name) for name in ("followed", "at-once"))
        ingested, now = extract_step_by_step(followed, events, steps)
        bronze.ingest(at_once.lake, ingested, now)
        extract(at_once)
        assert current(followed.lake) == current(at_once.lake)

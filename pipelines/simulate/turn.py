"""One turn of the wheel: people talk, Airflow carries what they said to a new model, people judge it.

In: a deployment that is up, messages, people. Out: a `TurnRecord`, stored under `<home>/simulate/<app>/turns/`. The
steps, in order: examine the champion, send traffic, let Airflow turn the wheel, send traffic until the rollout is
decided, examine the champion again. Interrupted anywhere, the next turn goes on with what there is.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import pyarrow.compute as pc
from feedwheel_capture.events import ModelRef

from feedback.rollout import Rollout
from feedback.statistics import Interval
from pipelines.context import Context
from pipelines.gates import gate_records
from pipelines.io.airflow import AirflowClient, FinishedRun
from pipelines.io.control import read_control
from pipelines.io.serving import ServingClient
from pipelines.simulate.accuracy import draw_examination, true_accuracy
from pipelines.simulate.behaviour import Person, population
from pipelines.simulate.funnel import Level, measure_funnel
from pipelines.simulate.messages import LabelledMessage, SeenMessages, choose_topics
from pipelines.simulate.traffic import Crowd, Tally, send
from schemas.errors import FeedwheelError

FIRST_DAG: Final = "feedwheel_ingest"

MAX_MESSAGES: Final = 800
"""Unseen training messages of one turn, canary included."""
SHARE_BEFORE_TRAINING: Final = 0.75
"""The rest are kept for the canary: a clear difference takes some dozens, a small one that its gate saw a hundred."""
EXAMINATION_SIZE: Final = 400
"""Test messages of one examination: the 95 % interval is at most 0.11 wide."""
_ROLLOUT_POLL_S: Final = 1.0
_SETTLE_S: Final = 30.0
"""Far beyond any maturity of an answer in a simulation."""
_PROGRESS_S: Final = 5.0
_DECIDED: Final = frozenset({"PROMOTE", "ROLLBACK"})

StepName = Literal["examine before", "traffic", "airflow", "canary", "examine after"]

BUDGETS_S: Final[dict[StepName, float]] = {
    "examine before": 55,
    "traffic": 90,
    "airflow": 570,
    "canary": 60,
    "examine after": 55,
}
"""Seconds a step may take on two cores; with 70 for the start of the stack they make the 15 minutes of a turn."""
TASK_BUDGETS_S: Final[dict[str, float]] = {
    "ingest": 20,
    "extract": 20,
    "validate": 20,
    "privacy": 15,
    "calibrate": 15,
    "curate": 50,
    "dataset": 15,
    "train": 300,
    "evaluate": 100,
    "release": 15,
}
"""Seconds of a stage's task (half of curate's for the model of names, which each worker loads); what is left of
Airflow's is the way from one task to the next."""


class TurnFailed(FeedwheelError):
    """A stage broke; the message names it and its log."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a turn is made of."""

    app_name: str
    messages: list[LabelledMessage]
    topics: list[str]
    people: list[Person]
    seed: int

    @classmethod
    def of(
        cls, app_name: str, messages: list[LabelledMessage], topic_count: int | None, users: int, seed: int
    ) -> "Plan":
        """A plan over the first `topic_count` topics (see `choose_topics`) with `users` people."""
        topics = choose_topics(messages, topic_count)
        known = set(topics)
        return cls(
            app_name, [message for message in messages if message.topic in known], topics, population(users), seed
        )


@dataclass(slots=True)
class TurnRecord:
    """What happened in a turn, as it is stored."""

    turn: int
    app: str
    started_at: datetime
    champion_before: str = ""
    champion_after: str = ""
    accuracy_before: Interval | None = None
    accuracy_after: Interval | None = None
    messages: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    acts: dict[str, int] = field(default_factory=dict)
    seconds: dict[StepName, float] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    rollout: dict[str, Any] = field(default_factory=dict)
    funnel: list[Level] = field(default_factory=list)


Say = Callable[[str], None]
"""Tells the person who waits what is going on."""


def turns_folder(context: Context, app: str) -> Path:
    """Where the records of an application's turns lie."""
    return context.settings.home / "simulate" / app / "turns"


def read_turns(context: Context, app: str) -> list[TurnRecord]:
    """All recorded turns, oldest first."""
    paths = sorted(turns_folder(context, app).glob("*.json"))
    return [msgspec.json.decode(path.read_bytes(), type=TurnRecord) for path in paths]


def run_turn(context: Context, plan: Plan, say: Say) -> TurnRecord:
    """Turn the wheel once. Raises NoUnseenMessages, TurnFailed, InfrastructureError."""
    folder = context.settings.home / "simulate" / plan.app_name
    seen = SeenMessages(folder / "seen.txt")
    number = len(read_turns(context, plan.app_name)) + 1
    unseen = seen.draw(plan.messages, MAX_MESSAGES, plan.seed)
    record = TurnRecord(number, plan.app_name, context.clock())
    tally = Tally()

    with _step(record, "examine before", say):
        record.champion_before, record.accuracy_before = _examine_champion(context, plan)
    first = math.ceil(SHARE_BEFORE_TRAINING * len(unseen))
    with _step(record, "traffic", say):
        asyncio.run(_traffic(context, plan, unseen[:first], seen, tally, say))
    with _step(record, "airflow", say):
        _turn_the_wheel(context, plan.app_name, record, say)
    with _step(record, "canary", say):
        if release_id := _release_to_judge(context, plan.app_name, record.started_at):
            record.rollout = asyncio.run(_canary(context, plan, unseen[first:], seen, tally, say, release_id))
    with _step(record, "examine after", say):
        record.champion_after, record.accuracy_after = _examine_champion(context, plan)

    record.messages, record.answers, record.acts = tally.messages, dict(tally.answers), dict(tally.acts)
    record.funnel = measure_funnel(context, plan.app_name)
    _store(turns_folder(context, plan.app_name) / f"{number:04d}.json", record)
    return record


@contextmanager
def _step(record: TurnRecord, name: StepName, say: Say) -> Iterator[None]:
    say(f"{name} ...")
    started = time.monotonic()
    yield
    seconds = time.monotonic() - started
    record.seconds[name] = seconds
    say(f"{name}: {seconds:.0f} s (budget {BUDGETS_S[name]:.0f} s)")


def _examine_champion(context: Context, plan: Plan) -> tuple[str, Interval]:
    rollout = asyncio.run(_rollout(context, plan.app_name))
    champion = msgspec.convert(rollout["champion"], ModelRef)
    app = context.config.app(plan.app_name)
    examination = draw_examination(plan.app_name, app, plan.messages, plan.topics, EXAMINATION_SIZE, plan.seed)
    cache = context.settings.home / "simulate" / plan.app_name / "accuracy"
    return champion.version, true_accuracy(examination, champion, cache)


async def _rollout(context: Context, app: str) -> dict[str, Any]:
    async with ServingClient(context.settings.serving) as client:
        return await client.rollout(app)


def _crowd(context: Context, plan: Plan) -> Crowd:
    return Crowd(plan.app_name, context.config.app(plan.app_name), plan.people, plan.topics, plan.seed)


async def _traffic(
    context: Context, plan: Plan, messages: list[LabelledMessage], seen: SeenMessages, tally: Tally, say: Say
) -> None:
    async with ServingClient(context.settings.serving) as client, _progress(tally, len(messages), say):
        await send(_crowd(context, plan), client, messages, seen, tally)


async def _canary(
    context: Context,
    plan: Plan,
    messages: list[LabelledMessage],
    seen: SeenMessages,
    tally: Tally,
    say: Say,
    release_id: str,
) -> dict[str, Any]:
    """Send traffic while the release is on trial; the rollout as it stands in the end."""
    async with ServingClient(context.settings.serving) as client:
        watch = RolloutWatch(client, plan.app_name, release_id)
        async with _progress(tally, tally.messages + len(messages), say):
            await send(_crowd(context, plan), client, messages, seen, tally, until=watch.is_decided)
        return await watch.settle()


class RolloutWatch:
    """Looks at the rollout of one release, at most once a second."""

    def __init__(self, client: ServingClient, app: str, release_id: str) -> None:
        self._client = client
        self._app = app
        self._release_id = release_id
        self._looked_at = -_ROLLOUT_POLL_S
        self._rollout: dict[str, Any] = {}  # as long as the first look takes, others ask

    async def is_decided(self) -> bool:
        """Whether serving has promoted the release or rolled it back."""
        now = time.monotonic()
        if now - self._looked_at >= _ROLLOUT_POLL_S:
            self._looked_at = now
            self._rollout = await self._client.rollout(self._app)
        return self._rollout.get("release_id") == self._release_id and self._rollout["state"] in _DECIDED

    async def settle(self) -> dict[str, Any]:
        """The rollout once it is decided, or as it is when the last answers have long matured."""
        deadline = time.monotonic() + _SETTLE_S
        while not await self.is_decided() and time.monotonic() < deadline:
            await asyncio.sleep(_ROLLOUT_POLL_S)
        return self._rollout


@asynccontextmanager
async def _progress(tally: Tally, target: int, say: Say) -> AsyncIterator[None]:
    """Say every few seconds how many messages were sent."""

    async def report() -> None:
        while True:
            await asyncio.sleep(_PROGRESS_S)
            say(f"  {tally.messages} of at most {target} messages sent")

    reporting = asyncio.create_task(report())
    try:
        yield
    finally:
        reporting.cancel()


def _turn_the_wheel(context: Context, app: str, record: TurnRecord, say: Say) -> None:
    """Trigger the first DAG and follow the assets to the last. Raises TurnFailed if a stage broke."""

    def watch(dag_id: str, task_id: str, state: str) -> None:
        say(f"  {dag_id}  {task_id}: {state}")

    with AirflowClient(context.settings.airflow) as airflow:
        run_id = airflow.trigger(FIRST_DAG)
        for run in airflow.follow(FIRST_DAG, run_id, f"feedwheel_retrain_{app}", watch):
            record.tasks += [{"dag": run.dag_id, **msgspec.to_builtins(task)} for task in run.tasks]
            if run.state == "failed" and not _refused_by_gate(context, app, record.started_at):
                raise TurnFailed(_failure(context, run))


def _refused_by_gate(context: Context, app: str, since: datetime) -> bool:
    """Whether a gate said FAIL: an answer, not a breakdown."""
    return any(gate.verdict == "FAIL" for gate in gate_records(context.lake, app, since))


def _failure(context: Context, run: FinishedRun) -> str:
    task = next(task.task_id for task in run.tasks if task.state == "failed")
    log = (
        context.settings.airflow_home_in_use
        / "logs"
        / f"dag_id={run.dag_id}"
        / f"run_id={run.run_id}"
        / f"task_id={task}"
    )
    return f"stage {task} failed in {run.dag_id}: its log is under {log}; then run again, what is done is not repeated"


def _release_to_judge(context: Context, app: str, since: datetime) -> str | None:
    """The release proposed in this turn, or that of an earlier turn which is still on trial."""
    where = (pc.field("app") == app) & (pc.field("released_at") >= since)
    releases = context.lake.read("ops/releases", ["release_id", "released_at"], where).sort_by("released_at")
    if releases.num_rows:
        return str(releases.column("release_id")[-1])
    trial = Rollout.of(read_control(context.settings.kafka, app)).trial
    return trial.release_id if trial else None


def _store(path: Path, record: TurnRecord) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(record)))
    new.replace(path)

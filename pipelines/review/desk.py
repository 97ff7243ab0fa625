"""The desk of one reviewer: the next answer of the queue, and the record of what they say of it.

In: silver, ops/reviews, the rubric of the application. Out: items to look at; rows of ops/reviews.
"""

import getpass
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from feedwheel_capture.ids import uuid7

from feedback.review import Review, Reviewable, queue, verdict_of
from feedback.split import split_of
from pipelines.context import Context
from pipelines.people import UserKeys, lifted, owner_of
from pipelines.runs import canonical_json
from pipelines.silver import admitted_revisions, rows_of
from schemas.config import Rubric
from schemas.errors import NothingToDo, UsageError
from schemas.reviews import Mark, Verdict, Why

DAILY: Final = 50
"""Answers that a queue holds if nobody says otherwise: about an hour of one person."""
_RECENT: Final = timedelta(days=30)
"""Before the newest answer: older ones are of models that are gone."""
_TURN: Final = (
    *("response_id", "user_key", "user_key_id", "split_bucket", "turn_time", "prompt", "output"),
    *("model_version", "p_dissatisfied"),
)


@dataclass(frozen=True, slots=True)
class Item:
    """One answer to look at. `place` of `of` in the queue of the day."""

    answer_id: str
    why: Why
    place: int
    of: int
    messages: list[dict[str, str]]
    output: str


class Desk:
    """The queue of one day for one reviewer."""

    def __init__(self, context: Context, app: str, reviewer: str | None, size: int = DAILY) -> None:
        """Raises NothingToDo without answers to look at, UsageError if the application has no rubric, ConfigError."""
        rubric = context.config.app(app).rubric
        if rubric is None:
            raise UsageError(f"{app} has no rubric: say in [apps.{app}.rubric] of feedwheel.toml what a good answer is")
        self.rubric: Rubric = rubric
        self.reviewer = reviewer or getpass.getuser()
        self._context, self._app = context, app
        admitted = admitted_revisions(context.lake, app)
        self._turns = _read_turns(context, app, admitted)
        reviews = read_reviews(context, app)
        answers = _reviewable(context, app, admitted, self._turns)
        seen = Counter({answer: len(who) for answer, who in _reviewers(reviews).items()})
        mine = {review.answer_id for review in reviews if review.reviewer == self.reviewer}
        self._queue = queue(answers, seen, context.clock().date().isoformat(), size)
        self._open = [answer for answer in self._queue if answer not in mine]
        if not self._open:
            raise NothingToDo(f"{app}: no answer of people who evaluate is left to look at today")
        self._of = len(self._open)

    def next(self) -> Item | None:
        """The next answer, None at the end."""
        if not self._open:
            return None
        turn = self._turns[self._open[0]]
        return Item(
            answer_id=self._open[0],
            why=self._queue[self._open[0]],
            place=self._of - len(self._open) + 1,
            of=self._of,
            messages=turn["prompt"],
            output=turn["output"],
        )

    def skip(self) -> None:
        """Leave the next answer to others."""
        self._open.pop(0)

    def say(self, item: Item, marks: Mapping[str, Mark], *, out_of_scope: bool = False) -> Verdict:
        """Record what the reviewer says of an item, by criterion. Raises UsageError if it is not the next one."""
        if not self._open or self._open[0] != item.answer_id:
            raise UsageError(f"answer {item.answer_id} was judged or skipped before: reload the page")
        if not out_of_scope and marks.keys() != self.rubric.criteria.keys():
            raise UsageError(f"every criterion wants a mark: {', '.join(self.rubric.criteria)}")
        verdict: Verdict = "out_of_scope" if out_of_scope else verdict_of(marks.values())
        turn, now = self._turns[item.answer_id], self._context.clock()
        self._context.lake.append(
            "ops/reviews",
            [
                {
                    "review_id": uuid7(now),
                    "app": self._app,
                    "user_key": turn["user_key"],
                    "conversation_id": turn["conversation_id"],
                    "response_id": item.answer_id,
                    "model_version": turn["model_version"],
                    "p_dissatisfied": turn["p_dissatisfied"],
                    "reviewer": self.reviewer,
                    "rubric": self.rubric.version,
                    "why": item.why,
                    "marks": canonical_json({} if out_of_scope else dict(marks)),
                    "verdict": verdict,
                    "reviewed_at": now,
                }
            ],
        )
        self.skip()
        return verdict


def read_reviews(context: Context, app: str) -> list[Review]:
    """Every review of an application; of several of one answer by one reviewer the last."""
    rows = context.lake.read("ops/reviews", where=pc.field("app") == app).to_pylist()
    latest = {(row["response_id"], row["reviewer"]): row for row in sorted(rows, key=lambda row: row["review_id"])}
    return [
        msgspec.convert({**row, "answer_id": row["response_id"], "person": owner_of(row)}, Review)
        for row in latest.values()
    ]


def _reviewers(reviews: list[Review]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for review in reviews:
        found.setdefault(review.answer_id, set()).add(review.reviewer)
    return found


def _read_turns(context: Context, app: str, admitted: pa.Table) -> dict[str, dict[str, Any]]:
    """Recent answers of people who evaluate, as far as they may be read, by response id."""
    rows = lifted(rows_of(context.lake, "silver/turns", app, admitted, _TURN), UserKeys(context.settings.user_keys))
    turns = rows.to_pylist()
    since = max((turn["turn_time"] for turn in turns), default=context.clock()) - _RECENT
    share = context.config.split.eval_share
    return {
        turn["response_id"]: turn
        for turn in turns
        if turn["turn_time"] >= since and split_of(turn["split_bucket"], share) == "eval" and _may_be_read(turn)
    }


def _may_be_read(turn: Mapping[str, Any]) -> bool:
    return bool(turn["output"] and turn["prompt"]) and all(message["content"] for message in turn["prompt"])


def _reviewable(
    context: Context, app: str, admitted: pa.Table, turns: Mapping[str, dict[str, Any]]
) -> list[Reviewable]:
    signals = rows_of(context.lake, "silver/signals", app, admitted, ("response_id",), pc.field("polarity") != 0)
    judged = set(signals.column("response_id").to_pylist())
    return [Reviewable(name, turn["p_dissatisfied"], name in judged) for name, turn in sorted(turns.items())]

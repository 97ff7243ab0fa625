"""The learning curve of a data set, which says whether more of this data is worth collecting.

In: a data set. Out: accuracy on its evaluation items after training on 25, 50 and 100 % of its people, and the slope.
Trained, exported and asked as a release would be, by the same code; what is trained on the way is no model of anybody's
and is removed at the end. The steps, numbered as in the code:

1. note where the fence stands, and take the evaluation items that no training example is like;
2. for each share, train on the people whose hash lies below it, so that a smaller share is part of a larger;
3. export, ask all items, and note how right each person's answers are;
4. fit the slope, by person.
"""

import shutil
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from feedback.curve import Worth, learning_curve
from feedback.gate import is_right
from feedback.split import unit_draw
from feedback.statistics import Floats, Interval
from feedback.templates import fixed_parts
from pipelines.context import Context
from pipelines.dataset.manifest import Manifest, find_manifest, newest_manifest, readable_examples_of
from pipelines.evaluate.answers import answers
from pipelines.evaluate.candidate import candidate
from pipelines.evaluate.items import Item, golden_examples, read_items
from pipelines.io.fence import Fenced, fenced
from pipelines.io.models import path_of
from pipelines.people import owner_of
from pipelines.train.fitting import fitted
from pipelines.train.plan import make_plan
from pipelines.trained import TrainedModel, find_model
from schemas.errors import CheckFailed, NothingToDo

SHARES: Final = (0.25, 0.5, 1.0)
"""Of the people: two doublings, the least that shows whether the second brings what the first brought."""


@dataclass(frozen=True, slots=True)
class Point:
    """A share of the people, the examples it trained on, and how right its answers were: mean over people."""

    share: float
    examples: int
    accuracy: Interval


@dataclass(frozen=True, slots=True)
class CurveReport:
    """`slope`: accuracy per doubling of the examples. `worth`: whether to collect more."""

    dataset_id: str
    items: int
    people: int
    points: list[Point]
    slope: Interval
    worth: Worth
    margin: float
    alpha: float
    seconds: float


def run(context: Context, app: str, dataset_id: str | None = None) -> CurveReport:
    """Measure the curve. Raises NothingToDo, UsageError, CheckFailed if too few people would train or evaluate."""
    context.config.app(app)
    started, gate = time.monotonic(), context.config.gate
    manifest = _manifest(context, app, dataset_id)
    threshold = context.config.curation.near_duplicate_jaccard
    templates = fixed_parts(context.config.app(app).prompts.values())
    into = fenced(context.lake, app, "gold/answers")  # 1
    items = read_items(context.lake, manifest.dataset_id, [manifest.dataset_id], threshold, templates).usable
    parts = _parts(readable_examples_of(context.lake, manifest.dataset_id, "sft").to_pylist(), items)
    right = np.column_stack([_right(context, into, manifest, share, rows, items) for share, rows in parts.items()])
    sizes = [len(rows) for rows in parts.values()]
    found = learning_curve(sizes, right, gate.alpha, gate.margin)  # 4
    return CurveReport(
        dataset_id=manifest.dataset_id,
        items=len(items),
        people=len(right),
        points=[Point(*point) for point in zip(parts, sizes, found.accuracies, strict=True)],
        slope=found.slope,
        worth=found.worth,
        margin=gate.margin,
        alpha=gate.alpha,
        seconds=time.monotonic() - started,
    )


def _manifest(context: Context, app: str, dataset_id: str | None) -> Manifest:
    lake = context.lake
    manifest = find_manifest(lake, app, dataset_id) if dataset_id else newest_manifest(lake, app)
    if manifest is None:
        raise NothingToDo(f"{app} has no data set yet: run `feedwheel dataset build`")
    return manifest


def _parts(rows: Sequence[Mapping[str, Any]], items: Sequence[Item]) -> dict[float, list[Mapping[str, Any]]]:
    """Step 2: the rows of each share, in the order of their ids."""
    parts = {share: [row for row in rows if unit_draw("curve", owner_of(row)) < share] for share in SHARES}
    sizes = [len(part) for part in parts.values()]
    if not items or not sizes[0] or len(set(sizes)) < len(sizes):
        raise CheckFailed(
            f"{len(items)} items to evaluate on, and {', '.join(map(str, sizes))} examples at "
            f"{', '.join(f'{share:.0%}' for share in SHARES)} of the people: no curve: collect from more people"
        )
    return parts


def _right(
    context: Context,
    into: Fenced,
    manifest: Manifest,
    share: float,
    rows: Sequence[Mapping[str, Any]],
    items: Sequence[Item],
) -> Floats:
    """How right the answers to each person's items are, by the order of their keys: float64 [people]."""
    said = _answers(context, into, manifest, share, rows, items)
    by_owner = defaultdict[str, list[bool]](list)
    for item in items:
        by_owner[item.owner].append(is_right(said[item.example_id], item.completion))
    return np.array([np.mean(by_owner[owner]) for owner in sorted(by_owner)])


def _answers(
    context: Context,
    into: Fenced,
    manifest: Manifest,
    share: float,
    rows: Sequence[Mapping[str, Any]],
    items: Sequence[Item],
) -> dict[str, str]:
    """Steps 2 and 3: what a model says that was trained on `rows`; it is gone afterwards, unless it was there."""
    model = _trained(context, into.app, manifest, share)
    plan = make_plan(context, into.app, manifest, share)
    try:
        if model is None:
            fitted(context, plan, rows)
        adapter = path_of(model.adapter_uri) if model else plan.adapter
        reference, _, _ = candidate(context, into.app, adapter, golden_examples(context.lake, manifest.dataset_id))
        said = answers(context, into, reference, items)
    finally:
        shutil.rmtree(plan.model, ignore_errors=True)
    shutil.rmtree(plan.work, ignore_errors=True)
    return said


def _trained(context: Context, app: str, manifest: Manifest, share: float) -> TrainedModel | None:
    """The model that was trained on all of the data set, if that is what is asked for and there is one."""
    return find_model(context.lake, app, make_plan(context, app, manifest).version) if share == SHARES[-1] else None

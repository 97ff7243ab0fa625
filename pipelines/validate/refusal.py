"""Why a batch was refused, and what a person can do.

In: a judgement and the bounds in use. Out: a message: where, what, what to do next.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pipelines.validate import suites
from pipelines.validate.record import FailingRow, Judgement
from pipelines.validate.suites import Threshold
from schemas.config import Validation


def failures(failing: Sequence[FailingRow]) -> dict[str, int]:
    """The number of failing rows by table and expectation."""
    return dict(Counter(f"{row.table} {row.expectation}" for row in failing))


def refusal(judgement: Judgement, validation: Validation, page: str) -> str:
    """Which figures are out of bounds, by how much, what moved, and what to do. `page`: where Data Docs show it."""
    said = [*_figures(judgement, suites.thresholds(validation)), *_rows(judgement)]
    return (
        f"{judgement.app}: none of {len(judgement.revisions)} conversations was admitted: {'; '.join(said)}. "
        "Remove the cause, or change the bound in feedwheel.toml [validation], and run `feedwheel validate` again; "
        "or let this batch pass with `feedwheel validate --waive REASON`. "
        f"The evidence is gate {judgement.gate_id} of ops/gates, and {page}"
    )


def too_few(judgement: Judgement, validation: Validation) -> str:
    """What a batch that is too small to judge waits for."""
    return (
        f"{judgement.figures.facts['turns']:.0f} new turns are too few to judge, {validation.min_turns} are needed "
        "(feedwheel.toml, [validation] min_turns): they wait for more"
    )


def _figures(judgement: Judgement, bounds: Sequence[Threshold]) -> Iterator[str]:
    of = {bound.expectation: bound for bound in bounds}
    for outcome in judgement.outcomes:
        if outcome.table == suites.BATCH and not outcome.success:
            bound = of[outcome.expectation]
            yield (
                f"{bound.fact} is {judgement.figures.facts[bound.fact]:.3g}, allowed is {bound.allowed} "
                f"({bound.setting}){_moved(judgement.figures.moved, bound.fact)}: {bound.remedy}"
            )


def _moved(moved: Mapping[str, str], fact: str) -> str:
    return f", {moved[fact]}" if fact in moved else ""


def _rows(judgement: Judgement) -> Iterator[str]:
    for name, count in failures(judgement.failing).items():
        table, _, expectation = name.partition(" ")
        remedy = suites.remedies(table).get(expectation)
        yield f"{count} rows of {name}" + (f": {remedy}" if remedy else "")

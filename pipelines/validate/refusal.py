"""Why a batch was refused, and what a person can do.

In: a judgement and the bounds in use. Out: what is broken, for the page of a run; a message: where, what, what to do.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.validate import suites
from pipelines.validate.record import FailingRow, Judgement
from schemas.config import Validation


@dataclass(frozen=True, slots=True)
class Broken:
    """One expectation that does not hold, in words; a figure also has what is `allowed` and what `moved`."""

    what: str
    observed: str
    allowed: str | None = None
    moved: str | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        allowed = f", allowed is {self.allowed}" if self.allowed else ""
        return "".join(
            (self.observed, allowed, f", {self.moved}" if self.moved else "", f": {self.remedy}" if self.remedy else "")
        )


def failures(failing: Sequence[FailingRow]) -> dict[str, int]:
    """The number of failing rows by table and expectation."""
    return dict(Counter(f"{row.table} {row.expectation}" for row in failing))


def broken(judgement: Judgement, validation: Validation) -> list[Broken]:
    """The figures out of bounds, then the rows that break their expectation."""
    return [*_figures(judgement, validation), *_rows(judgement)]


def refusal(judgement: Judgement, found: Sequence[Broken], page: str) -> str:
    """Which figures are out of bounds, by how much, what moved, and what to do. `page`: where Data Docs show it."""
    return (
        f"{judgement.app}: none of {len(judgement.revisions)} conversations was admitted: "
        f"{'; '.join(map(str, found))}. "
        "Remove the cause, or change the bound in feedwheel.toml [validation], and run `feedwheel validate` again; "
        "`feedwheel validate --waive REASON` admits this batch as it is. "
        f"The evidence is gate {judgement.gate_id} of ops/gates, as a page {page}"
    )


def too_few(judgement: Judgement, validation: Validation) -> str:
    """What a batch that is too small to judge waits for."""
    return (
        f"{judgement.figures.facts['turns']:.0f} new turns are too few to judge, {validation.min_turns} are needed "
        "(feedwheel.toml, [validation] min_turns): they wait for more"
    )


def _figures(judgement: Judgement, validation: Validation) -> Iterator[Broken]:
    figures = judgement.figures
    failed = {outcome.expectation for outcome in judgement.outcomes if not outcome.success}
    for bound in suites.thresholds(validation):
        if bound.expectation in failed:
            yield Broken(
                bound.fact,
                f"{bound.fact} is {figures.facts[bound.fact]:.3g}",
                f"{bound.allowed} ({bound.setting})",
                figures.moved.get(bound.fact),
                bound.remedy,
            )


def _rows(judgement: Judgement) -> Iterator[Broken]:
    for name, count in failures(judgement.failing).items():
        table, _, expectation = name.partition(" ")
        yield Broken(name, f"{count} rows of {name}", remedy=suites.remedies(table).get(expectation))

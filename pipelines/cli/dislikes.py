"""`feedwheel dislikes`: what people disliked, which lever mends it, and where."""

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from feedback.dislikes import Dimension
from pipelines.cli.datasets import Since, Until, utc
from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit, print_table

if TYPE_CHECKING:
    from feedback.dislikes import Group
    from feedback.statistics import Interval
    from pipelines.dislikes import DislikesReport, Example

SHOWN_COUNTS: Final = 3
"""Of levers or complaints of one line, the most frequent; --json has all."""
SHOWN_CHARS: Final = 100
"""Of one text; --json has all of it."""


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(dislikes)


@command
def dislikes(
    app: App = DEFAULT_APP,
    since: Since = None,
    until: Until = None,
    by: Annotated[Dimension, typer.Option(help="What answers are divided by.")] = "model_version",
    examples: Annotated[int, typer.Option(min=0, help="How many answers of each lever are shown.")] = 3,
    json: Json = False,
) -> None:
    """Show what people disliked, by lever and by slice; by default the week up to the newest answer."""
    from pipelines import dislikes as stage
    from pipelines.context import Context

    report = stage.run(Context.load(), app, utc(since), utc(until), by, examples)
    if json:
        emit(report, json)
    else:
        _print(report)


def _print(report: "DislikesReport") -> None:
    console = Console(highlight=False, soft_wrap=True)
    total = report.total
    console.print(
        f"{report.app}, answers from {report.since:%F %T} to {report.until:%F %T} UTC: {total.answers:,}, of which "
        f"{total.judged:,} judged by {total.people:,} people, {total.disliked:,} disliked "
        f"(sum of p_dissatisfied {total.expected:,.1f}).\n",
        markup=False,
    )
    levers = (
        [of.lever, f"{of.disliked:,}", f"{of.people:,}", _share(of.share), _counts(of.categories.items())]
        for of in report.levers
    )
    print_table(("lever", "disliked", "people", "of judged (95 %)", "complaints"), levers)
    console.print()
    columns = (report.by, "answers", "judged", "people", "sum of p", "disliked", "of judged (95 %)")
    print_table((*columns, "levers", "complaints", ""), map(_slice, report.slices))
    for warning in _warnings(report):
        console.print(f"\n{warning}", markup=False)
    for example in report.examples:
        console.print(f"\n{_example(example)}", markup=False)


def _slice(of: "Group") -> list[str]:
    counts = (f"{count:,}" for count in (of.answers, of.judged, of.people))
    seen = (
        f"{of.expected:,.1f}",
        f"{of.disliked:,}",
        _share(of.share),
        _counts(of.levers.items()),
        _counts(of.categories.items()),
    )
    return [of.name, *counts, *seen, "" if of.is_ranked else "too few people to rank"]


def _share(share: "Interval | None") -> str:
    return "-" if share is None else f"{share.estimate:.1%} [{share.low:.1%}, {share.high:.1%}]"


def _counts(counts: Iterable[tuple[str, int]]) -> str:
    shown = islice(counts, SHOWN_COUNTS)
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in shown) or "-"


def _warnings(report: "DislikesReport") -> list[str]:
    """What must not be read into the numbers."""
    turned = [
        f"{of.worse} is disliked more than {of.better} over all, and less in each {of.dimension} that enough people "
        f"judged ({', '.join(of.within)}): compare within {of.dimension}."
        for of in report.reversals
    ]
    prompts = [f"Prompt {prompt} is disliked more than another of {model}." for model, prompt in report.worse_prompts]
    few = not all(of.is_ranked for of in report.slices)
    small = [f"Slices of fewer than {report.min_people} people are not ranked: they say nothing."] if few else []
    left = [f"{report.withheld} conversations left out: consent withdrawn, run `feedwheel extract`."]
    return [*turned, *prompts, *small, *(left if report.withheld else [])]


def _example(of: "Example") -> str:
    why = ", ".join(of.evidence) or "nothing decides"
    lines = [f"{of.lever} {of.confidence:.2f} ({why})  {of.response_id}  {', '.join(of.kinds)}"]
    for name, text in (("asked", of.request), ("answered", of.output), *(("said", text) for text in of.said)):
        lines.append(f"  {name:8} {_shown(text)}")
    return "\n".join(lines)


def _shown(text: str | None) -> str:
    """One line of printable characters: what people write must not steer a terminal."""
    if text is None:
        return "(withheld)"
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]}…"

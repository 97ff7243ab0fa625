"""`feedwheel simulate`: simulated people turn the wheel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipelines.cli.output import DEFAULT_APP, App, Json, command, print_table

if TYPE_CHECKING:
    from pipelines.simulate.summary import FunnelLevel, StageTime, Summary

DEFAULT_USERS = 600
"""Some 180 of them are drawn to evaluate. The gate's unit is the person: with 36 of them (120 users) its interval ends
0.15 below the estimate, however many items each answers; with 120, which two turns reach, 0.08."""


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(simulate)


@command
def simulate(
    app: App = DEFAULT_APP,
    dataset: Annotated[Path | None, typer.Option(help="CSV: text, category, and split if there is one.")] = None,
    users: Annotated[int, typer.Option(min=2, help="How many people use the application.")] = DEFAULT_USERS,
    cycles: Annotated[int, typer.Option(min=1, help="Turns of the wheel.")] = 1,
    topics: Annotated[
        int | None, typer.Option(min=0, help="How many topics, the first by name; 0 for all.", show_default="20")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 1,
    json: Json = False,
) -> None:
    """Let simulated people use the application and turn the wheel: traffic, pipelines, canary, report."""
    from pipelines.context import Context
    from pipelines.simulate.messages import SHIPPED, read_messages
    from pipelines.simulate.report import write_report
    from pipelines.simulate.summary import summarise
    from pipelines.simulate.turn import Plan, read_turns, run_turn

    context = Context.load()
    context.config.app(app)
    plan = Plan.of(app, read_messages(dataset or SHIPPED), topics, users, seed)
    progress = Console(stderr=json, highlight=False)
    for _ in range(cycles):
        run_turn(context, plan, lambda line: progress.print(line, markup=False))
        turns = read_turns(context, app)
        summary = summarise(context, turns)
        page = write_report(context, summary, turns)
        _print(summary, page, as_json=json)


def _print(summary: Summary, page: Path, *, as_json: bool) -> None:
    if as_json:
        import msgspec

        print(msgspec.json.encode({"report": str(page), **msgspec.to_builtins(summary)}).decode())
        return
    from pipelines.simulate.report import describe_canary, describe_gate, sentence

    console = Console(highlight=False)
    console.rule(f"turn {summary.record.turn} of {summary.record.app}")
    _print_funnel(summary)
    _print_times(summary)
    if gate := summary.model_gate:
        console.print(f"\nGate: {describe_gate(gate)}", markup=False, soft_wrap=True)
    if canary := describe_canary(summary.record):
        console.print(f"Canary: {canary}", markup=False, soft_wrap=True)
    console.print(f"\n{sentence(summary)}\n", markup=False, style="bold", soft_wrap=True)
    for name, link in {**summary.links, "Report": page.as_uri()}.items():
        console.print(f"{name:8} {link}", soft_wrap=True)


def _print_funnel(summary: Summary) -> None:
    columns = ("funnel", "all turns", "this turn", "of which", "fell away before, by reason")
    print_table(columns, map(_funnel_row, summary.funnel))
    print()


def _funnel_row(of: FunnelLevel) -> list[str]:
    parts, dropped = (
        ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "-"
        for counts in (of.level.parts, of.level.dropped)
    )
    return [of.level.name, f"{of.level.count:,}", f"{of.new:+,}", parts, dropped]


def _print_times(summary: Summary) -> None:
    rows = (
        [stage.name, f"{stage.seconds:.0f}", "-" if stage.budget_s is None else f"{stage.budget_s:.0f}", _over(stage)]
        for stage in summary.times
    )
    print_table(("step", "seconds", "budget", ""), rows)


def _over(stage: StageTime) -> str:
    return "over budget" if stage.budget_s is not None and stage.seconds > stage.budget_s else ""

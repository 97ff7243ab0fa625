"""Commands of the local stack: up, down, status, doctor."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit
from schemas.errors import UsageError

if TYPE_CHECKING:
    from pipelines.stack.doctor import DoctorReport
    from pipelines.stack.service import ServiceName
    from pipelines.stack.status import StatusReport

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAMES]", help="kafka, mlflow, serving, collector, airflow; or all.")
]

_STATE_STYLE = {
    "ready": "green",
    "external": "green",
    "ok": "green",
    "warn": "yellow",
    "not ready": "yellow",
    "died": "red",
    "unreachable": "red",
    "fail": "red",
}


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    for function in (up, down, status, doctor):
        app.command()(function)


@command
def up(names: Names = None, app: App = DEFAULT_APP, json: Json = False) -> None:
    """Start the local stack, or the named services and what they need, and wait until each can be used.

    One stack serves every application; --app is only checked.
    """
    from pipelines.settings import Settings
    from pipelines.stack import stack
    from pipelines.stack.secrets import ensure_secrets

    chosen = _service_names(names)
    settings = Settings.load()
    settings.config().app(app)
    console = _progress(json)
    if written := ensure_secrets(settings):
        console.print(f"secrets generated: {written} (keep it as long as the data)", markup=False)
        settings = Settings.load()
    with _waiting(console, "starting"):
        report = stack.up(
            settings,
            chosen,
            watch=lambda ready: console.print(
                f"{ready.name:<9} {ready.outcome:<16} {ready.address:<24} {ready.seconds:6.1f} s",
                markup=False,
            ),
            say=lambda text: console.print(text, markup=False),
        )
    if json:
        emit(report, as_json=True)


@command
def down(names: Names = None, app: App = DEFAULT_APP, json: Json = False) -> None:
    """End exactly what `up` started, all of it or the named services. One stack serves every application."""
    from pipelines.settings import Settings
    from pipelines.stack import stack

    del app  # nothing is looked up: a stack can be ended whatever became of feedwheel.toml
    console = _progress(json)
    with _waiting(console, "stopping"):
        report = stack.down(
            Settings.load().home,
            _service_names(names),
            watch=lambda name: console.print(f"{name:<9} ended", markup=False),
            say=lambda text: console.print(text, markup=False),
        )
    if json:
        emit(report, as_json=True)
    elif not report.ended:
        console.print("nothing was running")


@command
def status(app: App = DEFAULT_APP, json: Json = False) -> None:
    """Show every service; exit 1 if one that should run cannot be used. --app is only checked."""
    from pipelines.settings import Settings
    from pipelines.stack.status import status as ask

    settings = Settings.load()
    settings.config().app(app)
    report = ask(settings)
    if json:
        emit(report, as_json=True)
    else:
        _show_status(report)
    if not report.healthy:
        raise typer.Exit(1)


@command
def doctor(app: App = DEFAULT_APP, json: Json = False) -> None:
    """Say what this machine lacks and what to do about it; exit 1 if something will not work."""
    from pipelines.settings import Settings
    from pipelines.stack.doctor import diagnose

    report = diagnose(Settings.load(), app)
    if json:
        emit(report, as_json=True)
    else:
        _show_findings(report)
    if report.failed:
        raise typer.Exit(1)


def _service_names(names: list[str] | None) -> "tuple[ServiceName, ...]":
    from pipelines.stack.service import SERVICE_NAMES

    if unknown := set(names or ()) - set(SERVICE_NAMES):
        raise UsageError(f"no service is called {', '.join(sorted(unknown))}: name some of {', '.join(SERVICE_NAMES)}")
    return tuple(name for name in SERVICE_NAMES if not names or name in names)


def _progress(json: bool) -> Console:
    # Bound now: building the base model silences libraries by swapping the streams for a while.
    return Console(file=sys.stderr if json else sys.stdout, highlight=False, soft_wrap=True)


@contextmanager
def _waiting(console: Console, doing: str) -> Iterator[None]:
    """A spinner on a terminal, nothing elsewhere."""
    if not console.is_terminal:
        yield
        return
    with console.status(doing):
        yield


def _show_status(report: "StatusReport") -> None:
    console = Console()
    lines = [("name", "state", "address", "pid", "up", "log")]
    lines += [
        (row.name, row.state, row.address, str(row.pid or "-"), _duration(row.uptime_s), _short(row.log))
        for row in report.services
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        console.print(cells, style=_STATE_STYLE.get(line[1], ""), markup=False, highlight=False, soft_wrap=True)
    for row in report.services:
        if row.detail and row.state != "external":
            console.print(f"\n{row.name}: {row.detail}", markup=False, highlight=False, soft_wrap=True)


def _short(log: str | None) -> str:
    """A path as one would type it here."""
    return os.path.relpath(log) if log and Path(log).is_relative_to(Path.cwd()) else log or "-"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, hours = divmod(int(seconds) // 60, 60)[::-1]
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {int(seconds) % 60:02} s"


def _show_findings(report: "DoctorReport") -> None:
    console = Console()
    for finding in report.findings:
        console.print(f"[{_STATE_STYLE[finding.level]}]{finding.level:<4}[/]", end=" ")
        advice = f"; {finding.advice}" if finding.advice else ""
        console.print(f"{finding.check:<18} {finding.found}{advice}", markup=False, highlight=False, soft_wrap=True)

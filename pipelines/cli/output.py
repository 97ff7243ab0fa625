"""What every command shares: how a report is shown, how an error ends the process, which application is meant.

In: a report (a dataclass), or an error of ours. Out: a table for people or one JSON object for programs on stdout;
errors on stderr, as where, what and what to do next, with the exit code of their class.
"""

import functools
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.errors import CheckFailed, FeedwheelError, NothingToDo

App = Annotated[str, typer.Option("--app", help="Application in feedwheel.toml.", envvar="FEEDWHEEL_APP")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]

DEFAULT_APP = "routing"
"""The application that feedwheel.toml ships with."""

_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print rows, each cell whole: on a terminal that is too narrow lines run over its edge, cells are never folded.

    Numbers stand to the right. Cells may come from outside and are never read as markup.
    """
    plain = [[_cell(value) for value in row] for row in rows]
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(columns):
        numeric = any(_NUMBER.fullmatch(row[place]) for row in plain)
        table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for row in plain:
        table.add_row(*map(Text, row))
    console = Console()
    needed = console.measure(table, options=console.options.update(max_width=_WIDEST)).maximum
    Console(width=max(console.width, needed)).print(table, crop=False)


_WIDEST = 10_000
_NUMBER = re.compile(r"[-+]?[\d,]+(?:\.\d+)?")


def emit(report: object, as_json: bool, title: str | None = None) -> None:
    """Print a report: every field a row, nested mappings as `name value` lines."""
    plain = msgspec.to_builtins(report)
    if as_json:
        print(json.dumps(plain, sort_keys=True))
        return
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in plain.items():
        # Text: a value may come from outside and must not be read as markup.
        table.add_row(name.replace("_", " "), Text(_cell(value)))
    Console().print(table)


def _cell(value: Any) -> str:
    match value:
        case dict():
            return "\n".join(f"{name}  {_cell(inner)}" for name, inner in value.items()) or "-"
        case list():
            return "\n".join(_cell(inner) for inner in value) or "-"
        case float():
            return f"{value:,.4g}"
        case None:
            return "-"
    return str(value)


def refuse_bad_lines(bad_lines: Sequence[int], source: Path, target: Path, records: str, as_json: bool) -> None:
    """Exit 1 if a line of `source` was none of the `records` that were asked for. Raises CheckFailed."""
    if not bad_lines:
        return
    if as_json:
        raise typer.Exit(CheckFailed.exit_code)
    raise CheckFailed(f"{len(bad_lines)} lines of {source} are no {records}; {target} says why, by line")


def printable(text: str, keep: str = "") -> str:
    """Safe for a terminal: what people wrote may hold control characters. `keep`: those that do no harm here."""
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode() for char in text
    )


def command(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn errors of ours into a message and an exit code; any other error is a defect and keeps its traceback."""

    @functools.wraps(function)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except FeedwheelError as error:
            _fail(error, as_json=bool(kwargs.get("json")))
        except KeyboardInterrupt:
            Console(stderr=True).print(
                "Interrupted. What was done stays, and the same command goes on from there. "
                "What runs of the stack goes on: `feedwheel down` ends it."
            )
            sys.exit(_INTERRUPTED)

    return wrapped


def leave_after(function: Callable[[], object]) -> NoReturn:
    """Run a command to its end and the process with it, at once.

    For one whose libraries leave threads in native code: an interpreter that cleans up under them may crash (seen after
    a broker had been away). What they were at is not committed, and so not done.
    """
    code: object = 1
    try:
        command(function)()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def _fail(error: FeedwheelError, *, as_json: bool) -> NoReturn:
    if as_json:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))
    elif isinstance(error, NothingToDo):
        Console().print(f"Nothing to do: {error}", markup=False, soft_wrap=True)
    else:
        Console(stderr=True).print(f"{type(error).__name__}: {error}", style="red", markup=False, soft_wrap=True)
    sys.exit(error.exit_code)

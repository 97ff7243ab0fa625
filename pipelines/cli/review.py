"""`feedwheel review`: judge answers by the application's rubric, in the terminal or on a page."""

import secrets
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit, printable
from schemas.errors import UsageError

if TYPE_CHECKING:
    from pipelines.review.desk import Desk, Item
    from schemas.reviews import Mark

_KEYS: Final[dict[str, "Mark"]] = {"y": "yes", "n": "no", "u": "unsure"}
_WHY: Final = {
    "random": "drawn at random",
    "disliked": "a user disliked it",
    "unsure": "nobody can tell whether the user liked it",
}


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(review)


@command
def review(
    app: App = DEFAULT_APP,
    reviewer: Annotated[str | None, typer.Option(help="Who reviews; without it, the user of this machine.")] = None,
    size: Annotated[int, typer.Option(min=1, max=500, help="Answers in the queue of a day.")] = 50,
    serve: Annotated[int | None, typer.Option(help="Serve the page on this port instead, to this machine.")] = None,
    report: Annotated[bool, typer.Option(help="Only say what all reviews come to.")] = False,
    json: Json = False,
) -> None:
    """Judge answers by the rubric of the application: those of today's queue, or see what verdicts come to."""
    from feedback.review import figures
    from pipelines.context import Context
    from pipelines.review.desk import Desk, read_reviews

    context = Context.load()
    if not report:
        desk = Desk(context, app, reviewer, size)
        if serve is not None:
            _serve(desk, serve)
        elif not sys.stdin.isatty() and json:
            raise UsageError("a review is a conversation: ask for --report with --json")
        else:
            _converse(desk)
    emit(figures(read_reviews(context, app)), json, f"Reviews of {app}")


def _serve(desk: "Desk", port: int) -> None:
    import uvicorn

    from pipelines.review.page import page

    token = secrets.token_urlsafe(16)
    Console().print(f"Review at http://127.0.0.1:{port}/{token}/  (Ctrl+C ends it)", soft_wrap=True)
    uvicorn.run(page(desk, token), host="127.0.0.1", port=port, log_level="warning", access_log=False)


def _converse(desk: "Desk") -> None:
    """Until the queue is empty, or the reviewer has had enough."""
    console = Console(highlight=False)
    console.print(Text(desk.rubric.guideline))
    while item := desk.next():
        _show(console, item)
        marks = dict["str", "Mark"]()
        for name, question in desk.rubric.criteria.items():
            key = _ask(question)
            if key == "q":
                return
            if key not in _KEYS:
                break
            marks[name] = _KEYS[key]
        if key == "s":
            desk.skip()
        else:
            verdict = desk.say(item, marks, out_of_scope=key == "o")
            console.print(f"[bold]{verdict.replace('_', ' ')}[/bold]\n")


def _show(console: Console, item: "Item") -> None:
    console.rule(f"{item.place} of {item.of}: {_WHY[item.why]}")
    for message in item.messages:
        console.print(Panel(Text(printable(message["content"], keep="\n")), title=message["role"], title_align="left"))
    console.print(
        Panel(Text(printable(item.output, keep="\n")), title="answer", title_align="left", border_style="blue")
    )


def _ask(question: str) -> str:
    answer = ""
    while answer not in ("y", "n", "u", "o", "s", "q"):
        answer = typer.prompt(f"{question} [y]es [n]o [u]nsure, [o]ut of scope, [s]kip, [q]uit").strip().lower()[:1]
    return answer

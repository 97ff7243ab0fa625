"""Commands of privacy: erase, privacy apply | report."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit, print_table, printable
from schemas.errors import UsageError

if TYPE_CHECKING:
    from pipelines.privacy.holdings import Holdings
    from pipelines.privacy.receipt import Receipt

_PLACES: Final = {
    "bronze/generations": "questions and answers as they came in",
    "bronze/feedback": "feedback as it came in",
    "bronze/privacy": "what you allowed, and requests to be erased",
    "silver/turns": "answers, put together with what was asked",
    "silver/signals": "what your words and acts were taken to mean",
    "silver/conversations": "revisions of conversations that you began, without their words",
    "silver/orphans": "feedback that waits for its answer",
    "silver/admissions": "conversations that were checked and let through",
    "silver/rejected": "conversations that were checked and not let through",
    "gold/candidates": "examples that a model might learn from",
    "gold/dropped": "examples that were left out",
    "gold/labelled": "answers as curation has labelled them",
    "gold/datasets/examples": "examples in data sets",
    "gold/answers": "what models answered to such examples",
    "ops/reviews": "what reviewers said of answers that you were given",
}
"""Tables in the words of the person who asks."""
_USES: Final = {
    "example": "examples",
    "dataset": "data sets",
    "model": "models that were trained on them",
    "release": "releases of these models",
}
_ALLOWS: Final = {
    "content": "everything: words, and what you did",
    "signal_only": "what you did, without words",
    "none": "nothing",
}


_EVENTS: Final = {"generation": "answers that you were given", "exposure": "times that you were asked for feedback"}


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command()(erase)
    group = typer.Typer(help="Withdrawals for what is stored, and what is held about a person.", no_args_is_help=True)
    group.command()(apply)
    group.command()(report)
    app.add_typer(group, name="privacy")


@command
def erase(
    user: Annotated[str, typer.Option(help="Id by which the application knows the person, or a key of theirs.")],
    app: App = DEFAULT_APP,
    yes: Annotated[bool, typer.Option(help="Do not ask whether it is meant.")] = False,
    json: Json = False,
) -> None:
    """Erase a person: publish that they ask for it, ingest it, apply it to every table, and print a receipt."""
    from pipelines.context import Context
    from pipelines.privacy import erasure

    context = Context.load()
    person = erasure.find(context, app, user)
    if not (yes or json):
        typer.confirm(f"Take all words of the person {person.user_key} out of {app}, for ever?", abort=True)
    receipt = erasure.erase(context, app, person)
    if json:
        emit(receipt, json)
    else:
        _print_receipt(receipt)


@command
def apply(
    app: App = DEFAULT_APP,
    dry_run: Annotated[bool, typer.Option(help="Only count what would be taken out.")] = False,
    json: Json = False,
) -> None:
    """Take out of every table what people no longer allow, and print a receipt; run again, it goes on."""
    from pipelines import privacy as stage
    from pipelines.context import Context

    receipt = stage.run(Context.load(), app, dry_run=dry_run)
    if json:
        emit(receipt, json)
    else:
        _print_receipt(receipt)


def _print_receipt(receipt: "Receipt") -> None:
    _say(
        f"People who have withdrawn something: {receipt.people}. It concerns {receipt.events} stored events, in "
        f"{receipt.conversations} conversations."
    )
    done = "would be changed" if receipt.dry_run else "changed"
    print_table(("table", f"rows {done}"), ([table, str(rows)] for table, rows in receipt.rows.items()))
    _say(f"{receipt.files} files of earlier versions {'would be ' if receipt.dry_run else ''}deleted.")
    for left in receipt.remains:
        _say(f"Remains in {left.where} {_until(left.until)}: {left.what}.")
    if receipt.not_extracted:
        _say(f"Changes of {receipt.not_extracted} people are not extracted yet: run this again to apply them.")
    if receipt.unknown_layers:
        _say(
            f"{receipt.unknown_layers} changes have a key of layers that FEEDWHEEL_USER_KEY_LAYERS does not have here: "
            "they hold only for events of the same key. Set all layers and run this again."
        )


def _until(until: datetime | None) -> str:
    return f"until {until:%F %R} UTC" if until else "until it is erased"


@command
def report(
    user_key: Annotated[str | None, typer.Argument(help="Key of the person, of any layer.")] = None,
    user: Annotated[
        str | None, typer.Option(help="Id by which the application knows the person, in its place.")
    ] = None,
    content: Annotated[bool, typer.Option(help="With the texts themselves.")] = False,
    app: App = DEFAULT_APP,
    json: Json = False,
) -> None:
    """Tell what is held about a person, and what it was used for; exit 1 if nothing is."""
    from pipelines.context import Context
    from pipelines.privacy import holdings

    if (user_key is None) == (user is None):
        raise UsageError("give either the key of a person or --user with the id that the application knows")
    context = Context.load()
    if user is not None:
        held = holdings.of_raw_id(context, app, user, content=content)
    else:
        held = holdings.of_key(context, app, user_key or "", content=content)
    if json:
        emit(held, json)
    else:
        _print_holdings(held)


def _print_holdings(held: "Holdings") -> None:
    _say(f"What {held.app} holds about the person {held.person}")
    if len(held.keys) > 1:
        _say(f"The same person under earlier keys: {', '.join(key for key in held.keys if key != held.person)}")
    _say()
    _print_consents(held)
    if held.first and held.last:
        _say(f"\nWhat you said and did, from {held.first:%F} to {held.last:%F}:")
        for kind, count in held.events.items():
            _say(f"  {count:6}  {_EVENTS.get(kind, kind)}")
    _say("\nWhere it is kept:")
    for table, rows in held.tables.items():
        between = f", {rows.first:%F} to {rows.last:%F}" if rows.first and rows.last else ""
        _say(f"  {rows.rows:6}  {_PLACES[table]}{between}")
    _say(f"\nConversations you had part in: {len(held.conversations)}")
    for conversation in held.conversations:
        answers = "1 answer" if conversation.answers == 1 else f"{conversation.answers} answers"
        _say(f"  {conversation.first:%F %R}  {answers:>10}  {conversation.conversation_id}")
    _say("\nWhat it was used for:" if held.used_by else "\nIt was used for nothing.")
    for kind, ids in held.used_by.items():
        _say(f"  {len(ids):6}  {_USES[kind]}" + ("" if kind == "example" else f": {', '.join(ids)}"))
    if held.texts is not None:
        _say("\nThe texts:" if held.texts else "\nNo text is held.")
        for text in held.texts:
            _say(f"  {text.time:%F %T}  {text.author}: {printable(text.text)}")


def _print_consents(held: "Holdings") -> None:
    if not held.consents:
        _say("You never changed what you allow; each event was recorded with what was allowed then:")
        for consent, count in held.carried.items():
            _say(f"  {count:6}  {consent}: {_ALLOWS[consent]}")
    for change in held.consents:
        _say(f"Since {change.since:%F %R} UTC you allow {_ALLOWS[change.consent]}.")
    for asked in held.erasures_asked:
        _say(f"On {asked:%F %R} UTC you asked to be erased.")


def _say(text: str = "") -> None:
    Console(highlight=False, soft_wrap=True).print(text, markup=False)

"""`feedwheel keys`: API keys by which applications send to the collector."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit, print_table


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    keys = typer.Typer(help="API keys of the collector: create, list, revoke.", no_args_is_help=True)
    keys.command("create")(create)
    keys.command("list")(list_keys)
    keys.command("revoke")(revoke)
    app.add_typer(keys, name="keys")


@command
def create(
    app: App = DEFAULT_APP,
    rate: Annotated[
        float | None,
        typer.Option(min=0.1, help="Events/s that it may send; by default 20,000, more than one collector takes."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a key for an application. It is shown once: only its hash is stored."""
    from feedwheel_capture.client import system_clock

    from feedback.capture.collector.keys import DEFAULT_EVENTS_PER_S, create_key

    key = create_key(_file(app), app, system_clock(), rate or DEFAULT_EVENTS_PER_S)
    emit({"app": app, "key": key}, json, "API key, shown this once")


@command
def list_keys(app: App = DEFAULT_APP, json: Json = False) -> None:
    """List the keys of an application; the keys themselves are stored nowhere."""
    from feedback.capture.collector.keys import read_keys

    keys = [key for key in read_keys(_file(app)) if key.app == app]
    if json:
        emit({"keys": keys}, as_json=True)
        return
    rows = (
        [key.id, f"{key.created_at:%F %T}", f"{key.events_per_s:,g}", _state(key.revoked_at is None)] for key in keys
    )
    print_table(("id", "created at (UTC)", "events/s", "state"), rows)


def _state(is_valid: bool) -> str:
    return "valid" if is_valid else "revoked"


@command
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id, as `feedwheel keys list` shows it.")],
    app: App = DEFAULT_APP,
    json: Json = False,
) -> None:
    """Let a key be valid no longer; collectors notice within a second."""
    from feedwheel_capture.client import system_clock

    from feedback.capture.collector.keys import revoke_key

    revoke_key(_file(app), key_id, system_clock())
    emit({"revoked": key_id}, json, "API key")


def _file(app: str) -> Path:
    from feedback.capture.collector.settings import CollectorSettings

    settings = CollectorSettings.load()
    settings.config().app(app)
    return settings.keys_file

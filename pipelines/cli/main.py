"""The `feedwheel` command: mounts the groups. Stages are imported by the command that runs them, so help is quick."""

import importlib

import typer

_GROUPS = ("stack", "ingest", "signals", "learning", "simulate")

app = typer.Typer(
    name="feedwheel",
    help="Turn what people say and do about a model's answers into a better model, and keep turning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in _GROUPS:
    importlib.import_module(f"pipelines.cli.{group}").register(app)

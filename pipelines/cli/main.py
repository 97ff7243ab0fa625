"""The `feedwheel` command: mounts the groups. Stages are imported by the command that runs them, so help is quick."""

import importlib
import logging

import typer

_GROUPS = (
    *(
        "stack",
        "ingest",
        "signals",
        "satisfaction",
        "toxicity",
        "dislikes",
        "pii",
        "dedup",
        "datasets",
        "learning",
        "review",
    ),
    *("privacy", "maintain", "simulate", "keys", "imports"),
)

app = typer.Typer(
    name="feedwheel",
    help="Turn what people say and do about a model's answers into a better model, and keep turning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
# What kafka-python tells of a broker that is away, our own errors say in one sentence.
logging.getLogger("kafka").setLevel(logging.CRITICAL)
# Beam says so on every import; nothing here reads from BigQuery.
logging.getLogger().addFilter(lambda record: not record.getMessage().startswith("apitools not found"))

for group in _GROUPS:
    importlib.import_module(f"pipelines.cli.{group}").register(app)

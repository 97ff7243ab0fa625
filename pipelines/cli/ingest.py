"""Commands of bronze: ingest, reconcile, dlq list | show | replay."""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import msgspec
import typer
from rich.console import Console

from pipelines.cli.output import DEFAULT_APP, App, Json, command, emit, leave_after, print_table
from pipelines.cli.stopping import stop_requests
from schemas.errors import CheckFailed, InfrastructureError, NothingToDo, UsageError

if TYPE_CHECKING:
    from pipelines.context import Context
    from pipelines.dlq import Selection
    from pipelines.ingest import Pace
    from pipelines.ingest.stream import StreamRunner
    from pipelines.reconcile import PartitionAccount, ReconcileReport

RETRY_S = 5.0
"""Between two attempts of `--follow` while a service does not answer."""
_LOG = logging.getLogger(__name__)
_LETTER_COLUMNS = ("key", "stage", "reason", "detail", "attempt", "payload", "ingested_at")
_ACCOUNT_COLUMNS = ("offsets", "accepted", "rejected", "gaps", "lost", "erased", "difference", "lag", "deleted_unread")
HALF_CHECKED = 3
"""Exit code of `reconcile` where bronze is exact and the broker did not answer: no proof, and no failure either."""

Reason = Annotated[str | None, typer.Option(help="Only letters rejected for this reason, for example contract.")]
Stage = Annotated[str | None, typer.Option(help="Only letters of this stage: decode or redact.")]
Topic = Annotated[str | None, typer.Option(help="Only letters of this topic.")]
Since = Annotated[datetime | None, typer.Option(help="Only letters ingested since then, UTC.")]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command()(ingest)
    app.command()(reconcile)
    letters = typer.Typer(help="Rejected records: list, show, send again.", no_args_is_help=True)
    for name, function in (("list", dlq_list), ("show", dlq_show), ("replay", dlq_replay)):
        letters.command(name)(function)
    app.add_typer(letters, name="dlq")


@command
def ingest(
    app: App = DEFAULT_APP,
    follow: Annotated[bool, typer.Option(help="Drain again and again until interrupted.")] = False,
    runner: Annotated[
        Literal["direct", "flink", "dataflow"],
        typer.Option(help="direct: in this process. Others go on until interrupted, as --follow does, on a cluster."),
    ] = "direct",
    range_offsets: Annotated[
        int | None, typer.Option(min=1, help="Offsets of one file: larger files, more to read again after a crash.")
    ] = None,
    round_ranges: Annotated[
        int | None, typer.Option(min=1, help="Files between two commits: fewer commits, more to read again.")
    ] = None,
    max_age: Annotated[
        float | None, typer.Option(min=0, help="Seconds between two commits of few events, for what goes on and on.")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="Answer Prometheus there, while it goes on and on."),
    ] = None,
    accept_truncation: Annotated[
        bool, typer.Option(help="Go on although the cluster lost records that were already ingested.")
    ] = False,
    json: Json = False,
) -> None:
    """Drain every declared topic into bronze, for all applications; --app says whose accepted rows are counted."""
    from pipelines import ingest as stage
    from pipelines.context import Context

    context, pace = Context.load(), _pace(range_offsets, round_ranges, max_age)
    if runner != "direct":
        _stream(context, app, runner, pace, accept_truncation, metrics_port)
    elif follow:
        with _metrics(context, metrics_port):
            _follow(context, app, pace, accept_truncation, json)
    elif metrics_port is not None:
        raise UsageError("--metrics-port is for --follow and --runner: one drain writes FEEDWHEEL_METRICS_TEXTFILE")
    else:
        emit(stage.run(context, app, pace=pace, accept_truncation=accept_truncation), json, "Ingest")


def _pace(range_offsets: int | None, round_ranges: int | None, max_age_s: float | None) -> "Pace":
    from pipelines.ingest import Pace

    chosen: dict[str, Any] = {"range_offsets": range_offsets, "round_ranges": round_ranges, "max_age_s": max_age_s}
    return Pace(**{name: value for name, value in chosen.items() if value is not None})


def _metrics(context: "Context", port: int | None) -> AbstractContextManager[None]:
    from pipelines.ingest.watch import served

    return nullcontext() if port is None else served(context, port)


def _stream(
    context: "Context",
    app: str,
    runner: "StreamRunner",
    pace: "Pace",
    accept_truncation: bool,
    metrics_port: int | None,
) -> NoReturn:
    from pipelines.ingest import stream

    context.config.app(app)
    job = stream.job(runner, context.settings, pace, accept_truncation=accept_truncation)

    def watch() -> None:
        with _metrics(context, metrics_port), stop_requests() as stop:
            job.run(lambda: stop.wait(1.0))

    leave_after(watch)


def _follow(context: "Context", app: str, pace: "Pace", accept_truncation: bool, json: bool) -> None:
    """Drains that begin `max_age_s` apart, or at once if one took longer; a service that is away is waited for."""
    from pipelines import ingest as stage

    away_since: float | None = None
    with stop_requests() as stop:
        while not stop.is_set():
            begun, pause_s = time.monotonic(), pace.max_age_s
            try:
                with suppress(NothingToDo):
                    report = stage.run(
                        context, app, pace=pace, accept_truncation=accept_truncation, follows=True, stop=stop.is_set
                    )
                    emit(report, json, "Ingest")
            except InfrastructureError as error:
                if away_since is None:
                    away_since = begun
                    _LOG.warning("%s. Nothing is lost; trying again every %.0f s", error, RETRY_S)
                pause_s = RETRY_S
            else:
                if away_since is not None:
                    _LOG.warning("ingest goes on, after %.0f s", time.monotonic() - away_since)
                    away_since = None
            stop.wait(max(0.0, begun + pause_s - time.monotonic()))


@command
def reconcile(
    app: App = DEFAULT_APP,
    verify_gaps: Annotated[
        bool, typer.Option(help="Also read what Kafka still has at offsets of which bronze has no row.")
    ] = False,
    json: Json = False,
) -> None:
    """Prove that every ingested offset has exactly one place; exit 1 if not, 3 if Kafka could not be asked too.

    --app is only checked.
    """
    from pipelines import reconcile as stage

    report = stage.run(_checked_context(app), verify_gaps=verify_gaps)
    if json:
        emit(report, json)
    else:
        print_table(("partition", *_ACCOUNT_COLUMNS), map(_account_row, report.partitions))
        print()
        for line in _summary(report):
            Console().print(line, markup=False, highlight=False, soft_wrap=True)
    if not report.exact:
        if json:
            raise typer.Exit(CheckFailed.exit_code)
        raise CheckFailed("not exact: " + "; ".join(report.failures))
    if not report.broker_checked:
        raise typer.Exit(HALF_CHECKED)


def _summary(report: "ReconcileReport") -> Iterator[str]:
    """What a person must know besides the accounts: what is behind, what is lost, and what was not checked."""
    partitions = report.partitions
    if report.exact:
        offsets = sum(partition.next - partition.first for partition in partitions)
        yield f"Exact: {offsets:,} ingested offsets, each with one place."
    if not report.broker_checked:
        yield f"NOT CHECKED against Kafka: {report.broker}"
        return
    behind = sum(max(partition.lag or 0, 0) for partition in partitions) + sum(report.waiting.values())
    yield f"Behind: {behind:,} offsets that Kafka has are not ingested yet." if behind else "Kafka has nothing more."
    if report.waiting:
        yield f"Never ingested: {', '.join(report.waiting)}."
    if lost := sum(partition.lost for partition in partitions):
        yield f"LOST: {lost:,} offsets were deleted by Kafka before they were read."
    if deleted := sum(partition.deleted_unread or 0 for partition in partitions):
        yield f"LOST: {deleted:,} more are deleted already; the next ingest counts them."


@command
def dlq_list(
    app: App = DEFAULT_APP,
    reason: Reason = None,
    stage: Stage = None,
    topic: Topic = None,
    since: Since = None,
    json: Json = False,
) -> None:
    """List rejected records, oldest first. --app is only checked: most of them have none."""
    from pipelines import dlq

    letters = [
        msgspec.to_builtins(letter)
        for letter in dlq.list_letters(_checked_context(app), _selection(reason, stage, topic, since))
    ]
    by_reason = Counter(letter["reason"] for letter in letters)
    if json:
        emit({"by_reason": by_reason, "letters": letters}, json)
    else:
        reasons = ", ".join(f"{count} {name}" for name, count in by_reason.most_common()) or "none"
        title = f"{len(letters)} dead letters: {reasons}"
        print_table(_LETTER_COLUMNS, ([letter[name] for name in _LETTER_COLUMNS] for letter in letters), title)


@command
def dlq_show(
    key: Annotated[str, typer.Argument(help="topic/partition/offset")],
    payload: Annotated[bool, typer.Option(help="Decrypt and print the record itself.")] = False,
    app: App = DEFAULT_APP,
    json: Json = False,
) -> None:
    """Show one rejected record. --app is only checked."""
    from pipelines import dlq

    for opened in dlq.show(_checked_context(app), key, payload=payload):
        emit(msgspec.to_builtins(opened.letter) | {"text": opened.text}, json)


@command
def dlq_replay(
    app: App = DEFAULT_APP,
    reason: Reason = None,
    stage: Stage = None,
    topic: Topic = None,
    since: Since = None,
    dry_run: Annotated[bool, typer.Option(help="Only count what would be sent.")] = False,
    json: Json = False,
) -> None:
    """Publish rejected records again as they were, each to its topic and partition. --app is only checked."""
    from pipelines import dlq

    selection = _selection(reason, stage, topic, since)
    emit(dlq.replay(_checked_context(app), selection, dry_run=dry_run), json, "Replay")


def _checked_context(app: str) -> "Context":
    from pipelines.context import Context

    context = Context.load()
    context.config.app(app)
    return context


def _selection(reason: str | None, stage: str | None, topic: str | None, since: datetime | None) -> "Selection":
    from pipelines.dlq import Selection

    return Selection(reason, stage, topic, since.replace(tzinfo=UTC) if since else None)


def _account_row(account: "PartitionAccount") -> list[object]:
    named = account.topic or f"{account.table}, no row yet"
    offsets = f"{account.first}..{account.next}"
    return [f"{named}/{account.partition}", offsets, *(getattr(account, name) for name in _ACCOUNT_COLUMNS[1:])]

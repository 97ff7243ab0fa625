"""Import: what people said elsewhere, published as events of an application.

In: an export. Out: events in Kafka at their original times, and a report in which every part of the export is a
conversation, an answer, feedback, or left out for a reason (I10). Events keep their ids from one import to the next, so
importing again adds nothing (I1); what was published before an export broke off is therefore no loss.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.errors import PublishFailed
from feedwheel_capture.kafka import EventProducer
from feedwheel_capture.spool import Record
from feedwheel_capture.vocabulary import Consent

from feedback.capture.importers.export import Export
from feedback.capture.importers.formats import read
from feedback.capture.importers.refusal import ExportRefused
from feedback.capture.importers.scribe import Format, Scribe, Target
from feedback.capture.importers.tally import Tally
from pipelines.context import Context
from pipelines.io.kafka_admin import readable
from schemas.errors import InfrastructureError

BATCH_RECORDS: Final = 1000
BATCH_BYTES: Final = 8_000_000
"""A quarter of what the producer buffers; one acknowledged batch is what an interrupted import may send again."""
TELL_EVERY_BYTES: Final = 50_000_000
"""Of a long file: some seconds of work."""

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an export held and what became of it. `published` events are in Kafka; a dry run publishes none."""

    app: str
    format: Format
    consent: Consent
    conversations: int
    answers: int
    feedback: dict[str, int]
    skipped: dict[str, int]
    withheld: int
    published: int
    dry_run: bool


def run(
    context: Context,
    app: str,
    format: Format,
    path: Path,
    *,
    user: str | None = None,
    consent: Consent | None = None,
    dry_run: bool = False,
    say: Say = lambda line: None,
) -> ImportReport:
    """Import one export. Raises ConfigError, ExportRefused, InfrastructureError."""
    declared = context.config.app(app)
    allowed = consent or declared.consent
    target = Target(app, declared.type, allowed, context.settings.identity, user)
    scribe = Scribe(format, target)
    records = read(Export.of(path), scribe, _progress(scribe.tally, say))
    published = 0
    try:
        with _publisher(context, dry_run) as publish:
            for batch in _batches(records):
                published += publish(batch)
    except PublishFailed as error:
        raise InfrastructureError(
            f"Kafka at {context.settings.kafka}: {error}: {published} events are in it; start it (`feedwheel up kafka`)"
            " and import again: what is there already adds nothing"
        ) from error
    except ExportRefused as error:
        counts = f"{scribe.tally.conversations} conversations were read and {published} events published before this"
        raise ExportRefused(error.reason, error.where, f"{error.detail} ({counts})") from error
    tally = scribe.tally
    return ImportReport(
        app=app,
        format=format,
        consent=allowed,
        conversations=tally.conversations,
        answers=tally.answers,
        feedback=dict(sorted(tally.feedback.items())),
        skipped=dict(sorted(tally.skipped.items())),
        withheld=tally.withheld,
        published=published,
        dry_run=dry_run,
    )


def _publisher(context: Context, dry_run: bool) -> AbstractContextManager[Callable[[list[Record]], int]]:
    return nullcontext(lambda batch: 0) if dry_run else _Publisher(context.settings.kafka)


class _Publisher(AbstractContextManager[Callable[[list[Record]], int]]):
    """Publishes batches and says how many records are in Kafka by that."""

    def __init__(self, access: KafkaAccess) -> None:
        with readable():
            self._producer = EventProducer(access)

    def __enter__(self) -> Callable[[list[Record]], int]:
        return self._publish

    def __exit__(self, *error: object) -> None:
        self._producer.close()

    def _publish(self, batch: list[Record]) -> int:
        return len(batch) - self._producer.publish(batch)


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch, size = list[Record](), 0
    for record in records:
        batch.append(record)
        size += len(record.value)
        if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _progress(tally: Tally, say: Say) -> Callable[[int], None]:
    """Speaks up once in a while; `read_bytes` begins again with every file."""
    told = 0

    def tell(read_bytes: int) -> None:
        nonlocal told
        told = min(told, read_bytes)
        if read_bytes - told >= TELL_EVERY_BYTES:
            told = read_bytes
            say(f"{read_bytes / 1e6:,.0f} MB read: {tally.conversations:,} conversations, {tally.answers:,} answers")

    return tell

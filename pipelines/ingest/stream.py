"""Ingest as one unbounded Beam pipeline, on a cluster.

In: the declared topics, for as long as it runs. Out: what a drain gives, by the same writer and committer. The steps:

1. one source looks at the logs and at the tables once a second and emits ranges that nobody has planned (never
   records): ranges of a partition reach one worker, in order;
2. workers write each range as a file;
3. manifests meet at one committer for each table, which commits what continues it, a second's worth at once.

No step has a position of its own: the source begins at what the tables hold, whatever a runner's checkpoint says, and
what a runner brings twice, late or never is judged by the committer, or planned again (I1, I2). Workers read settings,
keys included, from their own environment: none travels with the pipeline.
"""

import logging
import shlex
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import apache_beam as beam
from apache_beam import coders
from apache_beam.io.iobase import Read
from apache_beam.io.unbounded_source import CheckpointMark, UnboundedReader, UnboundedSource
from apache_beam.transforms.trigger import AccumulationMode, AfterCount, AfterProcessingTime, Repeatedly
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.timestamp import Timestamp
from feedwheel_capture.ids import uuid7

from pipelines.context import Context
from pipelines.ingest.commit import Committer
from pipelines.ingest.counting import count_commits
from pipelines.ingest.datasets import read_by, written_by
from pipelines.ingest.drain import ALL_APPS, LogTruncated, Pace
from pipelines.ingest.epoch import Epoch, read_progress
from pipelines.ingest.lookahead import Lookahead
from pipelines.ingest.manifest import Manifest, Range
from pipelines.ingest.payload import PayloadCipher
from pipelines.ingest.pipeline import without_collection
from pipelines.ingest.survey import survey
from pipelines.ingest.write import RangeWriter
from pipelines.io.beam import run_unbounded
from pipelines.io.kafka_ranges import RangeReader
from pipelines.io.schema_registry import Registry
from pipelines.runs import stage_run
from pipelines.settings import Settings
from schemas.errors import ConfigError, InfrastructureError
from schemas.tables import BronzeTable

_LOG: Final = logging.getLogger(__name__)

StreamRunner = Literal["flink", "dataflow"]

_LOOK_EVERY_S: Final = 1.0
"""Costs a request for each topic and a look at four table logs (30 ms)."""
_COMMIT_EVERY_S: Final = 1
"""Manifests of a table that come within it are one commit: a table under full load gets at most one a second."""

_FLINK: Final = (
    "--runner=PortableRunner",
    "--streaming",
    "--checkpointing_interval=10000",
    # With checkpoints, nothing is emitted at the default of 10,000, nor at 1,000 (job server 2.62).
    "--max_bundle_time_mills=100",
)
_DATAFLOW: Final = ("--runner=DataflowRunner", "--streaming")

OpenContext = Callable[[], Context]
"""Reads a worker's own environment."""


@dataclass(frozen=True, slots=True)
class Job:
    """A stream and where it is to run."""

    stream: "Stream"
    options: Sequence[str]
    where: str

    def run(self, wait: Callable[[], bool]) -> None:
        """Submit it and watch it until `wait`, which pauses a moment, returns True; then cancel it.

        Raises InfrastructureError if it cannot be submitted or does not go on.
        """
        run_unbounded(self.stream.expand, self.options, wait, self.where)


def job(runner: StreamRunner, settings: Settings, pace: Pace, *, accept_truncation: bool = False) -> Job:
    """What `settings` say of a runner. Raises ConfigError if they do not say where."""
    stream, given = Stream(Context.load, pace, accept_truncation), shlex.split(settings.beam_options)
    if runner == "dataflow":
        return Job(stream, [*_DATAFLOW, *given], "Dataflow")
    if settings.flink_job_endpoint is None:
        raise ConfigError("ingest --runner flink: set FEEDWHEEL_FLINK_JOB_ENDPOINT to Beam's job server, host:port")
    endpoint = f"--job_endpoint={settings.flink_job_endpoint}"
    # `given` come last and win: without them, workers run in this process.
    options = [*_FLINK, endpoint, "--environment_type=LOOPBACK", *given]
    return Job(stream, options, f"the Flink job server at {settings.flink_job_endpoint}")


@dataclass(frozen=True, slots=True)
class Stream:
    """The pipeline."""

    open_context: OpenContext
    pace: Pace
    accept_truncation: bool = False

    def expand(self, pipeline: beam.Pipeline) -> None:
        """Its steps."""
        run_id = uuid7(self.open_context().clock())
        (
            pipeline
            | "Plan ranges" >> Read(LogSource(self, run_id))
            | "By partition" >> beam.Map(_by_partition).with_output_types(tuple[str, Range])
            | "Each at once" >> _fired(Repeatedly(AfterCount(1)))
            | "Partitions to workers" >> beam.GroupByKey()
            | "Write each range as a file"
            >> beam.ParDo(WriteRanges(self.open_context)).with_output_types(tuple[str, Manifest])
            | "A second's manifests" >> _fired(Repeatedly(AfterProcessingTime(_COMMIT_EVERY_S)))
            | "Manifests by table" >> beam.GroupByKey()
            | "Commit each table" >> beam.ParDo(CommitTable(self.open_context, run_id))
        )


def _by_partition(part: Range) -> tuple[str, Range]:
    return part.source.app_id, part


def _fired(trigger: Any) -> beam.WindowInto:
    return beam.WindowInto(GlobalWindows(), trigger=trigger, accumulation_mode=AccumulationMode.DISCARDING)


class WriteRanges(beam.DoFn):
    """(partition, its ranges) -> (table, manifest of its file) for each range."""

    def __init__(self, open_context: OpenContext) -> None:
        self._open_context = open_context

    def setup(self) -> None:
        """Connect this worker."""
        self._context = self._open_context()
        self._cipher = PayloadCipher(self._context.settings.payload_key)
        self._source = RangeReader(self._context.settings.kafka)

    def process(self, grouped: tuple[str, Iterable[Range]]) -> Iterator[tuple[BronzeTable, Manifest]]:
        """Read one range after the other to its end."""
        context = self._context
        apps, registry = frozenset(context.config.apps), Registry.of(context.settings)
        for part in sorted(grouped[1], key=lambda part: part.first):
            writer = RangeWriter(context.lake, self._cipher, apps, context.clock(), registry)
            with without_collection():
                manifest = writer.write(self._source, part)
            yield part.table, manifest

    def teardown(self) -> None:
        """Disconnect this worker."""
        self._source.close()


class CommitTable(beam.DoFn):
    """(table, its manifests) -> one commit of those that continue it."""

    def __init__(self, open_context: OpenContext, run_id: str) -> None:
        self._open_context = open_context
        self._run_id = run_id

    def setup(self) -> None:
        """Find the lake."""
        self._context = self._open_context()

    def process(self, grouped: tuple[BronzeTable, Iterable[Manifest]]) -> None:
        """Commit what continues the table."""
        table, manifests = grouped
        now_ms = int(self._context.clock().timestamp() * 1000)
        Committer(self._context.lake, self._run_id, now_ms).commit(table, list(manifests))


class LogSource(UnboundedSource):
    """All declared topics, as one source of ranges that have to be read."""

    def __init__(self, stream: Stream, run_id: str) -> None:
        self._stream = stream
        self._run_id = run_id

    def split(self, desired_num_splits: int, options: Any = None) -> list["LogSource"]:
        """Not at all: planning is a look at metadata, and one sees new partitions."""
        return [self]

    def create_reader(self, options: Any, checkpoint_mark: CheckpointMark | None) -> "LogReader":
        """A reader that begins at what is committed and, if there is a mark, knows what is on its way."""
        pace = self._stream.pace
        lookahead = Lookahead(pace.range_offsets, pace.round_ranges, pace.max_age_s)
        known = checkpoint_mark if isinstance(checkpoint_mark, Memory) else Memory(lookahead)
        return LogReader(self._stream, self._run_id, known)

    def get_checkpoint_mark_coder(self) -> coders.Coder:
        """Marks are small."""
        return coders.PickleCoder()

    def default_output_coder(self) -> coders.Coder:
        """Ranges are small."""
        return coders.PickleCoder()


@dataclass(slots=True)
class Memory(CheckpointMark):
    """What a reader hands to the next: a runner makes a new one as often as it likes (Flink, for every look).

    A hint, not a position: see `Lookahead`. Times are in seconds of the system's clock, since the next reader may live
    in another process.
    """

    lookahead: Lookahead
    ranges: deque[Range] = field(default_factory=deque)
    epoch: Epoch | None = None
    epoch_begun_at: float = 0.0
    looks_at: float = 0.0
    is_away: bool = False
    """Whether the last look failed."""


class LogReader(UnboundedReader):
    """Plans ranges of all partitions, and settles one epoch after the other."""

    def __init__(self, stream: Stream, run_id: str, memory: Memory) -> None:
        self._stream = stream
        self._run_id = run_id
        self._memory = memory
        self._current: Range | None = None
        self._seen_at = Timestamp.now()

    def start(self) -> bool:
        """Whether there is a range to read."""
        return self.advance()

    def advance(self) -> bool:
        """Whether there is another range to read; the logs are looked at once a second."""
        memory, now = self._memory, time.time()
        if not memory.ranges and now >= memory.looks_at:
            memory.looks_at = now + _LOOK_EVERY_S
            try:
                self._look(now)
            except InfrastructureError as error:
                # Workers that are reading wait or fail by themselves; planning goes on as soon as there is an answer.
                if not memory.is_away:
                    _LOG.warning("%s. Nothing is lost; trying again every second", error)
                memory.is_away = True
            else:
                if memory.is_away:
                    _LOG.warning("ingest goes on")
                memory.is_away = False
        self._seen_at = Timestamp.now()
        self._current = memory.ranges.popleft() if memory.ranges else None
        return self._current is not None

    def _look(self, now: float) -> None:
        context, memory = self._stream.open_context(), self._memory
        logs, progress = survey(context), read_progress(context.lake)
        memory.ranges.extend(memory.lookahead.plan(logs, progress, now))
        if memory.epoch is None:
            memory.epoch, memory.epoch_begun_at = Epoch.begin(context), now
        elif now - memory.epoch_begun_at >= self._stream.pace.max_age_s and memory.epoch.is_reached(progress):
            following = Epoch.begin(context)
            self._settle(context, memory.epoch, following)  # if it fails, the next look does it again
            memory.epoch, memory.epoch_begun_at = following, now

    def _settle(self, context: Context, over: Epoch, following: Epoch) -> None:
        """As a drain that has come to its end; where nothing is to be counted it leaves no record, as such a drain."""
        refused = bool(over.truncated) and not self._stream.accept_truncation
        if refused:
            _LOG.error("%s", LogTruncated(over.truncated))
        settled = over.settle(context, self._run_id, moves_as_of=not refused, until=following.versions)
        with stage_run(context, ALL_APPS, "ingest", over.started_at, partial(count_commits, context.lake)) as stage:
            stage.touches(read_by(context, over), written_by(context, settled))

    def get_current(self) -> Range:
        """The range to read."""
        assert self._current is not None  # Beam asks only after a True
        return self._current

    def get_current_timestamp(self) -> Timestamp:
        """When it was planned: events have their own time."""
        return self._seen_at

    def get_watermark(self) -> Timestamp:
        """Goes on while nothing comes."""
        return self._seen_at

    def get_checkpoint_mark(self) -> CheckpointMark:
        """What is planned, and which epoch is open."""
        return self._memory

"""A drain without Beam and Kafka: the same plan, writer and committer over logs in memory."""

from datetime import UTC, datetime

from pydantic import SecretStr

from pipelines.ingest.commit import Committer
from pipelines.ingest.manifest import Manifest
from pipelines.ingest.offsets import Progress, progress_of
from pipelines.ingest.payload import PayloadCipher
from pipelines.ingest.plan import remaining
from pipelines.ingest.write import RangeWriter
from pipelines.io.lake import Lake
from tests.conftest import TEST_SECRETS
from tests.memory_log import MemoryLog

TABLE = "bronze/generations"
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def writer(lake: Lake) -> RangeWriter:
    cipher = PayloadCipher(SecretStr(TEST_SECRETS["payload_key"]))
    return RangeWriter(lake, cipher, frozenset({"routing"}), NOW)


def read(lake: Lake, log: MemoryLog, size: int = 10) -> list[Manifest]:
    """Plan from what is committed and write every remaining range, without a commit."""
    progress = {TABLE: progress_of(lake.open(TABLE))}
    return [writer(lake).write(log, part) for part in remaining([log.view()], progress, size)]


def commit(lake: Lake, manifests: list[Manifest]) -> int:
    """Commit in the name of a drain; how many manifests it was."""
    return Committer(lake, "run", 0).commit(TABLE, manifests)


def drain(lake: Lake, log: MemoryLog, size: int = 10) -> int:
    return commit(lake, read(lake, log, size))


def progress(lake: Lake, log: MemoryLog) -> Progress:
    return progress_of(lake.open(TABLE))[log.view().source]

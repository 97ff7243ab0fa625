"""One range of a partition, from Kafka to a Parquet file.

In: a range. Out: the manifest of a written file that no reader of the table sees before its commit, with a place for
every offset: accepted, rejected, gap or lost (I1). Holds one row group in memory, whatever the range.
"""

import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from pipelines import crash
from pipelines.ingest.columns import BatchEncoder
from pipelines.ingest.manifest import DataFile, Manifest, Range, RangeCounts
from pipelines.ingest.payload import PayloadCipher
from pipelines.io.kafka_ranges import RangeSource
from pipelines.io.lake import Lake
from pipelines.io.parquet import TableFile
from pipelines.io.schema_registry import Registry
from schemas.tables import TABLES


@dataclass(frozen=True, slots=True)
class RangeWriter:
    """Writes ranges of a drain. `apps` are those that counts name; `ingested_at` stamps every row.

    `registry` has the schemas of records in Avro.
    """

    lake: Lake
    cipher: PayloadCipher
    apps: frozenset[str]
    ingested_at: datetime
    registry: Registry | None = None

    def write(self, source: RangeSource, part: Range) -> Manifest:
        """Read a range to its end and write its records. Raises InfrastructureError."""
        encoder = BatchEncoder(part, self.cipher, self.apps, self.ingested_at, self.registry)
        counts, file, appended = RangeCounts(), None, list[int]()
        with ExitStack() as stack:
            for batch in source.read(part.topic, part.source.topic_id, part.source.partition, part.first, part.next):
                crash.reach("read")
                counts += RangeCounts(lost=batch.lost, bytes=sum(map(len, filter(None, batch.values))))
                if batch.offsets:
                    appended.append(min(batch.timestamps_ms))
                    encoded = encoder.encode(batch)
                    file = file or stack.enter_context(self._open(part))
                    file.write(encoded.rows)
                    counts += RangeCounts(encoded.accepted, encoded.rejected, redactions=encoded.redactions)
        crash.reach("file_written")
        gaps = part.next - part.first - counts.records - counts.lost
        described = _described(file) if file else None
        return Manifest(part, described, counts + RangeCounts(gaps=gaps), min(appended, default=None))

    def _open(self, part: Range) -> TableFile:
        where = part.source
        name = f"part-{where.topic_id}-{where.partition}-{part.first}-{part.next}-{uuid.uuid4().hex}.parquet"
        return TableFile(self.lake.uri(part.table), name, TABLES[part.table].schema)


def _described(file: TableFile) -> DataFile:
    return DataFile(file.name, file.size, file.statistics.to_json())

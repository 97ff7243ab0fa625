"""Delta tables maintained by Spark: on a cluster, or in this process with a master of `local[*]`.

In: addresses of tables. Out: the same rows in fewer files; files of older versions deleted.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pipelines.settings import Settings
from schemas.errors import ConfigError, InfrastructureError

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

DELTA_PACKAGE: Final = "io.delta:delta-spark_4.2_2.13:4.4.0"
"""The Java half of the delta-spark that is installed."""

_ROW_GROUP_BYTES: Final = 16 << 20
"""A reader of few rows skips within a file by row group; Spark's 128 MiB would make each file one."""
_OPTIONS: Final = {
    "spark.app.name": "feedwheel maintain",
    "spark.jars.packages": DELTA_PACKAGE,
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # By default a log is read in 50 tasks, a shuffle has 200 and a listing 10,000: minutes for a table of forty rows.
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.hadoop.parquet.block.size": str(_ROW_GROUP_BYTES),
}


@dataclass(frozen=True, slots=True)
class SparkTables:
    """What a session does with tables. Every method raises InfrastructureError if Spark does not come to its end."""

    session: "SparkSession"

    def optimize(self, uri: str, target_bytes: int, bounded: Sequence[str]) -> None:
        """Merge files of less than half of `target_bytes` into files of about that many; one commit.

        Of the `bounded` columns it writes statistics, and must of no others: of booleans Spark counts the nulls and
        gives no bounds, and then pyarrow finds no row by them (measured: `simulated == false` lost 32 of 40 rows).
        """
        self._set(uri, "delta.dataSkippingStatsColumns", ",".join(f"`{column}`" for column in bounded))
        self.session.conf.set("spark.databricks.delta.optimize.minFileSize", str(target_bytes // 2))
        self.session.conf.set("spark.databricks.delta.optimize.maxFileSize", str(target_bytes))
        self._run(uri, f"OPTIMIZE {_quoted(uri)}")

    def _set(self, uri: str, name: str, value: str) -> None:
        """A property of the table, by a commit unless it is so already."""
        known = self._run(uri, f"SHOW TBLPROPERTIES {_quoted(uri)}")
        if (name, value) not in {(row["key"], row["value"]) for row in known}:
            self._run(uri, f"ALTER TABLE {_quoted(uri)} SET TBLPROPERTIES ('{name}' = '{value}')")

    def vacuum(self, uri: str, retention: timedelta) -> None:
        """Delete files that no version younger than `retention` names."""
        self._run(uri, f"VACUUM {_quoted(uri)} RETAIN {retention // timedelta(hours=1)} HOURS")

    def _run(self, uri: str, statement: str) -> "list[Row]":
        from pyspark.errors import PySparkException

        try:
            return self.session.sql(statement).collect()
        except PySparkException as error:
            first, *_ = str(error).splitlines()
            raise InfrastructureError(
                f"{uri}: Spark: {first}: nothing is half done; see Spark's own log, then run this again"
            ) from error


@contextmanager
def spark_tables(settings: Settings) -> Iterator[SparkTables]:
    """A session on `settings.spark_master`. Raises ConfigError, and InfrastructureError if it does not start."""
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(settings.spark_master)
    for name, value in (_OPTIONS | _given(settings.spark_options)).items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise InfrastructureError(
            f"Spark at {settings.spark_master} did not start: {error}: it needs a JDK of version 17 or newer, and a "
            f"network for {DELTA_PACKAGE} the first time"
        ) from error
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield SparkTables(session)
    finally:
        session.stop()


def _given(text: str) -> dict[str, str]:
    """Options as `spark-submit --conf` has them. Raises ConfigError."""
    options = dict[str, str]()
    for option in text.split():
        name, equals, value = option.partition("=")
        if not equals or not name.startswith("spark."):
            raise ConfigError(f"FEEDWHEEL_SPARK_OPTIONS: {option!r} is not spark.name=value")
        options[name] = value
    return options


def _quoted(uri: str) -> str:
    """As SQL names a table by its address. Hadoop knows S3 as s3a."""
    path = uri.replace("s3://", "s3a://", 1) if uri.startswith("s3://") else uri
    return "delta.`" + path.replace("`", "``") + "`"

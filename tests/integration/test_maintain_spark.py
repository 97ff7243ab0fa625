"""`feedwheel maintain --engine spark`, as a command, on a Spark inside its process: the same rows in few files."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines import maintain
from pipelines.ingest.offsets import progress_of
from pipelines.ingest.retention import expire_daily
from pipelines.io.lease import leased
from schemas.errors import UsageError
from tests.conftest import TEST_SECRETS
from tests.events import APP
from tests.integration.test_maintain import assert_filters_find, everything, files, fill, logs
from tests.memory_drain import TABLE

pytestmark = [pytest.mark.integration, pytest.mark.slow]

COMMAND = [sys.executable, "-c", "from pipelines.cli.main import app; app()", "maintain", "--engine", "spark", "--json"]


def test_spark_keeps_every_row_and_ingest_goes_on(context, clock):
    ctx, partitions = context(), logs()
    clock.now = datetime.now(UTC)  # the process has no other
    fill(ctx.lake, partitions)
    expire_daily(ctx)  # rejected payloads are old by this clock: gone now, so no run of a later day takes them
    before = everything(ctx.lake, TABLE)
    progress = progress_of(ctx.lake.open(TABLE))
    left = Path(ctx.lake.uri(TABLE)) / "part-of-a-run-that-died.parquet"
    left.write_bytes(b"")
    os.utime(left, (0, 0))
    environment = {
        **os.environ,
        **{f"FEEDWHEEL_{name.upper()}": value for name, value in TEST_SECRETS.items()},
        "FEEDWHEEL_HOME": str(ctx.settings.home),
        "FEEDWHEEL_SPARK_OPTIONS": "spark.driver.host=127.0.0.1",
    }
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    of_table = report["tables"][TABLE]
    assert (report["engine"], of_table["files_before"], of_table["files_after"]) == ("spark", 8, 1)
    assert (of_table["merged"], of_table["rows"], of_table["deleted"]) == (8, 40, 1)
    assert not left.exists()
    assert everything(ctx.lake, TABLE) == before
    assert progress_of(ctx.lake.open(TABLE)) == progress
    with leased(ctx.lake, TABLE, clock):
        pass  # it was given back
    fill(ctx.lake, partitions, 2)  # files of both engines' kinds beside each other
    assert_filters_find(ctx.lake)
    before = everything(ctx.lake, TABLE)
    maintain.run(ctx, APP)
    assert (files(ctx.lake), everything(ctx.lake, TABLE)) == (1, before)


def test_on_s3_spark_wants_to_hear_that_nobody_else_commits(context):
    with pytest.raises(UsageError, match="--committers-stopped"):
        maintain.run(context(lake="s3://bucket/lake"), APP, engine="spark")

"""`feedwheel maintain` killed at named points: the table can be read, and the next run finishes."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines import maintain
from pipelines.ingest.retention import expire_daily
from pipelines.io.lease import LEASE, Leased
from schemas.errors import NothingToDo
from tests.conftest import TEST_SECRETS
from tests.events import APP
from tests.integration.test_maintain import everything, files, fill, logs
from tests.memory_drain import TABLE

pytestmark = [pytest.mark.chaos, pytest.mark.integration, pytest.mark.slow]

COMMAND = [sys.executable, "-c", "from pipelines.cli.main import app; app()", "maintain"]
MERGED = {"after_replace", "vacuumed"}
"""Points behind the commit."""


@pytest.mark.parametrize("point", ["leased", "compacted", "before_replace", "during_replace", *sorted(MERGED)])
def test_killed_at_a_point_and_run_again(context, clock, point):
    ctx = context()
    clock.now = datetime.now(UTC)  # the process has no other
    fill(ctx.lake, logs())
    expire_daily(ctx)  # rejected payloads are old by this clock: gone now, so no run of a later day takes them
    before, many = everything(ctx.lake, TABLE), files(ctx.lake)
    old = Path(ctx.lake.uri(TABLE)) / "part-of-a-run-that-died.parquet"
    old.write_bytes(b"")
    month_ago = (datetime.now(UTC) - timedelta(days=30)).timestamp()
    os.utime(old, (month_ago, month_ago))

    environment = {
        **os.environ,
        **{f"FEEDWHEEL_{name.upper()}": value for name, value in TEST_SECRETS.items()},
        "FEEDWHEEL_HOME": str(ctx.settings.home),
        "FEEDWHEEL_KILL_AT": point,
    }
    killed = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert everything(ctx.lake, TABLE) == before
    if point != "during_replace":  # either side of the commit
        assert files(ctx.lake) == (1 if point in MERGED else many)

    clock.now = datetime.now(UTC)
    if files(ctx.lake) > 1:
        with pytest.raises(Leased):
            maintain.run(ctx, APP)
    clock.now += LEASE
    with suppress(NothingToDo):
        maintain.run(ctx, APP)
    assert files(ctx.lake) == 1
    assert not old.exists()
    assert everything(ctx.lake, TABLE) == before

"""After 14 days a rejected payload is gone from the table, and nothing else is."""

from pipelines.ingest import retention
from pipelines.ingest.offsets import progress_of
from pipelines.ingest.retention import expire_daily
from pipelines.io.lease import leased
from pipelines.maintain.compaction import compact
from tests.memory_drain import TABLE, drain
from tests.memory_log import MemoryLog
from tests.topics import generations


def payloads(lake):
    rows = lake.read(TABLE, ["offset", "raw", "reason", "status"]).sort_by("offset").to_pylist()
    return [(row["offset"], row["raw"] is not None, row["reason"]) for row in rows if row["status"] == "rejected"]


def test_old_payloads_go_and_their_rows_stay(context, clock):
    ctx, log = context(), MemoryLog()
    log.append(*generations(3), b"{", b"[]")
    drain(ctx.lake, log)
    accepted = [row for row in ctx.lake.read(TABLE).sort_by("offset").to_pylist() if row["status"] == "accepted"]
    progress = progress_of(ctx.lake.open(TABLE))
    clock.advance(days=13, hours=23)
    assert expire_daily(ctx) == 0
    clock.advance(days=1)
    assert expire_daily(ctx) == 2
    assert payloads(ctx.lake) == [(3, False, "not_json"), (4, False, "not_an_event")]
    after = [row for row in ctx.lake.read(TABLE).sort_by("offset").to_pylist() if row["status"] == "accepted"]
    assert after == accepted
    assert progress_of(ctx.lake.open(TABLE)) == progress
    clock.advance(days=1)
    assert expire_daily(ctx) == 0


def test_files_stay_as_many_and_those_without_an_old_payload_as_they_are(context, clock):
    ctx, log = context(), MemoryLog()
    log.append(*generations(3), b"{", *generations(6, 4), b"{")
    drain(ctx.lake, log, 4)
    before = set(ctx.lake.open(TABLE).file_uris())
    clock.advance(days=15)
    assert expire_daily(ctx) == 2
    after = set(ctx.lake.open(TABLE).file_uris())
    assert (len(before), len(after), len(before & after)) == (3, 3, 1)
    assert ctx.lake.read(TABLE, ["offset"]).num_rows == 11


def test_who_maintains_the_table_is_waited_for(context, clock):
    ctx, log = context(), MemoryLog()
    log.append(b"{")
    drain(ctx.lake, log)
    clock.advance(days=20)
    with leased(ctx.lake, TABLE, clock):
        assert expire_daily(ctx) == 0
    assert expire_daily(ctx) == 1


def test_a_merge_between_the_look_and_the_lease_hides_no_payload(context, clock, monkeypatch):
    """They would rest a day longer: the day is recorded as looked at."""
    ctx, log = context(), MemoryLog()
    for _ in range(4):
        log.append(b"{")
        drain(ctx.lake, log)
    clock.advance(days=20)

    def after_a_merge(*held):
        with leased(*held) as lease:
            compact(lease)
        return leased(*held)

    monkeypatch.setattr(retention, "leased", after_a_merge)
    assert expire_daily(ctx) == 4
    assert len(ctx.lake.open(TABLE).file_uris()) == 1


def test_younger_payloads_stay(context, clock):
    ctx, log = context(), MemoryLog()
    log.append(b"{")
    drain(ctx.lake, log)
    assert expire_daily(ctx) == 0
    assert payloads(ctx.lake) == [(0, True, "not_json")]


def test_it_looks_once_a_day(context, clock):
    ctx, log = context(), MemoryLog()
    log.append(b"{")
    drain(ctx.lake, log)
    clock.advance(days=20)
    assert expire_daily(ctx) == 1
    version = ctx.lake.open(TABLE).version()
    assert expire_daily(ctx) == 0
    assert ctx.lake.open(TABLE).version() == version

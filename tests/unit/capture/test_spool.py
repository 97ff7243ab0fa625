"""The spool keeps what it has accepted, whatever happens to the process or the disk."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from feedwheel_capture.errors import SpoolCorrupt, SpoolFull, SpoolInUse
from feedwheel_capture.spool import Record, Spool, abandoned, claim


def record(number: int, size: int = 10) -> Record:
    return Record("topic", f"key-{number}", b"x" * size)


def append_many(spool: Spool, count: int) -> None:
    for number in range(count):
        spool.append(record(number))


def keys(spool: Spool) -> list[str]:
    records, _ = spool.read(spool.acknowledged, 1_000_000)
    return [each.key for each in records]


def test_reads_in_order_across_segments_and_reopening(tmp_path: Path) -> None:
    with Spool(tmp_path, segment_bytes=100) as spool:
        append_many(spool, 20)
        assert len(list(tmp_path.glob("*.log"))) > 3
        _, cursor = spool.read(spool.acknowledged, 7)
        spool.acknowledge(cursor)
    with Spool(tmp_path, segment_bytes=100) as spool:
        assert keys(spool) == [f"key-{number}" for number in range(7, 20)]
        assert spool.depth == 13


def test_acknowledged_segments_give_their_space_back(tmp_path: Path) -> None:
    with Spool(tmp_path, max_bytes=400, segment_bytes=100) as spool:
        with pytest.raises(SpoolFull):
            append_many(spool, 100)
        stored = spool.depth
        _, cursor = spool.read(spool.acknowledged, stored)
        spool.acknowledge(cursor)
        spool.append(record(999))
        assert keys(spool) == ["key-999"]


@pytest.mark.parametrize(("torn_bytes", "whole"), [(1, 2), (8, 2), (12, 2), (40, 1)])
def test_a_torn_tail_is_cut_and_nothing_else(tmp_path: Path, torn_bytes: int, whole: int) -> None:
    with Spool(tmp_path) as spool:
        append_many(spool, 3)
    (segment,) = tmp_path.glob("*.log")
    segment.write_bytes(segment.read_bytes()[:-torn_bytes])
    with Spool(tmp_path) as spool:
        kept = keys(spool)
        assert kept == ["key-0", "key-1"][:whole]
        spool.append(record(9))
        assert keys(spool) == [*kept, "key-9"]


def test_altered_bytes_are_named_not_published(tmp_path: Path) -> None:
    with Spool(tmp_path, segment_bytes=60) as spool:
        append_many(spool, 6)
        first = min(tmp_path.glob("*.log"))
        first.write_bytes(first.read_bytes()[:-1] + b"?")
        with pytest.raises(SpoolCorrupt, match="altered at byte"):
            keys(spool)


def test_one_directory_has_one_writer(tmp_path: Path) -> None:
    with Spool(tmp_path), pytest.raises(SpoolInUse, match="belongs to a running process"):
        Spool(tmp_path)


def test_threads_append_together_and_each_record_is_there_once(tmp_path: Path) -> None:
    with Spool(tmp_path, segment_bytes=2000) as spool:

        def append_some(start: int) -> None:
            for number in range(start, start + 50):
                spool.append(record(number))

        threads = [threading.Thread(target=append_some, args=(start,)) for start in range(0, 400, 50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(keys(spool)) == sorted(f"key-{number}" for number in range(400))


_APPEND_FOREVER = """
import sys
from pathlib import Path
from feedwheel_capture.spool import Record, Spool, abandoned, claim
spool = Spool(Path(sys.argv[1]), segment_bytes=4000)
for number in range(1_000_000):
    spool.append(Record("topic", f"key-{number}", b"x" * 100))
    print(number, flush=True)
"""


@pytest.mark.chaos
@pytest.mark.parametrize("appended_before_kill", [1, 40, 173])
def test_what_was_appended_survives_sigkill(tmp_path: Path, appended_before_kill: int) -> None:
    child = subprocess.Popen([sys.executable, "-c", _APPEND_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) == appended_before_kill:
            break
    os.kill(child.pid, signal.SIGKILL)
    confirmed = appended_before_kill + len(child.stdout.readlines())
    child.stdout.close()
    child.wait()
    with Spool(tmp_path, segment_bytes=4000) as spool:
        kept = keys(spool)
    assert kept[: confirmed + 1] == [f"key-{number}" for number in range(confirmed + 1)]
    assert len(kept) <= confirmed + 2


def test_what_was_written_without_waiting_is_read_at_once(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        assert spool.write(record(1), record(2)) == 1
        assert spool.depth == 2
        assert spool.wait(spool.acknowledged, 0)
        assert keys(spool) == ["key-1", "key-2"]


@pytest.mark.parametrize("segment_bytes", [150, 10_000])
def test_a_machine_that_lost_what_was_published_loses_nothing_that_comes(tmp_path: Path, segment_bytes: int) -> None:
    with Spool(tmp_path, segment_bytes=segment_bytes) as spool:
        spool.append(record(0))
        for number in range(1, 6):
            spool.write(record(number))
        _, behind = spool.read(spool.acknowledged, 5)
        spool.acknowledge(behind)
    for log in sorted(tmp_path.glob("*.log"))[1:]:
        log.unlink()  # a power cut: the position reached the disk, the later segments did not
    (first,) = tmp_path.glob("*.log")
    os.truncate(first, min(first.stat().st_size, 60))
    with Spool(tmp_path, segment_bytes=segment_bytes) as spool:
        assert (spool.depth, keys(spool)) == (0, [])
        spool.append(record(7), record(8))
        assert keys(spool) == ["key-7", "key-8"]
    with Spool(tmp_path, segment_bytes=segment_bytes) as spool:
        assert keys(spool) == ["key-7", "key-8"]


def test_records_of_one_call_are_stored_all_or_none(tmp_path: Path) -> None:
    with Spool(tmp_path, max_bytes=400) as spool:
        with pytest.raises(SpoolFull):
            spool.append(*(record(number, 100) for number in range(5)))
        assert spool.depth == 0
        spool.append(record(1), record(2))
        assert keys(spool) == ["key-1", "key-2"]


def test_processes_share_a_root_and_what_one_left_is_found(tmp_path: Path) -> None:
    first, second = claim(tmp_path), claim(tmp_path)
    second.append(record(2))
    assert list(abandoned(tmp_path)) == []
    second.close()
    (left,) = abandoned(tmp_path)
    assert keys(left) == ["key-2"]
    left.close()
    first.append(record(1))
    first.close()
    with claim(tmp_path) as again:
        assert keys(again) == ["key-1"]


def at_rest(directory: Path) -> int:
    return sum(log.stat().st_size for log in directory.glob("**/*.log"))


def take(spool: Spool, count: int) -> None:
    _, behind = spool.read(spool.acknowledged, count)
    spool.acknowledge(behind)


def test_what_was_delivered_rests_no_longer_than_until_the_next_roll(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        append_many(spool, 5)
        take(spool, 3)
        spool.roll()
        assert keys(spool) == ["key-3", "key-4"]
        spool.append(record(5))
        take(spool, 2)
        assert keys(spool) == ["key-5"]
        assert len(list(tmp_path.glob("*.log"))) == 1  # the first segment went with its last record
        take(spool, 1)
        spool.roll()
        spool.roll()
        assert (at_rest(tmp_path), spool.fill) == (0, 0)
        append_many(spool, 2)
        assert keys(spool) == ["key-0", "key-1"]


def test_what_was_delivered_is_gone_when_a_spool_is_closed_or_opened(tmp_path: Path) -> None:
    with Spool(tmp_path / "0000") as spool:
        append_many(spool, 5)
        kept = at_rest(tmp_path)
        take(spool, 5)
        (tmp_path / "killed").mkdir()
        for file in (tmp_path / "0000").iterdir():  # as a process leaves it that is killed
            (tmp_path / "killed" / file.name).write_bytes(file.read_bytes())
    assert at_rest(tmp_path / "0000") == 0
    assert at_rest(tmp_path / "killed") == kept
    assert list(abandoned(tmp_path)) == []
    assert at_rest(tmp_path) == 0
    with Spool(tmp_path / "killed") as spool:
        append_many(spool, 1)
        assert keys(spool) == ["key-0"]


def test_segments_end_under_the_hands_of_who_appends(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        writers = [threading.Thread(target=append_many, args=(spool, 200)) for _ in range(4)]
        for writer in writers:
            writer.start()
        found: list[Record] = []
        while len(found) < 800:
            records, behind = spool.read(spool.acknowledged, 50)
            found += records
            spool.acknowledge(behind)
            spool.roll()
        for writer in writers:
            writer.join()
        assert sorted(each.key for each in found) == sorted([f"key-{number}" for number in range(200)] * 4)
        assert at_rest(tmp_path) == 0

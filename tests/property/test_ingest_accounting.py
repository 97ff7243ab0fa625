"""I1 against a model: whatever arrives, is deleted, dies or races, every offset has exactly one place."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ingest.manifest import Manifest
from pipelines.ingest.offsets import progress_of
from pipelines.io.lake import Lake
from tests.memory_drain import TABLE, commit, drain, progress, read
from tests.memory_log import MemoryLog
from tests.topics import generations

counts = st.integers(1, 7)
STEPS = st.one_of(
    st.tuples(st.just("events arrive"), counts),
    st.tuples(st.just("garbage arrives"), counts),
    st.tuples(st.just("offsets hold nothing"), counts),
    st.tuples(st.just("retention deletes"), counts),
    st.tuples(st.just("a drain reads"), counts),
    st.tuples(st.just("a drain reads"), counts),
    st.tuples(st.just("a drain commits"), st.integers(0, 2), st.sets(st.integers(0, 4), max_size=1)),
    st.tuples(st.just("a drain commits"), st.integers(0, 2), st.just(frozenset())),
    st.tuples(
        st.just("what waits for a commit is vacuumed"), st.integers(0, 2), st.sets(st.integers(0, 4), min_size=1)
    ),
)


@dataclass
class World:
    """A log, a lake, and drains that have read and may yet commit; one that never does has died."""

    lake: Lake
    log: MemoryLog = field(default_factory=MemoryLog)
    is_event: dict[int, bool] = field(default_factory=dict)
    drains: list[list[Manifest]] = field(default_factory=list)

    def take(self, step: tuple) -> None:
        match step:
            case "events arrive", count:
                self.append(generations(count, start=self.log.end), is_event=True)
            case "garbage arrives", count:
                self.append([b"{"] * count, is_event=False)
            case "offsets hold nothing", count:
                self.log.append_gap(count)
            case "retention deletes", count:
                self.log.delete_before(self.log.begin + count)
            case "a drain reads", size:
                self.drains = [read(self.lake, self.log, size), *self.drains[:2]]
            case "a drain commits", which, missing if which < len(self.drains):
                # Perhaps after others, perhaps twice, perhaps without one of its ranges, in any order.
                parts = [part for number, part in enumerate(self.drains[which]) if number not in missing]
                commit(self.lake, parts[::-1])

            case "what waits for a commit is vacuumed", which, places if which < len(self.drains):
                named = {Path(uri).name for uri in self.lake.open(TABLE).file_uris()}
                for place, part in enumerate(self.drains[which]):
                    if place in places and part.file and part.file.path not in named:
                        (Path(self.lake.uri(TABLE)) / part.file.path).unlink(missing_ok=True)

    def append(self, values: list[bytes], *, is_event: bool) -> None:
        for value in values:
            self.is_event[self.log.end] = is_event
            self.log.append(value)

    def check(self) -> None:
        if not progress_of(self.lake.open(TABLE)):
            return
        known = progress(self.lake, self.log)
        rows = self.lake.read(TABLE, ["offset", "status"]).to_pydict()
        stored = dict(zip(rows["offset"], rows["status"], strict=True))
        assert len(stored) == len(rows["offset"]), "an offset is there twice"
        assert known.next - known.first == len(stored) + known.gaps + known.lost
        for offset, status in stored.items():
            assert known.first <= offset < known.next
            assert (status == "accepted") == self.is_event[offset]


@settings(max_examples=60)
@given(begin=st.integers(0, 5), steps=st.lists(STEPS, min_size=8, max_size=30))
def test_every_offset_has_one_place(begin, steps):
    with tempfile.TemporaryDirectory() as directory:
        world = World(Lake(directory))
        world.log.begin = world.log.end = begin
        for step in steps:
            world.take(step)
            world.check()
        drain(world.lake, world.log)
        world.check()
        known = progress(world.lake, world.log)
        assert known.next == world.log.end
        kept = [offset for offset in world.is_event if offset >= max(world.log.begin, known.first)]
        stored = world.lake.read(TABLE, ["offset"]).column("offset").to_pylist()
        assert set(kept) <= set(stored), "a record that the log still has is not stored"

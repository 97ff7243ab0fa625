"""The one committer of an extract run: four tables, one commit point.

In: the files of all batches, and the marks the run began from. Out: a new revision of every touched conversation, seen
by readers all at once or not at all. The steps, numbered as in the code:

1. open `silver/conversations` and see that no other run has moved the marks, nor this one already;
2. append turns, signals and orphans: rows of a revision that nothing names yet, so nobody sees them;
3. append the conversations and move the marks in one commit, on the version that was read: the commit point.

Killed before 3, the run has not happened: the next one takes the same events again, under another revision.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from pipelines.extract.marks import Marks, read_marks, to_milliseconds
from pipelines.extract.recompute import Manifest, Tally
from pipelines.extract.rows import Row
from pipelines.io.delta_log import commits
from pipelines.io.lake import Lake, StaleCommit, commit_files, until_committed
from pipelines.runs import canonical_json
from schemas.errors import InfrastructureError
from schemas.tables import SilverTable

REVISION_KEY: Final = "feedwheel.revision"
TALLY_KEY: Final = "feedwheel.tally"
"""Commit metadata: which revision a commit made current, and what became of its events."""

_RECENT_COMMITS: Final = 20
"""Among which a worker that commits a second time looks for its first."""


@dataclass(frozen=True, slots=True)
class Committer:
    """Commits one revision of one application."""

    lake: Lake
    app: str
    revision: str
    before: Marks
    after: Marks
    orphans: Sequence[Row]

    def commit(self, manifests: Iterable[Manifest]) -> None:
        """Commit everything, in order. Raises InfrastructureError if another run was first."""
        manifests = list(manifests)
        conversations = self.lake.open("silver/conversations")  # 1
        if read_marks(conversations, self.app) != self.before:
            if _tally_of(conversations, self.revision, conversations.version() - _RECENT_COMMITS) is not None:
                return
            raise InfrastructureError(self._overtaken())
        self._append("silver/turns", manifests)  # 2
        self._append("silver/signals", manifests)
        if self.orphans:
            self.lake.append("silver/orphans", self.orphans)
        try:
            commit_files(  # 3
                conversations,
                _files("silver/conversations", manifests),
                self.after.to_transactions(self.app),
                {REVISION_KEY: self.revision, TALLY_KEY: canonical_json(_total(manifests))},
            )
        except StaleCommit:
            raise InfrastructureError(self._overtaken()) from None

    def _append(self, table: SilverTable, manifests: Sequence[Manifest]) -> None:
        if files := _files(table, manifests):
            until_committed(lambda: commit_files(self.lake.open(table), files, {}, {REVISION_KEY: self.revision}))

    def _overtaken(self) -> str:
        return f"{self.app}: another extract committed first, so this one changed nothing: run it again"


def fence(lake: Lake, app: str, now: datetime) -> int:
    """Let no run of extract that has begun commit any more: it is refused, and does the same again under newer marks.

    Returns the time in milliseconds since the epoch after which every run that begins from now on mints its revision.
    """
    while True:
        conversations = lake.open("silver/conversations")
        marks = read_marks(conversations, app)
        fenced = replace(marks, revision_ms=max(to_milliseconds(now), marks.revision_ms + 1))
        try:
            commit_files(conversations, [], fenced.to_transactions(app), {})
        except StaleCommit:
            continue  # a run committed first; the next ones are fenced off
        return fenced.revision_ms


def _files(table: SilverTable, manifests: Iterable[Manifest]) -> list[AddAction]:
    return [manifest.files[table] for manifest in manifests if table in manifest.files]


def _total(manifests: Iterable[Manifest]) -> Tally:
    return sum((manifest.tally for manifest in manifests), Tally())


def committed_tally(lake: Lake, revision: str, since: int) -> Tally:
    """What the run of `revision` committed after the table version `since`. Raises InfrastructureError if nothing."""
    table = lake.open("silver/conversations")
    tally = _tally_of(table, revision, since)
    if tally is None:
        raise InfrastructureError(f"{table.table_uri}: revision {revision} was not committed: run it again")
    return tally


def _tally_of(conversations: DeltaTable, revision: str, since: int) -> Tally | None:
    """The tally in the commit of a revision, if it is one of those after the table version `since`."""
    for commit in commits(conversations, since).values():
        if commit.get(REVISION_KEY) == revision:
            tally: Tally = msgspec.json.decode(commit[TALLY_KEY], type=Tally, dec_hook=_counter)
            return tally
    return None


def _counter(_: type, counts: dict[str, int]) -> Counter[str]:
    return Counter(counts)

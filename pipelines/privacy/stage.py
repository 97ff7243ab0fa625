"""One run that makes withdrawals hold for what is stored, for one application.

In: the changes of consent in bronze. Out: no text of whoever withdrew it in the newest version of any table, and a
receipt. The steps, numbered as in the code:

1. let extract take the changes that it has not taken, so that the newest revisions in silver are right;
2. find what is withheld: from the changes alone, whatever an earlier run has done already;
3. take it out of silver, gold and bronze, commit by commit;
4. delete files of older versions whose time has come;
5. say what was done and what remains.

Killed anywhere and run again, it goes on: every commit stands alone, and what is out is not taken out again.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pipelines.consents import Horizon, read_consents
from pipelines.context import Context
from pipelines.io.vacuum import Unnamed
from pipelines.people import UserKeys
from pipelines.privacy import bronze, gold, silver
from pipelines.privacy.bronze import RejectedPayloads
from pipelines.privacy.gold import GoldRows
from pipelines.privacy.history import forget
from pipelines.privacy.receipt import Receipt, what_remains
from pipelines.privacy.withdrawals import Withdrawals, find
from pipelines.runs import Run, stage_run
from schemas.errors import InfrastructureError, NothingToDo
from schemas.tables import TableName

_EXTRACTS: Final = 3
"""Runs of extract of which each was overtaken by another: more in a row is no race."""


@dataclass(frozen=True, slots=True)
class Done:
    """What the steps did."""

    found: Withdrawals
    payloads: RejectedPayloads
    gold: GoldRows
    rows: Mapping[TableName, int]
    forgotten: Unnamed
    not_extracted: int


def run(context: Context, app: str, *, dry_run: bool = False) -> Receipt:
    """Apply the withdrawals of `app`. Raises NothingToDo if nobody withdrew anything, InfrastructureError, ConfigError.

    A dry run only counts; what extract has not taken yet, it counts as if it had.
    """
    context.config.app(app)
    started = time.monotonic()
    keys = UserKeys(context.settings.user_keys)
    if not read_consents(context.lake, app, keys).limits:
        raise NothingToDo(f"nobody has withdrawn anything from {app}")
    if dry_run:
        return _receipt(context, "", _apply(context, app, keys, dry_run=True), started, dry_run=True)
    with stage_run(context, app, "privacy") as stage:
        done = _apply(context, app, keys, dry_run=False)
        _count(stage, done)
    return _receipt(context, stage.run_id, done, started, dry_run=False)  # 5


def _apply(context: Context, app: str, keys: UserKeys, *, dry_run: bool) -> Done:
    if not dry_run:
        _extract(context, app, keys)  # 1
    consents = read_consents(context.lake, app, keys)
    found = find(context.lake, app, consents)  # 2
    withheld = found.digest(consents.unknown_to(_extracted(context, app)))  # read before silver is: it says no less
    payloads = bronze.read_payloads(context, app, consents)
    rows = silver.take_out(context, app, found, dry_run=dry_run)  # 3
    of_gold = gold.take_out(context, app, found, withheld, dry_run=dry_run)
    rows |= of_gold.changed
    rows |= bronze.take_out(context, found, payloads, dry_run=dry_run)
    forgotten = forget(context, dry_run=dry_run)  # 4
    return Done(found, payloads, of_gold, rows, forgotten, _not_extracted(context, app, keys))


def _extract(context: Context, app: str, keys: UserKeys) -> None:
    """Step 1. Raises InfrastructureError."""
    from pipelines import extract  # brings Beam

    for attempt in range(_EXTRACTS):
        if not _not_extracted(context, app, keys):
            return
        try:
            extract.run(context, app)
        except NothingToDo:
            return  # no drain has come to its end yet, so there is no silver
        except InfrastructureError:
            if attempt == _EXTRACTS - 1:
                raise


def _not_extracted(context: Context, app: str, keys: UserKeys) -> int:
    """How many people withhold something of which extract does not know."""
    horizon = _extracted(context, app)
    return len(read_consents(context.lake, app, keys).unknown_to(horizon))


def _extracted(context: Context, app: str) -> Horizon:
    """Which changes of consent silver shows."""
    from pipelines.extract.marks import read_marks  # brings Beam

    return read_marks(context.lake.open("silver/conversations"), app).horizon


def _count(stage: Run, done: Done) -> None:
    """Rows that hold what is withheld, by table; all of them are changed (I10)."""
    for counts in (stage.counts.taken, stage.counts.given):
        counts.update({table: count for table, count in done.rows.items() if count})


def _receipt(context: Context, run_id: str, done: Done, started: float, *, dry_run: bool) -> Receipt:
    consents = done.found.consents
    return Receipt(
        run_id=run_id,
        dry_run=dry_run,
        people=len(consents.limits),
        conversations=len(done.found.people_of),
        events=len(done.found.events),
        rows=dict(done.rows),
        files=done.forgotten.old,
        remains=what_remains(context.clock(), done.found, done.payloads, done.gold, done.forgotten),
        not_extracted=done.not_extracted,
        unknown_layers=sum(not stored.known_layers for stored in consents.changes),
        seconds=time.monotonic() - started,
    )

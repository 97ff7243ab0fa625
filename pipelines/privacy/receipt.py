"""The receipt of a withdrawal run: what was changed, and what remains where and until when.

In: what the steps did. Out: facts that an operator can hand to whoever asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.io.vacuum import HISTORY_RETENTION, LOG_RETENTION, Unnamed
from pipelines.privacy.bronze import RejectedPayloads
from pipelines.privacy.gold import GoldRows
from pipelines.privacy.withdrawals import Withdrawals
from pipelines.stack.topics import RETENTION
from schemas.tables import TableName


@dataclass(frozen=True, slots=True)
class Remainder:
    """Where something can still be read, what, and until when; None: until it is erased by hand."""

    where: str
    what: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """One run. `rows` were changed or removed, by table; `files` of older versions deleted.

    `people` have withdrawn something; `conversations` are those that they had part in. Of `not_extracted` people
    extract does not know every change, because one came while it ran: the next run applies it. `unknown_layers` changes
    have a key of more layers than this deployment knows, so they meet only events of the same key.
    """

    run_id: str
    dry_run: bool
    people: int
    conversations: int
    events: int
    rows: Mapping[TableName, int]
    files: int
    remains: list[Remainder]
    not_extracted: int
    unknown_layers: int
    seconds: float


def what_remains(
    now: datetime, found: Withdrawals, payloads: RejectedPayloads, gold: GoldRows, forgotten: Unnamed
) -> list[Remainder]:
    """Everything that a run does not reach, in the order in which it ends."""
    from pipelines.ingest.retention import PAYLOAD_RETENTION  # brings Beam

    remains = list[Remainder]()
    newest = max((event.appended_at for event in found.events), default=None)
    if newest is not None and newest + RETENTION > now:
        days = RETENTION // timedelta(days=1)
        remains.append(
            Remainder("Kafka", f"the events as they were sent; topics that others run may keep longer than {days} days",
                      newest + RETENTION)
        )  # fmt: skip
    if forgotten.younger:
        files = f"{forgotten.younger} files of earlier versions; a run of this command after that deletes them"
        remains.append(Remainder("history of the tables", files, now + HISTORY_RETENTION))
    if payloads.newest_unread is not None:
        what = f"{payloads.unread} encrypted records that do not say whose they are"
        remains.append(Remainder("rejected records", what, payloads.newest_unread + PAYLOAD_RETENTION))
    if forgotten.younger:
        what = "of each earlier file the first and the last text of a column, up to 64 characters, to skip files by"
        remains.append(Remainder("logs of the tables", what, now + LOG_RETENTION))
    if any(event.limit == "none" for event in found.events):
        what = "ids, times and ratings of people who allow nothing, in bronze and in counts; nothing uses them"
        remains.append(Remainder("rows without text", what, None))
    if gold.models:
        remains.append(Remainder("weights of models", f"trained on it before: {', '.join(gold.models)}", None))
    if gold.models or gold.changed["gold/datasets/examples"]:
        what = "what `feedwheel dataset export` wrote, and what an interrupted training left in its folder"
        remains.append(Remainder("files outside the tables", what, None))
    return remains

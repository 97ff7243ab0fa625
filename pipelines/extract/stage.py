"""One extract run of one application.

In: bronze as it is now, silver as the last run left it. Out: new current revisions, and the count of every event taken
(I10). The steps, numbered as in the code:

1. read the clock that ingest left, before reading bronze: all that had happened by then is inside;
2. read the marks, and from them on what is new in bronze, changes of consent included;
3. find the conversations touched: by arrivals, by orphans whose answer arrived, by silence that is due, and by people
   whose consent changed: whatever they had part in;
4. recompute them whole, under the consents of now, and commit, the marks with them.

With `rebuild` every conversation is recomputed from bronze alone; the result is the same. So it is, unasked, where
other rules judged what is there: detectors, weights, the model of words or the calibrations have changed. Until its one
commit, readers see what the old rules judged, and then what the new ones did; nobody ever sees both.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from feedwheel_capture.ids import uuid7

from feedback.conversation import Position
from feedback.judge import Judge
from pipelines import ingest
from pipelines.bronze import rows_between
from pipelines.consents import Consents, StoredChange, read_consents
from pipelines.context import Context
from pipelines.extract import state
from pipelines.extract.arrivals import Arrival, Arrivals, read_arrivals, read_taken, under_consents
from pipelines.extract.commit import Committer, committed_tally
from pipelines.extract.marks import Marks, digest_of, from_milliseconds, read_marks, to_milliseconds
from pipelines.extract.pipeline import run_batches
from pipelines.extract.recompute import Members, Recomputer, Tally, batches
from pipelines.extract.report import ExtractReport
from pipelines.extract.routing import Known, Routes, route
from pipelines.extract.rows import SILVER_TABLES, Ending, orphan_row
from pipelines.io.lake import Lake
from pipelines.io.openlineage import Dataset
from pipelines.judging import judge_now
from pipelines.people import UserKeys, stored_keys
from pipelines.runs import Counts, stage_run
from schemas.errors import NothingToDo


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run has to do: events and changes taken, where they go, and the conversations to recompute."""

    arrivals: Arrivals
    consents: Consents
    changes: Sequence[StoredChange]
    routes: Routes
    members: Mapping[str, Members]
    joined: int
    due: int
    late: int
    waiting: frozenset[Position]


def run(context: Context, app: str, rebuild: bool = False) -> ExtractReport:
    """Extract what is new. Raises NothingToDo, InfrastructureError, ConfigError without the layers of user keys."""
    context.config.app(app)
    started = time.monotonic()
    drained = ingest.as_of(context)  # 1
    if drained is None:
        raise NothingToDo("no drain has reached the end of its topics yet: run `feedwheel ingest`")
    with stage_run(context, app, "extract") as stage:
        conversations = context.lake.open("silver/conversations")
        before = read_marks(conversations, app)  # 2
        as_of = max(drained, from_milliseconds(before.as_of_ms))
        keys = UserKeys(context.settings.user_keys)
        judge = judge_now(context, app)
        rebuild |= bool(before.next_offsets) and before.judge != digest_of(judge)
        plan = make_plan(context.lake, app, keys, Marks({}) if rebuild else before, as_of, rebuild=rebuild)
        if not plan.arrivals.events and not plan.members and not plan.changes:
            raise NothingToDo("every event in bronze is extracted, and no silence is due")
        revision_ms = max(to_milliseconds(context.clock()), before.revision_ms + 1)
        revision = uuid7(from_milliseconds(revision_ms))
        next_offsets = {**before.next_offsets, **plan.arrivals.next_offsets}
        after = Marks(next_offsets, to_milliseconds(as_of), revision_ms, len(keys.layers), digest_of(judge))
        _compute(context, app, judge, plan, as_of, revision, before, after)  # 4
        tally = committed_tally(context.lake, revision, conversations.version())
        _count(stage.counts, plan, tally)
        stage.touches(*_datasets(context.lake, plan, tally))
    return ExtractReport(
        run_id=stage.run_id,
        revision=revision,
        as_of=as_of,
        seconds=time.monotonic() - started,
        judged_by=judge.version,
        rebuilt=rebuild,
        conversations=tally.rows["silver/conversations"],
        due=plan.due,
        late=plan.late,
        reconsidered=len(plan.routes.again),
        ended=tally.ended,
        taken=dict(stage.counts.taken),
        used=dict(stage.counts.given),
        dropped=dict(stage.counts.dropped),
        joined=plan.joined,
        rows=dict(tally.rows),
        signals=dict(tally.signals),
        unread_messages=tally.unread_messages,
        unread_languages=tally.unread_languages,
        skewed_events=tally.skewed_events,
        unknown_layers=sum(not stored.known_layers for stored in plan.changes),
    )


def make_plan(lake: Lake, app: str, keys: UserKeys, marks: Marks, as_of: datetime, *, rebuild: bool) -> Plan:
    """Steps 2 and 3: what is new since `marks`, and whom it touches."""
    arrivals = read_arrivals(lake, app, marks.next_offsets)
    consents = read_consents(lake, app, keys)
    changes = [stored for stored in consents.beyond(marks.next_offsets) if stored.is_below(arrivals.next_offsets)]
    new = under_consents(consents, arrivals.events)
    again = under_consents(consents, _reconsidered(lake, app, consents, marks))
    every = [*new, *again]
    said = state.read_answers(lake, app, every)
    due = state.read_due(lake, app, from_milliseconds(marks.as_of_ms), as_of)
    names = {arrival.conversation_id for arrival in every if arrival.conversation_id}
    names |= due | {answer.conversation_id for answer in said}
    stored = state.read_conversations(lake, app, as_of, None if rebuild else names)
    current = state.NONE_YET if rebuild else stored
    orphans = state.read_orphans(lake, app, every, rows_between(marks.next_offsets, arrivals.next_offsets))
    answers = {
        answer.response_id: answer.conversation_id
        for answer in said
        if current.revisions.get(answer.conversation_id) == answer.revision
    }
    routes = route(new, Known(answers, current.alive, () if rebuild else orphans), again)
    touched = {*routes.arrived, *routes.joined, *routes.again, *current.due}
    held = state.read_events(lake, app, touched, current)
    left = stored.alive - touched if rebuild else frozenset[str]()
    members = {  # 3
        name: _members(name, held.get(name, frozenset()), routes, is_alive=name in stored.alive)
        for name in touched | left
    }
    return Plan(
        arrivals=arrivals,
        consents=consents,
        changes=changes,
        routes=routes,
        members=members,
        joined=sum(len(joined - held.get(name, frozenset())) for name, joined in routes.joined.items()),
        due=len(current.due - {*routes.arrived, *routes.joined, *routes.again}),
        late=len(current.old & {*routes.arrived, *routes.joined}),
        waiting=frozenset(orphan.position for orphan in orphans),
    )


def _reconsidered(lake: Lake, app: str, consents: Consents, marks: Marks) -> list[Arrival]:
    """What was taken before of people who withhold something and of whom a change is new, or a layer of their keys."""
    people = consents.unknown_to(marks.horizon)
    if not people or not marks.next_offsets:
        return []
    return read_taken(lake, app, stored_keys(lake, app, consents.keys, people), marks.next_offsets)


def _members(name: str, held: frozenset[Position], routes: Routes, *, is_alive: bool) -> Members:
    new = (routes.arrived.get(name, set()) | routes.joined.get(name, set())) - held
    return Members(name, held | new | routes.again.get(name, set()), frozenset(new), is_alive)


def _compute(
    context: Context,
    app: str,
    judge: Judge,
    plan: Plan,
    as_of: datetime,
    revision: str,
    before: Marks,
    after: Marks,
) -> None:
    """Step 4. Without a conversation to recompute only the marks move, and new orphans begin to wait."""
    orphans = [orphan_row(orphan, app, as_of) for orphan in plan.routes.orphans if orphan.position not in plan.waiting]
    committer = Committer(context.lake, app, revision, before, after, orphans)
    recomputer = Recomputer(
        context.lake,
        context.config,
        judge.calibrations,
        Ending(app, context.config.app(app).type, as_of),
        plan.consents,
        revision,
    )
    for table in SILVER_TABLES:
        context.lake.open(table)  # workers write files below tables that are there
    if parts := list(batches(plan.members.values())):
        run_batches(parts, recomputer, committer)
    else:
        committer.commit([])


def _count(counts: Counts, plan: Plan, tally: Tally) -> None:
    """Events in, by record; used ones out; the others dropped by reason. A change of consent is used by taking it."""
    counts.taken.update(arrival.record.__name__.lower() for arrival in plan.arrivals.events)
    counts.taken.update(Counter(orphan=plan.joined) + Counter())  # the sum leaves zeros out
    counts.given.update(tally.used)
    for taken in (counts.taken, counts.given):
        taken.update(Counter(consentchange=len(plan.changes)) + Counter())
    counts.dropped.update(tally.dropped + plan.routes.dropped + Counter(orphan=len(plan.routes.orphans)))


def _datasets(lake: Lake, plan: Plan, tally: Tally) -> tuple[list[Dataset], list[Dataset]]:
    """What was read and written, for a lineage catalogue. The versions written to hold the run's rows."""
    read = [Dataset.table(lake.uri(name), version) for name, version in plan.arrivals.versions.items()]
    appended = ((name, tally.rows[name]) for name in SILVER_TABLES)
    written = [Dataset.table(lake.uri(name), lake.open(name).version(), rows) for name, rows in appended if rows]
    return read, written

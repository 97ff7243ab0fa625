"""What the bias report of a data set is made of.

In: the admitted conversations as silver holds them when the set is built, the feedback events behind their signals,
and the examples of the set. Out: the report. It describes the set and is no part of its content; no replay needs it.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from feedback.bias.observed import Choice, Member, Observed, Option, Rating, Shown
from feedback.bias.report import BiasReport, bias_report
from feedback.near_duplicates import normalise
from feedback.polarity import place
from feedback.split import split_of
from pipelines.bronze import accepted
from pipelines.context import Context
from pipelines.curate.examples import user_text
from pipelines.dataset.selection import Selection
from pipelines.people import UserKeys, lifted, owner_of
from pipelines.silver import admitted_revisions, rows_of

_RATED: Final = ("thumbs", "rating", "solved")
"""Kinds by which an answer is rated on a scale of the person's own measure."""

Row = Mapping[str, Any]


def report_on(
    context: Context,
    app: str,
    examples: pa.Table,
    selection: Selection,
    withdrawn: Collection[str],
    before: BiasReport | None,
) -> BiasReport:
    """The report on a set of `examples`, over the answers of its time; nothing of `withdrawn` conversations counts."""
    turns, signals = _read_silver(context, app, selection, withdrawn)
    reported = _read_reported(context, app, signals)
    eval_share = context.config.split.eval_share
    answers = {row["response_id"]: row for row in turns}
    observed = Observed(
        shown=_shown(turns, signals, reported, eval_share),
        ratings=_ratings(signals, reported),
        choices=_choices(signals, reported, answers),
        members=_members(examples.to_pylist(), turns),
    )
    return bias_report(observed, before)


def _read_silver(
    context: Context, app: str, selection: Selection, withdrawn: Collection[str]
) -> tuple[list[Row], list[Row]]:
    """Admitted rows of silver/turns in the time of the selection, and the signals about them or their conversations."""
    lake, keys = context.lake, UserKeys(context.settings.user_keys)
    admitted = admitted_revisions(lake, app)
    allowed = ~pc.field("conversation_id").isin(pa.array(sorted(withdrawn), pa.string()))
    turns = lifted(rows_of(lake, "silver/turns", app, admitted).filter(allowed & _in_time(selection)), keys)
    signals = lifted(rows_of(lake, "silver/signals", app, admitted).filter(allowed), keys)
    about_all = pc.field("response_id").is_null() & _among(turns, "conversation_id")
    return turns.to_pylist(), signals.filter(about_all | _among(turns, "response_id")).to_pylist()


def _among(rows: pa.Table, name: str) -> ds.Expression:
    return pc.field(name).isin(rows.column(name).unique())


def _in_time(selection: Selection) -> ds.Expression:
    wanted = pc.scalar(True)
    if selection.since is not None:
        wanted &= pc.field("turn_time") >= selection.since
    if selection.until is not None:
        wanted &= pc.field("turn_time") < selection.until
    return wanted


def _read_reported(context: Context, app: str, signals: Iterable[Row]) -> dict[str, Row]:
    """Value and dwell time of the feedback events that signals were read from, by event id."""
    wanted = pa.array(sorted({event for row in signals for event in row["event_ids"]}), pa.string())
    rows = context.lake.read(
        "bronze/feedback", ["event_id", "value", "dwell_ms"], accepted(app) & pc.field("event_id").isin(wanted)
    )
    return {row["event_id"]: row for row in rows.to_pylist() if row["value"] is not None}


def _shown(turns: Iterable[Row], signals: Iterable[Row], reported: Mapping[str, Row], eval_share: float) -> list[Shown]:
    about = defaultdict[str, list[Row]](list)
    for row in signals:
        about[row["response_id"]].append(row)
    return [_one_shown(turn, about[turn["response_id"]], reported, eval_share) for turn in turns]


def _one_shown(turn: Row, signals: Sequence[Row], reported: Mapping[str, Row], eval_share: float) -> Shown:
    votes = [row for row in signals if row["explicit"] and row["polarity"]]
    vote = max(votes, key=lambda row: (row["confidence"], row["signal_time"], row["signal_id"]), default=None)
    event = reported.get(vote["event_ids"][0]) if vote else None
    return Shown(
        owner=owner_of(turn),
        model_version=turn["model_version"],
        policy=turn["exposure_policy"],
        propensity=turn["exposure_propensity"],
        arm=turn["arm"],
        split=split_of(turn["split_bucket"], eval_share),
        turn_index=turn["turn_index"],
        latency_ms=turn["latency_ms"],
        characters=turn["output_length"],
        item=_item(turn),
        liked=vote["polarity"] > 0 if vote else None,
        dwell_ms=event["dwell_ms"] if event else None,
        implicit=math.fsum(row["polarity"] * row["strength"] for row in signals if not row["explicit"]),
    )


def _item(turn: Row) -> str | None:
    """Names the same answer to the same question, whoever asked."""
    prompt, output = turn["prompt"], turn["output"]
    if not prompt or output is None or any(message["content"] is None for message in prompt):
        return None
    return _name("\n".join(message["content"] for message in prompt), output)


def _name(*texts: str) -> str:
    """A name for texts, equal where they are up to case, punctuation and white space."""
    return hashlib.sha256("\x1f".join(map(normalise, texts)).encode()).hexdigest()[:32]


def _ratings(signals: Iterable[Row], reported: Mapping[str, Row]) -> list[Rating]:
    """What was said on a scale: one per signal."""
    found = []
    for row in signals:
        event = reported.get(row["event_ids"][0]) if row["kind"] in _RATED else None
        if event and event["value"]["rating"] is not None and event["value"]["scale"]:
            on_scale = place(event["value"]["rating"], event["value"]["scale"])
            found.append(Rating(owner=owner_of(row), kind=row["kind"], place=on_scale))
    return found


def _choices(signals: Iterable[Row], reported: Mapping[str, Row], answers: Mapping[str, Row]) -> list[Choice]:
    found = []
    for row in signals:
        event = reported.get(row["event_ids"][0]) if row["kind"] == "comparison" else None
        if event and event["value"]["candidates"]:
            chosen = event["value"]["chosen"]
            options = [_option(candidate, chosen, answers) for candidate in event["value"]["candidates"]]
            if sum(option.chosen for option in options) == 1:
                found.append(Choice(owner=owner_of(row), options=options))
    return found


def _option(candidate: Row, chosen: str, answers: Mapping[str, Row]) -> Option:
    answer = answers.get(candidate["response_id"])
    return Option(
        model_version=answer["model_version"] if answer else None,
        characters=answer["output_length"] if answer else None,
        position=candidate["position"],
        propensity=candidate["propensity"] or None,
        chosen=candidate["response_id"] == chosen,
    )


def _members(examples: Iterable[Row], turns: Iterable[Row]) -> list[Member]:
    """Examples of the set; one whose answer is no longer there counts as normal traffic without an exposure."""
    by_answer = {turn["response_id"]: turn for turn in turns}
    outputs = defaultdict[str, set[str]](set)
    for turn in by_answer.values():
        if turn["output"] is not None:
            outputs[turn["conversation_id"]].add(normalise(turn["output"]))
    return [_member(row, by_answer.get(row["response_id"]), outputs[row["conversation_id"]]) for row in examples]


def _member(row: Row, turn: Row | None, outputs: Collection[str]) -> Member:
    is_imitated = row["use"] == "sft" or row["liked"]
    return Member(
        use=row["use"],
        arm=turn["arm"] if turn else "champion",
        policy=turn["exposure_policy"] if turn else None,
        split=row["split"],
        question=_name(user_text(row["prompt"])),
        answer=_name(row["completion"]),
        topic=row["cluster"],
        is_own=normalise(row["completion"]) in outputs if is_imitated else None,
    )

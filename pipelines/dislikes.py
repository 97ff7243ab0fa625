"""What people disliked: the answers of a time, the lever that would mend each, counts by slice, examples.

In: the current revisions of silver. Out: a report; nothing is written. Steps, numbered as in the code:

1. find the time: the last week before the newest answer, if nothing else is asked for;
2. read its answers and what was said about them, people under their newest key, less conversations of which somebody
   withdrew something that extract has not seen yet;
3. name the lever of every disliked answer (`feedback.triage`) and summarise (`feedback.dislikes`);
4. take examples, with the words that consent allows: silver holds no others.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, get_args

import pyarrow as pa
import pyarrow.compute as pc

from feedback import dislikes
from feedback.dislikes import Answer, Dimension, Group, LeverGroup, Reversal
from feedback.triage import Failure, Lever, Said, Triage, triage
from pipelines import silver
from pipelines.consents import withdrawn_since
from pipelines.context import Context
from pipelines.people import UserKeys, lifted, owner_of
from schemas.errors import NothingToDo, UsageError
from schemas.signals import SignalKind

WEEK: Final = timedelta(days=7)
NO_JUDGEMENT: Final[frozenset[SignalKind]] = frozenset({"abandonment", "acceptance"})
"""Falling silent and moving on: one or the other follows nearly every answer that nobody judged."""
_UNSET: Final = "(none)"
"""The slice of answers that lack the field."""
_DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
_ANSWER: Final = (
    *("response_id", "user_key", "user_key_id", "turn_time", "finish_reason", "latency_ms"),
    *("retrieved_document_ids", "p_dissatisfied", *_DIMENSIONS),
)
_SAID: Final = ("response_id", "kind", "polarity", "category", "text", "edited_output")


@dataclass(frozen=True, slots=True)
class Example:
    """One disliked answer. Texts are None where consent withholds them, `said` holds those that there are."""

    response_id: str
    lever: Lever
    confidence: float
    evidence: tuple[str, ...]
    p_dissatisfied: float
    kinds: list[str]
    said: list[str]
    request: str | None
    output: str | None


@dataclass(frozen=True, slots=True)
class DislikesReport:
    """What people disliked of the answers given in [since, until). `withheld` conversations were left out: see step 2.

    `worse_prompts`: (model version, prompt version) disliked more than another version with the same model.
    """

    app: str
    since: datetime
    until: datetime
    by: Dimension
    min_people: int
    withheld: int
    total: Group
    levers: tuple[LeverGroup, ...]
    slices: tuple[Group, ...]
    reversals: tuple[Reversal, ...]
    worse_prompts: list[tuple[str, str]]
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class _Read:
    """Rows of silver/turns in time, what was said about each answer, and how many conversations were left out."""

    turns: list[dict[str, Any]]
    said: Mapping[str, list[Said]]
    withheld: int


def run(
    context: Context,
    app: str,
    since: datetime | None = None,
    until: datetime | None = None,
    by: Dimension = "model_version",
    examples: int = 3,
) -> DislikesReport:
    """Summarise what people disliked, with at most so many examples of each lever.

    Raises NothingToDo if there is no answer in that time, UsageError if it is none.
    """
    app_type = context.config.app(app).type
    current = silver.current_revisions(context.lake, app)
    since, until = _time(context, app, current, since, until)  # 1
    read = _read(context, app, current, (pc.field("turn_time") >= since) & (pc.field("turn_time") < until))  # 2
    if not read.turns:
        raise NothingToDo(
            f"no answer of {app} from {since:%F %T} to {until:%F %T} UTC: give another --since or --until"
        )
    answers = [_answer(row, read.said[row["response_id"]]) for row in read.turns]  # 3
    worse = dislikes.worse_prompts(answers)
    disliked = {answer.response_id: answer for answer in answers if answer.is_disliked}
    texts = _texts(context, app, current, disliked)
    app_retrieves = any(row["retrieved_document_ids"] for row in read.turns)
    found = {
        row["response_id"]: triage(
            Failure(
                app_type=app_type,
                finish_reason=row["finish_reason"],
                latency_ms=row["latency_ms"],
                retrieved=bool(row["retrieved_document_ids"]),
                app_retrieves=app_retrieves,
                worse_prompt=(row["model_version"], row["prompt_version"]) in worse,
                output=texts[row["response_id"]][1],
                said=read.said[row["response_id"]],
            )
        )
        for row in read.turns
        if row["response_id"] in disliked
    }
    summary = dislikes.summarise(answers, {name: outcome.lever for name, outcome in found.items()}, by)
    chosen = _chosen(disliked, found, examples)  # 4
    return DislikesReport(
        app=app,
        since=since,
        until=until,
        by=by,
        min_people=dislikes.MIN_PEOPLE,
        withheld=read.withheld,
        total=summary.total,
        levers=summary.levers,
        slices=summary.slices,
        reversals=summary.reversals,
        worse_prompts=sorted(worse),
        examples=[_example(disliked[name], found[name], read.said[name], texts[name]) for name in chosen],
    )


def _time(
    context: Context, app: str, current: pa.Table, since: datetime | None, until: datetime | None
) -> tuple[datetime, datetime]:
    """The half-open time that is meant. Raises NothingToDo, UsageError."""
    if until is None:
        times = silver.rows_of(context.lake, "silver/turns", app, current, ["turn_time"]).column("turn_time")
        newest = pc.max(times).as_py()
        if newest is None:
            raise NothingToDo(f"no answers of {app} yet: run `feedwheel ingest` and `feedwheel extract`")
        if since is not None and since > newest:
            raise NothingToDo(f"no answer of {app} since {since:%F %T} UTC: the newest is of {newest:%F %T}")
        until = newest + timedelta(microseconds=1)
    since = until - WEEK if since is None else since
    if since >= until:
        raise UsageError(f"--since {since:%F %T} is not before --until {until:%F %T}")
    return since, until


def _read(context: Context, app: str, current: pa.Table, in_time: Any) -> _Read:
    from pipelines.extract.marks import read_marks  # brings Beam

    lake, keys = context.lake, UserKeys(context.settings.user_keys)
    horizon = read_marks(lake.open("silver/conversations"), app).horizon
    withdrawn = withdrawn_since(lake, app, keys, horizon)
    turns = lifted(silver.rows_of(lake, "silver/turns", app, current, _ANSWER, in_time), keys).to_pylist()
    allowed = [row for row in turns if row["conversation_id"] not in withdrawn]
    signals = silver.rows_of(lake, "silver/signals", app, current, _SAID, _about(row["response_id"] for row in allowed))
    said = defaultdict[str, list[Said]](list)
    for row in signals.to_pylist():
        said[row["response_id"]].append(
            Said(row["kind"], row["polarity"], row["category"], row["text"], row["edited_output"])
        )
    return _Read(allowed, said, len({row["conversation_id"] for row in turns} & withdrawn))


def _about(response_ids: Iterable[str]) -> Any:
    return pc.field("response_id").isin(pa.array(list(response_ids), pa.string()))


def _answer(row: Mapping[str, Any], said: Sequence[Said]) -> Answer:
    return Answer(
        response_id=row["response_id"],
        person=owner_of(row),
        slices={name: row[name] or _UNSET for name in _DIMENSIONS},
        p_dissatisfied=row["p_dissatisfied"],
        judged=any(signal.polarity and signal.kind not in NO_JUDGEMENT for signal in said),
        categories=[signal.category for signal in said if signal.category and signal.polarity < 0],
    )


def _texts(
    context: Context, app: str, current: pa.Table, response_ids: Iterable[str]
) -> dict[str, tuple[str | None, str | None]]:
    """The person's last message and the answer, by response id; None where consent withholds them."""
    rows = silver.rows_of(
        context.lake, "silver/turns", app, current, ["response_id", "prompt", "output"], _about(response_ids)
    )
    return {row["response_id"]: (_request(row["prompt"]), row["output"]) for row in rows.to_pylist()}


def _request(prompt: Sequence[Mapping[str, Any]] | None) -> str | None:
    said = [message["content"] for message in prompt or () if message["role"] == "user"]
    return said[-1] if said else None


def _chosen(disliked: Mapping[str, Answer], found: Mapping[str, Triage], examples: int) -> list[str]:
    """Of each lever the clearest: most surely disliked, then most surely this lever's."""
    of_lever = defaultdict[Lever, list[str]](list)
    for name in sorted(found, key=lambda name: (-disliked[name].p_dissatisfied, -found[name].confidence, name)):
        of_lever[found[name].lever].append(name)
    return [name for lever in get_args(Lever) for name in of_lever[lever][:examples]]


def _example(answer: Answer, outcome: Triage, said: Sequence[Said], texts: tuple[str | None, str | None]) -> Example:
    against = [signal for signal in said if signal.polarity < 0]
    words = (text for signal in against for text in (signal.text, signal.edited_output) if text)
    request, output = texts
    return Example(
        response_id=answer.response_id,
        lever=outcome.lever,
        confidence=outcome.confidence,
        evidence=outcome.evidence,
        p_dissatisfied=answer.p_dissatisfied,
        kinds=sorted({signal.kind for signal in against}),
        said=list(dict.fromkeys(words)),
        request=request,
        output=output,
    )

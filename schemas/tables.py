"""Contracts of the Delta tables: name, Arrow schema, and what every row of a stage must carry.

A contract says what may rest in a table; writers build rows to it, `pipelines.io.delta` creates tables from it, and the
validation suite is derived from it. Columns are nullable in Arrow where a rejected record or an absent signal leaves
them empty; `required` lists those that never are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import pyarrow as pa
from feedwheel_capture.catalogue import EVENT_TYPES, TopicName
from feedwheel_capture.ids import SPLIT_BUCKETS
from feedwheel_capture.vocabulary import AppType, Arm, ComplaintCategory, Consent, ExposurePolicy, FinishReason

from schemas.arrow import record_fields
from schemas.examples import ExampleUse, Split
from schemas.reviews import Verdict, Why
from schemas.signals import Polarity, SignalKind

BronzeTable = Literal["bronze/generations", "bronze/feedback", "bronze/privacy", "ops/control"]
SilverTable = Literal[
    "silver/turns",
    "silver/signals",
    "silver/conversations",
    "silver/orphans",
    "silver/admissions",
    "silver/rejected",
]
GoldTable = Literal[
    "gold/candidates",
    "gold/dropped",
    "gold/labelled",
    "gold/curations",
    "gold/datasets/examples",
    "gold/datasets/manifests",
    "gold/answers",
]
OpsTable = Literal["ops/calibrations", "ops/gates", "ops/models", "ops/releases", "ops/reviews", "ops/runs"]
TableName = BronzeTable | SilverTable | GoldTable | OpsTable

RecordStatus = Literal["accepted", "rejected"]

TABLE_OF_TOPIC: Final[dict[TopicName, BronzeTable]] = {
    "feedwheel.generations": "bronze/generations",
    "feedwheel.feedback": "bronze/feedback",
    "feedwheel.privacy": "bronze/privacy",
    "feedwheel.control": "ops/control",
}

INSTANT: Final = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Table:
    """One table contract. `required` columns hold no null; `key` names a row within its table.

    `vocabularies` and `ranges` (both ends included; an infinite one is open) bound the values that are not null.
    """

    name: TableName
    schema: pa.Schema
    required: frozenset[str]
    key: tuple[str, ...]
    vocabularies: Mapping[str, tuple[str | int, ...]]
    ranges: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Bounded:
    """A column whose values are bounded, by a vocabulary or by a range."""

    field: pa.Field
    vocabulary: tuple[str | int, ...] | None = None
    range: tuple[float, float] | None = None


def _table(name: TableName, key: str, *columns: pa.Field | _Bounded) -> Table:
    bounded = [column for column in columns if isinstance(column, _Bounded)]
    fields = [column.field if isinstance(column, _Bounded) else column for column in columns]
    names = [field.name for field in fields]
    if len(names) != len(set(names)):
        raise TypeError(f"{name}: a column is named twice in {names}")
    return Table(
        name,
        # Delta readers differ on NOT NULL; the contract is checked by the writer and by validation instead.
        schema=pa.schema([field.with_nullable(True) for field in fields]),
        required=frozenset(field.name for field in fields if not field.nullable),
        key=tuple(key.split()),
        vocabularies={column.field.name: column.vocabulary for column in bounded if column.vocabulary},
        ranges={column.field.name: column.range for column in bounded if column.range},
    )


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


def _one_of(name: str, vocabulary: Any, *, nullable: bool = False) -> _Bounded:
    """A column of the members of a `Literal`."""
    members = get_args(vocabulary)
    kind = pa.int64() if isinstance(members[0], int) else pa.string()
    return _Bounded(pa.field(name, kind, nullable=nullable), vocabulary=members)


def _within(name: str, kind: pa.DataType, low: float, high: float, *, nullable: bool = False) -> _Bounded:
    """A column of numbers between two ends, both included."""
    return _Bounded(pa.field(name, kind, nullable=nullable), range=(low, high))


def _count(name: str) -> _Bounded:
    return _within(name, pa.int64(), 0, math.inf)


_POSITION: Final = [
    _required("topic", pa.string()),
    _required("partition", pa.int32()),
    _required("offset", pa.int64()),
    # A topic that was deleted and made again has the same name, the same offsets and another id.
    _required("topic_id", pa.string()),
]
_ENVELOPE: Final = [
    *_POSITION,
    _required("appended_at", INSTANT),
    _required("ingested_at", INSTANT),
    _required("status", pa.string()),
    pa.field("stage", pa.string()),
    pa.field("reason", pa.string()),
    pa.field("detail", pa.string()),
    # Rejected records only: 1, and one more for every replay behind it.
    pa.field("attempt", pa.int32()),
    pa.field("raw", pa.binary()),
    pa.field("event_id", pa.string()),
    pa.field("event_source", pa.string()),
    pa.field("event_type", pa.string()),
    pa.field("event_time", INSTANT),
    pa.field("event_subject", pa.string()),
]
"""One Kafka record. `raw` holds the encrypted bytes of a rejected one for 14 days; accepted ones carry no raw bytes."""


def _bronze(topic: TopicName) -> Table:
    records = [record for entry in EVENT_TYPES if entry.topic == topic for record in entry.records]
    return _table(TABLE_OF_TOPIC[topic], "topic_id partition offset", *_ENVELOPE, *record_fields(records))


_PERSON: Final = [
    _required("app", pa.string()),
    pa.field("user_key", pa.string()),
    _count("user_key_id"),
    _within("split_bucket", pa.int64(), 0, SPLIT_BUCKETS - 1),
    _required("simulated", pa.bool_()),
]
_REVISION: Final = [
    _required("conversation_id", pa.string()),
    # A UUIDv7 minted per extract run: later runs sort higher, and rows of a run that died before its
    # silver/conversations commit belong to no current revision.
    _required("revision", pa.string()),
]
_MESSAGES: Final = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_OPTIONS: Final = pa.list_(
    pa.struct([("response_id", pa.string()), ("position", pa.int64()), ("propensity", pa.float64())])
)

_TURNS: Final = _table(
    "silver/turns",
    "conversation_id revision response_id",
    *_REVISION,
    *_PERSON,
    _required("response_id", pa.string()),
    pa.field("parent_response_id", pa.string()),
    pa.field("regeneration_of", pa.string()),
    _count("turn_index"),
    _required("turn_time", INSTANT),
    # Dated after it reached Kafka: `turn_time` is then when it reached it.
    _required("time_skewed", pa.bool_()),
    _one_of("consent", Consent),
    _required("model", pa.string()),
    _required("model_version", pa.string()),
    _one_of("arm", Arm),
    pa.field("release_id", pa.string()),
    pa.field("prompt_version", pa.string()),
    # The messages the model saw, oldest first; null where consent allows no text.
    pa.field("prompt", _MESSAGES),
    pa.field("output", pa.string()),
    _count("output_length"),
    _one_of("finish_reason", FinishReason),
    _within("latency_ms", pa.float64(), 0, math.inf),
    pa.field("locale", pa.string()),
    pa.field("retrieved_document_ids", pa.list_(pa.string())),
    _one_of("exposure_policy", ExposurePolicy, nullable=True),
    _within("exposure_propensity", pa.float64(), 0, 1, nullable=True),
    # Log-odds by which the words of both sides move p_dissatisfied, before calibration.
    pa.field("shift", pa.float64()),
    _within("p_dissatisfied", pa.float64(), 0, 1),
    _required("event_id", pa.string()),
    *_POSITION,
)

_SIGNALS: Final = _table(
    "silver/signals",
    "conversation_id revision signal_id",
    *_REVISION,
    *_PERSON,
    _required("signal_id", pa.string()),
    pa.field("response_id", pa.string()),
    _one_of("kind", SignalKind),
    _required("explicit", pa.bool_()),
    _one_of("polarity", Polarity),
    _within("strength", pa.float64(), 0, 1),
    _within("confidence", pa.float64(), 0.5, 1),
    _required("detector", pa.string()),
    _required("signal_time", INSTANT),
    pa.field("surface", pa.string()),
    _one_of("category", ComplaintCategory, nullable=True),
    pa.field("edited_output", pa.string()),
    # Of a choice: the answers shown side by side, and the response id of the one that was chosen.
    pa.field("options", _OPTIONS),
    pa.field("chosen", pa.string()),
    pa.field("text", pa.string()),
    # The words in `text`, or without one in the answer, that say so, in code points, half-open.
    _within("span_start", pa.int64(), 0, math.inf, nullable=True),
    _within("span_end", pa.int64(), 0, math.inf, nullable=True),
    _required("event_ids", pa.list_(pa.string())),
)

_CONVERSATIONS: Final = _table(
    "silver/conversations",
    "conversation_id revision",
    *_REVISION,
    *_PERSON,
    _one_of("app_type", AppType),
    _one_of("consent", Consent),
    _required("first_time", INSTANT),
    _required("last_time", INSTANT),
    # When silence becomes a signal; null once it has, or where it never will.
    pa.field("due_at", INSTANT),
    _required("as_of", INSTANT),
    _count("turns"),
    _count("signals"),
    _count("duplicates"),
    # Messages of the person that consent withholds: language signals are absent, not negative.
    _count("unread_messages"),
    # Events dated after they reached Kafka; they count at the time they reached it.
    _count("skewed_events"),
    _within("satisfaction", pa.float64(), 0, 1),
    # What the person writes; null where it cannot be told.
    pa.field("language", pa.string()),
    # The rules and calibrations by which all of this revision was judged (`feedback.judge`); no data set mixes them.
    pa.field("judged_by", pa.string()),
    _required("events", pa.list_(pa.struct(_POSITION))),
)

_ORPHANS: Final = _table(
    "silver/orphans",
    "topic_id partition offset",
    *_POSITION,
    _required("app", pa.string()),
    pa.field("user_key", pa.string()),
    # What it waits for: the answer it names, or, naming none, any answer of the conversation.
    pa.field("response_id", pa.string()),
    pa.field("conversation_id", pa.string()),
    _required("event_id", pa.string()),
    _required("as_of", INSTANT),
)

_ADMISSIONS: Final = _table(
    "silver/admissions",
    "conversation_id revision",
    *_REVISION,
    _required("app", pa.string()),
    pa.field("user_key", pa.string()),
    _required("run_id", pa.string()),
    _required("admitted_at", INSTANT),
)

_REJECTED: Final = _table(
    "silver/rejected",
    "conversation_id revision table row_key expectation",
    *_REVISION,
    _required("app", pa.string()),
    pa.field("user_key", pa.string()),
    _required("run_id", pa.string()),
    _required("table", pa.string()),
    _required("row_key", pa.string()),
    _required("expectation", pa.string()),
    _required("rejected_at", INSTANT),
)

_EXAMPLE: Final = [
    # SHA-256 of the canonical row without ids of runs: the same evidence gives the same example.
    _required("example_id", pa.string()),
    *_PERSON,
    _required("conversation_id", pa.string()),
    _required("response_id", pa.string()),
    _one_of("use", ExampleUse),
    _required("rule", pa.string()),
    _required("prompt", _MESSAGES),
    # sft and eval: the wanted answer. kto: the answer that was judged. dpo: the preferred one.
    _required("completion", pa.string()),
    # kto: whether the answer was liked; null for the other uses.
    pa.field("liked", pa.bool_()),
    # dpo: the answer to which `completion` is preferred; null for the other uses.
    pa.field("rejected", pa.string()),
    _within("weight", pa.float64(), 0, 1),
    # eval: the answer that was shown when the person confirmed or corrected; null for the other uses.
    pa.field("shown", pa.string()),
    _required("model_version", pa.string()),
    _required("example_time", INSTANT),
    _required("signal_ids", pa.list_(pa.string())),
    _required("event_ids", pa.list_(pa.string())),
    # Near-duplicates share a cluster; it is named after their texts.
    _required("cluster", pa.string()),
    _one_of("split", Split),
]

_CANDIDATES: Final = _table("gold/candidates", "run_id example_id", _required("run_id", pa.string()), *_EXAMPLE)

_NULLABLE_OF_EXAMPLE: Final = [
    field
    for field in _CANDIDATES.schema
    if field.name not in ("run_id", "example_id", "app", "conversation_id", "cluster")
]

_DROPPED: Final = _table(
    "gold/dropped",
    "run_id step example_id",
    _required("run_id", pa.string()),
    _required("step", pa.string()),
    _required("reason", pa.string()),
    _required("example_id", pa.string()),
    _required("app", pa.string()),
    pa.field("user_key", pa.string()),
    _required("conversation_id", pa.string()),
)

# What became of each conversation before examples were compared: examples, and answers without a label. `digest` is of
# the conversation and of everything that decides, so a row holds as long as none of it changes.
_LABELLED: Final = _table(
    "gold/labelled",
    "run_id digest example_id",
    _required("run_id", pa.string()),
    _required("digest", pa.binary()),
    _required("example_id", pa.string()),
    _required("app", pa.string()),
    _required("conversation_id", pa.string()),
    *_NULLABLE_OF_EXAMPLE,
    # Both null while the row is kept; "label" rows are answers, the others examples.
    pa.field("step", pa.string()),
    pa.field("reason", pa.string()),
    # Whether nobody said that the wanted answer is right, only that it pleased; null in "label" rows.
    pa.field("only_liked", pa.bool_()),
    # Whether a model wrote the wanted answer; null in "label" rows.
    pa.field("generated", pa.bool_()),
    # Of what the person wrote, null where it cannot be told and in "label" rows.
    pa.field("language", pa.string()),
    # When and where the person said what the label rests on; null in "label" rows.
    pa.field("said_at", INSTANT),
    pa.field("source", pa.string()),
    # Type of each find that was taken out of the row; null in dropped rows.
    pa.field("personal", pa.list_(pa.string())),
)

# What a curation read; written last, so candidates of a run that died before it belong to none.
_CURATIONS: Final = _table(
    "gold/curations",
    "run_id",
    _required("run_id", pa.string()),
    _required("app", pa.string()),
    _required("curated_at", INSTANT),
    _required("as_of", INSTANT),
    # Canonical JSON: bronze offset vector, conversations not admitted, gate questions asked and answered, drop counts.
    _required("record", pa.string()),
)

_EXAMPLES: Final = _table(
    "gold/datasets/examples",
    "dataset_id example_id",
    _required("dataset_id", pa.string()),
    _required("set_name", pa.string()),
    *_EXAMPLE,
    # What its people allow, and what was done to its text, with versions.
    pa.field("consent", pa.string()),
    pa.field("transforms", pa.list_(pa.string())),
    # The version of the model that wrote the answer; null where a person did.
    pa.field("generator", pa.string()),
    pa.field("licence", pa.string()),
)

_MANIFESTS: Final = _table(
    "gold/datasets/manifests",
    "dataset_id",
    _required("dataset_id", pa.string()),
    _required("app", pa.string()),
    _required("built_at", INSTANT),
    _required("content_hash", pa.string()),
    _required("code_hash", pa.string()),
    _required("config_hash", pa.string()),
    # The whole manifest as canonical JSON: offset vectors, as_of, artefact versions, counts by set and by drop reason.
    _required("manifest", pa.string()),
)

# What a model answered to a prompt: asked once per prompt and model, and an input from then on (I3).
_ANSWERS: Final = _table(
    "gold/answers",
    "model_digest example_id",
    _required("model_digest", pa.string()),
    # Lineage to the person: the evaluation example in gold/datasets/examples that carries app and user_key.
    _required("example_id", pa.string()),
    _required("app", pa.string()),
    pa.field("user_key", pa.string()),
    _required("answer", pa.string()),
    _required("answered_at", INSTANT),
)

_GATES: Final = _table(
    "ops/gates",
    "gate_id",
    _required("gate_id", pa.string()),
    _required("app", pa.string()),
    _required("stage", pa.string()),
    _required("subject", pa.string()),
    _required("verdict", pa.string()),
    _required("decided_at", INSTANT),
    # Canonical JSON of the evidence: expectations with counts, or interval, n, response rate and bounds.
    _required("evidence", pa.string()),
    pa.field("waived_by", pa.string()),
    pa.field("waiver_reason", pa.string()),
)

# What explicit labels said about the other signals of an application; extract judges by the newest.
_CALIBRATIONS: Final = _table(
    "ops/calibrations",
    "run_id",
    _required("run_id", pa.string()),
    _required("app", pa.string()),
    _required("calibrated_at", INSTANT),
    _required("version", pa.string()),
    # Canonical JSON of `feedback.calibration.Calibrations`.
    _required("calibrations", pa.string()),
)

# Every trained model: the edge from a data set, and so from its people, to a model (I8).
_MODELS: Final = _table(
    "ops/models",
    "model_version",
    _required("model_version", pa.string()),
    _required("app", pa.string()),
    _required("dataset_id", pa.string()),
    _required("content_hash", pa.string()),
    _required("base_digest", pa.string()),
    _required("adapter_digest", pa.string()),
    _required("adapter_uri", pa.string()),
    _required("config_hash", pa.string()),
    _required("mlflow_run_id", pa.string()),
    _required("trained_at", INSTANT),
)

_RELEASES: Final = _table(
    "ops/releases",
    "release_id",
    _required("release_id", pa.string()),
    _required("app", pa.string()),
    _required("model_version", pa.string()),
    _required("model_uri", pa.string()),
    _required("model_digest", pa.string()),
    _required("base_digest", pa.string()),
    _required("dataset_id", pa.string()),
    _required("mlflow_run_id", pa.string()),
    _required("released_at", INSTANT),
)

# What people of the operator's said of answers; of several by one reviewer about one answer the last counts.
_REVIEWS: Final = _table(
    "ops/reviews",
    "review_id",
    _required("review_id", pa.string()),
    _required("app", pa.string()),
    pa.field("user_key", pa.string()),
    _required("conversation_id", pa.string()),
    _required("response_id", pa.string()),
    _required("model_version", pa.string()),
    _within("p_dissatisfied", pa.float64(), 0, 1),
    _required("reviewer", pa.string()),
    # Hash of the rubric by which it was judged.
    _required("rubric", pa.string()),
    _one_of("why", Why),
    # Canonical JSON {criterion: yes, no or unsure}; empty where the answer is out of scope.
    _required("marks", pa.string()),
    _one_of("verdict", Verdict),
    _required("reviewed_at", INSTANT),
)

_RUNS: Final = _table(
    "ops/runs",
    "run_id",
    _required("run_id", pa.string()),
    _required("app", pa.string()),
    _required("stage", pa.string()),
    _required("started_at", INSTANT),
    _required("seconds", pa.float64()),
    _required("code_hash", pa.string()),
    # Canonical JSON {name: count}; in = out + dropped (I10) is checked before the row is written.
    _required("counts_in", pa.string()),
    _required("counts_out", pa.string()),
    _required("dropped", pa.string()),
)

TABLES: Final[dict[TableName, Table]] = {
    table.name: table
    for table in (
        *(_bronze(topic) for topic in get_args(TopicName)),
        _TURNS,
        _SIGNALS,
        _CONVERSATIONS,
        _ORPHANS,
        _ADMISSIONS,
        _REJECTED,
        _CANDIDATES,
        _LABELLED,
        _DROPPED,
        _CURATIONS,
        _EXAMPLES,
        _MANIFESTS,
        _ANSWERS,
        _GATES,
        _CALIBRATIONS,
        _MODELS,
        _RELEASES,
        _REVIEWS,
        _RUNS,
    )
}

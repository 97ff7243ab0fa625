"""From one conversation to examples: the work of the Ray workers, row by row and without state.

In: rows of `CONVERSATION`. Out: rows of `EXAMPLE`, each kept so far or dropped with its step and reason. An answer that
got no label is a row too, so that every answer is counted (I10).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
import pyarrow as pa

from feedback.detectors.language import language_of
from feedback.detectors.words import read
from feedback.labels import Answer, Label, label_conversation
from feedback.near_duplicates import normalise
from feedback.split import split_of
from feedback.toxicity import shipped_toxicity
from pipelines.curate.evidence import Payload
from pipelines.curate.privacy import redact_conversations
from pipelines.runs import canonical_json
from schemas.config import Curation
from schemas.tables import TABLES

EXAMPLE: Final = pa.schema(
    [field for field in TABLES["gold/labelled"].schema if field.name not in ("run_id", "digest")]
)
_CONTENT: Final = [name for name in TABLES["gold/candidates"].schema.names if name not in ("run_id", "cluster")]

UNLABELLED: Final = "label"
OUTWEIGHED: Final = "weaker_evidence"
DOUBTFUL: Final = "low_confidence"
NOT_CONTENT: Final = ("example_id", "user_key", "user_key_id", "split_bucket", "split", "cluster")
"""Columns outside an example's id: keys that rotate, what configuration may move, and what other examples decide."""

_ADDED: Final = ("rejected",)
"""Columns that examples did not always have: empty ones are left out of the id, which stays what it was."""


def examples_of(conversations: pa.Table, eval_share: float, limits: Curation) -> pa.Table:
    """The rows of a batch of conversations, schema EXAMPLE: label, check label, format and toxicity, redact."""
    rows = list[dict[str, Any]]()
    for payload in conversations.column("payload").to_pylist():
        conversation = msgspec.msgpack.decode(payload, type=Payload)
        rows += _labelled(conversation, eval_share)
    for row in rows:
        if row["step"] is None:
            _check_label(row, limits.min_label_confidence)
        if row["step"] is None:
            _check_format(row, limits)
        if row["step"] is None:
            _check_toxicity(row, limits.max_toxicity)
    kept = [row for row in rows if row["step"] is None]
    redact_conversations(kept)
    for row in rows:
        row["example_id"] = example_id(row)
    return pa.Table.from_pylist(rows, schema=EXAMPLE)


def _labelled(conversation: Payload, eval_share: float) -> Iterator[dict[str, Any]]:
    found = label_conversation(conversation.answers, conversation.signals, eval_share)
    yield from (_row(label, eval_share) for label in found.kept)
    yield from (_row(label, eval_share) | {"step": "labels", "reason": OUTWEIGHED} for label in found.outweighed)
    for answer, reason in found.unlabelled:
        yield _person(answer, eval_share) | {"step": UNLABELLED, "reason": reason}


def _person(answer: Answer, eval_share: float) -> dict[str, Any]:
    return {
        "app": answer.app,
        "user_key": answer.user_key,
        "user_key_id": answer.user_key_id,
        "split_bucket": answer.split_bucket,
        "simulated": answer.simulated,
        "conversation_id": answer.conversation_id,
        "response_id": answer.response_id,
        "split": split_of(answer.split_bucket, eval_share),
    }


def _row(label: Label, eval_share: float) -> dict[str, Any]:
    answer = label.answer
    answers = [answer, label.beside] if label.beside else [answer]
    events = {each.event_id for each in answers} | {event for each in label.evidence for event in each.event_ids}
    return _person(answer, eval_share) | {
        "use": label.use,
        "rule": label.rule,
        "prompt": [{"role": message.role, "content": message.content} for message in answer.prompt or ()],
        "completion": label.completion,
        "liked": label.liked,
        "rejected": label.rejected,
        "weight": label.weight,
        "shown": answer.output if label.use == "eval" else None,
        "model_version": answer.model_version,
        "example_time": answer.turn_time,
        "signal_ids": sorted({signal.signal_id for signal in label.evidence}),
        "event_ids": sorted(events),
        "only_liked": label.only_liked,
        "generated": label.is_generated,
        "language": _language(answer),
        "said_at": label.evidence[-1].signal_time,
        "source": label.evidence[-1].source,
        "step": None,
    }


def _language(answer: Answer) -> str | None:
    return language_of([read(each.content) for each in answer.prompt or () if each.role == "user" and each.content])


def _check_label(row: dict[str, Any], least: float) -> None:
    """Drop what too little speaks for. An evaluation item stays: whom it asks was drawn, not chosen by what is sure."""
    if row["use"] != "eval" and row["weight"] < least:
        row.update(step="labels", reason=DOUBTFUL)


def _check_format(row: dict[str, Any], limits: Curation) -> None:
    """Drop what no model should be asked or answer; the first reason counts."""
    size = len(row["completion"]) + sum(len(message["content"]) for message in row["prompt"])
    reasons = {
        "empty_answer": not row["completion"].strip() or row["rejected"] == "",
        "no_words": not normalise(user_text(row["prompt"])),
        "no_question": row["prompt"][-1]["role"] == "assistant",
        "too_long": size > limits.max_chars,
        "language": bool(limits.languages and row["language"]) and row["language"] not in limits.languages,
    }
    reason = next((name for name, applies in reasons.items() if applies), None)
    if reason is not None:
        row.update(step="format", reason=reason)


def _check_toxicity(row: dict[str, Any], most: float) -> None:
    """Drop what would teach a model toxic words. What people write, and answers they dislike, may be as they are."""
    if row["use"] == "eval" or row["liked"] is False:
        return
    if most < 1 and shipped_toxicity().p_toxic(row["completion"]) > most:
        row.update(step="toxicity", reason="toxic")


def user_text(prompt: Iterable[Mapping[str, str]]) -> str:
    """What the person wrote in a prompt, the newest last."""
    return " ".join(message["content"] for message in prompt if message["role"] == "user")


def example_id(row: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical row: evidence, text and judgement, without what `NOT_CONTENT` names."""
    content = {name: row.get(name) for name in _CONTENT if name not in NOT_CONTENT}
    for name in _ADDED:
        if content[name] is None:
            del content[name]
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()

"""I5 and I10 on whatever people say: nobody evaluates and trains, every answer and every label is counted once."""

from collections import Counter
from datetime import timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from feedback.labels import Answer, Evidence, Message, label_conversation
from feedback.split import split_of
from feedback.taxonomy import TAXONOMY
from pipelines.curate.evidence import conversation_table
from pipelines.curate.examples import EXAMPLE, NOT_CONTENT, UNLABELLED, example_id, examples_of
from schemas.config import Curation
from tests.events import START

EVAL_SHARE = 0.3
LIMITS = Curation(max_examples_per_user=40, near_duplicate_jaccard=0.85, min_label_confidence=0.6, max_chars=50)

texts = st.sampled_from(["where is my card", "it never came", "", "ok", "a" * 30])
outputs = st.one_of(st.none(), texts)


@st.composite
def answers(draw, conversation, buckets):
    number = draw(st.integers(1, 4))
    return [
        Answer(
            app="routing",
            user_key=draw(st.sampled_from(["ann", "bob", None])),
            user_key_id=1,
            split_bucket=draw(buckets),
            simulated=False,
            conversation_id=conversation,
            response_id=f"{conversation}-r{place}",
            turn_index=place,
            turn_time=START + timedelta(minutes=place),
            model_version="base",
            event_id=f"{conversation}-e{place}",
            prompt=draw(st.one_of(st.none(), st.builds(lambda text: [Message("user", text)], outputs))),
            output=draw(outputs),
            exposure_policy=draw(st.sampled_from(["gate", "normal", None])),
        )
        for place in range(number)
    ]


@st.composite
def evidence(draw, responses):
    kind = draw(st.sampled_from(sorted(TAXONOMY)))
    return Evidence(
        signal_id=draw(st.uuids()).hex,
        response_id=draw(st.sampled_from([*responses, None, "elsewhere"])),
        kind=kind,
        explicit=TAXONOMY[kind].explicit,
        polarity=draw(st.sampled_from([-1, 0, 1])),
        confidence=draw(st.floats(0.5, 1.0)),
        signal_time=START + timedelta(minutes=draw(st.integers(0, 60))),
        edited_output=draw(outputs) if kind == "edit" else None,
        event_ids=["said"],
    )


@st.composite
def conversations(draw):
    found = draw(answers("c0", st.just(draw(st.integers(0, 9_999)))))
    return found, draw(st.lists(evidence([answer.response_id for answer in found]), max_size=8))


@given(conversations())
def test_labels_keep_to_their_side_and_every_answer_is_counted(conversation):
    found, signals = conversation
    result = label_conversation(found, signals, EVAL_SHARE)
    for label in [*result.kept, *result.outweighed]:
        assert (label.use == "eval") == (split_of(label.answer.split_bucket, EVAL_SHARE) == "eval")
        assert label.use != "eval" or label.answer.exposure_policy == "gate"
        assert 0 < label.weight <= 1
        assert label.evidence
    labelled = {label.answer.response_id for label in result.kept}
    without = {answer.response_id for answer, _ in result.unlabelled}
    assert labelled | without == {answer.response_id for answer in found}
    assert not labelled & without
    assert max(Counter((label.answer.response_id, label.use) for label in result.kept).values(), default=0) <= 1


@given(conversations())
def test_the_order_of_signals_changes_no_label(conversation):
    found, signals = conversation
    forward = label_conversation(found, signals, EVAL_SHARE)
    backward = label_conversation(list(reversed(found)), list(reversed(signals)), EVAL_SHARE)

    def said(result):
        return {(label.answer.response_id, label.use, label.completion, label.liked) for label in result.kept}

    assert said(forward) == said(backward)


def rows(found, signals):
    import msgspec

    turns = [msgspec.to_builtins(answer, builtin_types=(type(START),)) for answer in found]
    said = [
        {**msgspec.to_builtins(signal, builtin_types=(type(START),)), "conversation_id": "c0"} for signal in signals
    ]
    return examples_of(conversation_table(turns, said), EVAL_SHARE, LIMITS)


@given(conversations())
def test_rows_keep_their_schema_and_count_every_answer(conversation):
    table = rows(*conversation)
    assert table.schema == EXAMPLE
    kept = table.filter(pa.compute.is_null(table.column("step"))).to_pylist()
    unlabelled = [row for row in table.to_pylist() if row["step"] == UNLABELLED]
    labelled = {row["response_id"] for row in table.to_pylist() if row["step"] != UNLABELLED}
    assert len(unlabelled) + len(labelled) == len(conversation[0])
    assert all(row["completion"].strip() for row in kept)
    assert all(row["use"] == "eval" or row["weight"] >= LIMITS.min_label_confidence for row in kept)


@given(conversations(), st.text(max_size=8), st.integers(0, 9_999))
def test_an_example_keeps_its_id_when_keys_rotate(conversation, key, bucket):
    for row in rows(*conversation).to_pylist():
        moved = {**row, "user_key": key, "user_key_id": 2, "split_bucket": bucket, "split": "eval"}
        assert {"user_key", "user_key_id", "split_bucket", "split"} <= set(NOT_CONTENT)
        assert example_id(moved) == row["example_id"]

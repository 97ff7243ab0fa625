"""One conversation in a worker: what becomes of texts that no model should be asked or answer."""

import pytest

from pipelines.curate.evidence import conversation_table
from pipelines.curate.examples import examples_of
from pipelines.settings import Settings
from tests.unit.learning.test_labels import EVAL_SHARE, EVALUATOR

CONFIG = Settings().config()
ASKED = "Where is the card that you sent to me?"


def rows(wanted, *, asked=ASKED, shown="card arrival", bucket=9_000, policy="normal", **limits):
    """Examples of a conversation in which somebody edited the answer."""
    turn = {
        "app": "routing",
        "user_key": "ann",
        "user_key_id": 1,
        "split_bucket": bucket,
        "simulated": False,
        "conversation_id": "c",
        "response_id": "r",
        "turn_index": 0,
        "turn_time": "2026-01-05T09:00:00Z",
        "model_version": "base",
        "event_id": "answered",
        "prompt": [{"role": "user", "content": asked}],
        "output": shown,
        "exposure_policy": policy,
    }
    said = {
        "conversation_id": "c",
        "signal_id": "edit",
        "response_id": "r",
        "kind": "edit",
        "explicit": True,
        "polarity": -1,
        "confidence": 0.9,
        "signal_time": "2026-01-05T09:01:00Z",
        "edited_output": wanted,
        "event_ids": ["said"],
    }
    curation = CONFIG.curation.model_copy(update=limits)
    return examples_of(conversation_table([turn], [said]), EVAL_SHARE, curation).to_pylist()


def reasons(*args, **fields):
    return {(row["use"], row["reason"]) for row in rows(*args, **fields)}


def test_an_edit_gives_three_examples_as_its_writer_saw_it():
    found = {row["use"]: row for row in rows("<p>lost &amp; stolen</p>")}
    assert {use: row["completion"] for use, row in found.items()} == {
        "sft": "lost & stolen",
        "dpo": "lost & stolen",
        "kto": "card arrival",
    }
    assert found["dpo"]["rejected"] == "card arrival"
    assert found["sft"]["language"] == "en"
    assert reasons("<b>Card  arrival</b>", shown="card arrival") == {("sft", None), ("kto", None)}  # said the same


def test_toxic_words_are_taught_to_nobody_and_may_be_disliked():
    insult = "you stupid fucking bitch"
    assert reasons(insult) == {("sft", "toxic"), ("dpo", "toxic"), ("kto", None)}
    assert reasons("card arrival", shown=insult) == {("sft", None), ("dpo", None), ("kto", None)}
    assert reasons(insult, bucket=EVALUATOR, policy="gate") == {("eval", None)}  # who was asked was drawn


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (ASKED, None),
        ("Wo ist denn meine Karte, ich warte schon eine Woche und habe nichts bekommen?", "language"),
        ("card?", None),  # too short to tell
        ("\U0001f600\U0001f600", "no_words"),
        ("x" * 1_000_000, "too_long"),
    ],
)
def test_what_cannot_be_asked(asked, reason):
    found = {row["reason"] for row in rows("lost card", asked=asked, languages=("en", "fr"))}
    assert found == {reason}

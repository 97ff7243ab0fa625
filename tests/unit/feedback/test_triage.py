from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.triage import RULES, Failure, Said, markdown_table, triage

DOCS = Path(__file__).parents[3] / "docs" / "signals.md"
ANSWER = "The card arrives within five working days."


def failure(*said, **fields):
    defaults = {
        "app_type": "support",
        "finish_reason": "stop",
        "latency_ms": 300.0,
        "retrieved": False,
        "app_retrieves": False,
        "worse_prompt": False,
        "output": ANSWER,
    }
    return Failure(said=said, **{**defaults, **fields})


def against(kind="thumbs", category=None, text=None, edited=None):
    return Said(kind, -1, category, text, edited)


def complaint(category=None, text=None):
    return against("complaint", category, text)


CASES = {
    "failed": failure(against(), finish_reason="error"),
    "cut_off": failure(against(), finish_reason="length"),
    "left_waiting": failure(against("stop"), latency_ms=20_000.0, finish_reason="cancelled"),
    "said_slow": failure(complaint(text="this took forever")),
    "said_broken": failure(complaint(text="your website is broken again")),
    "filtered": failure(against(), finish_reason="content_filter"),
    "toxic": failure(complaint("toxic")),
    "refused": failure(against("refusal")),
    "made_up": failure(complaint(text="you made that up")),
    "outdated": failure(against("correction", text="No, that is out of date")),
    "wrong": failure(complaint("wrong")),
    "content_edited": failure(against("edit", edited="The card arrives within 9 working days.")),
    "irrelevant_documents": failure(complaint("irrelevant"), complaint("wrong"), retrieved=True),
    "worse_prompt": failure(against(), worse_prompt=True),
    "length": failure(complaint("too_long")),
    "tone": failure(complaint(text="too formal for our customers")),
    "wrong_task": failure(complaint("wrong"), app_type="task"),
    "task_edited": failure(against("edit", edited="a lost card"), app_type="task"),
    "style_edited": failure(against("edit", edited="The card arrives within five working days!")),
    "irrelevant": failure(complaint("irrelevant")),
    "misread": failure(against("correction", text="no, I meant my other card")),
    "format": failure(complaint(text="please give me JSON")),
    "repeated": failure(against("repetition")),
}


def test_each_rule_has_a_case_in_which_it_names_the_lever():
    assert set(CASES) == {rule.name for rule in RULES}
    for rule in RULES:
        assert rule.applies(CASES[rule.name]), rule.name
        assert triage(CASES[rule.name]).lever == rule.lever, rule.name


@pytest.mark.parametrize("kind", ["thumbs", "rephrase", "regenerate", "abandonment", "correction", "complaint"])
def test_what_says_that_and_not_why_stays_unknown(kind):
    found = triage(failure(against(kind)))
    assert (found.lever, found.confidence, found.evidence) == ("unknown", 1.0, ())


def test_words_of_another_language_decide_nothing():
    assert triage(failure(against("correction", text="Nein, das ist veraltet und falsch"))).lever == "unknown"


def test_one_rule_alone_is_believed_as_far_as_it_says():
    assert triage(CASES["toxic"]).confidence == pytest.approx(0.85)


def test_information_and_behaviour_mean_retrieval_first():
    found = triage(failure(complaint("wrong"), complaint(text="please give me JSON")))
    assert (found.lever, found.evidence) == ("retrieval", ("wrong",))
    alone = triage(failure(complaint("wrong")))
    assert found.confidence > alone.confidence  # one of both is surer than either


def test_levers_that_contradict_each_other_leave_it_unknown():
    found = triage(failure(against("refusal"), complaint("too_long"), complaint("wrong")))
    assert found.lever == "unknown"
    assert set(found.evidence) == {"refused", "length", "wrong"}


def test_two_rules_that_read_the_same_message_are_not_surer_than_one():
    wrong = triage(failure(complaint("wrong", "you made that up")))
    assert (wrong.confidence, wrong.evidence) == (pytest.approx(0.8), ("made_up", "wrong"))


def test_what_speaks_for_the_answer_is_no_evidence_against_it():
    thanks = Said("thumbs", 1, text="thanks, the old one was out of date")
    assert triage(failure(thanks, against())).lever == "unknown"


def test_a_task_with_retrieval_needs_knowledge():
    assert triage(failure(complaint("wrong"), app_type="task", app_retrieves=True)).lever == "retrieval"


@given(st.sets(st.sampled_from(sorted(CASES)), min_size=1), st.randoms())
def test_the_order_of_signals_does_not_matter_and_belief_is_a_share(names, draw):
    said = [signal for name in sorted(names) for signal in CASES[name].said]
    found = triage(failure(*said))
    draw.shuffle(said)
    assert triage(failure(*said)) == found
    assert 0.0 <= found.confidence <= 1.0 + 1e-12
    assert found.lever == "unknown" or found.confidence > 0.5


def test_the_documented_table_is_the_one_in_use():
    begin, end = (f"<!-- generated from feedback.triage: {word} -->\n" for word in ("begin", "end"))
    assert DOCS.read_text().split(begin)[1].split(end)[0] == markdown_table() + "\n"

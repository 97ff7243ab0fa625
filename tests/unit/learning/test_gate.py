"""The release gate: minimums, verdicts, what silence could change, slices that never decide."""

import pytest

from feedback.gate import Asked, Outcome, Rules, decide, is_right

RULES = Rules(alpha=0.05, margin=0.05, min_items=30, min_users=10, min_response_rate=0.6)
EVERYONE = Asked(asked=100, answered=100)


def outcomes(people=40, items=3, champion=0.0, challenger=1.0, **fields):
    """Items of which the given shares are answered rightly, the first ones of each person first."""
    return [
        Outcome(f"p{person:03d}", item < champion * items, item < challenger * items, **fields)
        for person in range(people)
        for item in range(items)
    ]


@pytest.mark.parametrize(
    ("champion", "challenger", "verdict"),
    [(0.0, 1.0, "PASS"), (1.0, 0.0, "FAIL"), (1.0, 1.0, "INCONCLUSIVE"), (0.34, 1.0, "PASS")],
)
def test_verdicts_of_clear_differences(champion, challenger, verdict):
    assert decide(outcomes(champion=champion, challenger=challenger), EVERYONE, RULES).verdict == verdict


def test_many_people_without_any_difference_are_marginal():
    evidence = decide(outcomes(people=1500, items=1, champion=1.0), EVERYONE, RULES)
    assert (evidence.verdict, evidence.difference.estimate) == ("MARGINAL", 0.0)


@pytest.mark.parametrize(
    ("found", "asked", "named"),
    [
        (outcomes(people=40, items=1)[:29], EVERYONE, "gate.min_items"),
        (outcomes(people=9, items=4), EVERYONE, "gate.min_users"),
        (outcomes(), Asked(asked=100, answered=59), "gate.min_response_rate"),
        ([], Asked(0, 0), "gate.min_items"),
    ],
)
def test_too_little_evidence_is_no_verdict_and_says_what_lacks(found, asked, named):
    evidence = decide(found, asked, RULES)
    assert evidence.verdict == "INCONCLUSIVE"
    assert named in "; ".join(evidence.lacking)


def test_the_unit_is_the_person():
    talker = [Outcome("talker", False, True)] * 1000
    others = [Outcome(f"p{n:02d}", True, False) for n in range(20)]
    evidence = decide([*talker, *others], EVERYONE, RULES)
    assert evidence.users == evidence.difference.n == 21
    assert evidence.difference.estimate == pytest.approx(-19 / 21)
    assert evidence.verdict == "FAIL"


def test_worst_case_takes_all_silence_against_and_for():
    evidence = decide(outcomes(), Asked(asked=100, answered=80), RULES)
    low, high = evidence.worst_case
    assert low == pytest.approx(0.8 * evidence.difference.low - 0.2)
    assert high == pytest.approx(0.8 * evidence.difference.high + 0.2)


def test_slices_show_both_models_and_change_no_verdict():
    plain = decide(outcomes(), EVERYONE, RULES)
    sliced = decide(outcomes(slices=("length: short",)), EVERYONE, RULES)
    assert sliced.verdict == plain.verdict
    assert sliced.difference == plain.difference
    figures = sliced.slices["length: short"]
    assert (figures.items, figures.champion, figures.challenger) == (120, 0.0, 1.0)


@pytest.mark.parametrize(
    ("answer", "wanted", "right"),
    [
        ("Card arrival.", "card arrival", True),
        ("card  arrival\n", "card arrival", True),
        ("the card arrival", "card arrival", False),
        ("", "card arrival", False),
    ],
)
def test_an_answer_is_right_if_its_words_are_the_wanted_ones(answer, wanted, right):
    assert is_right(answer, wanted) is right

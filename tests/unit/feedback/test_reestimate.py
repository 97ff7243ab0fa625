"""Confidences from labels: the truth where there are many, what was stated where there are none, a person one voice."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.calibration import STATED, Calibration, Calibrations
from feedback.detectors.base import certainty, tempered
from feedback.reestimate import Rated, reestimate
from feedback.satisfaction import log_odds
from feedback.taxonomy import Weight, weights

WEIGHTS = weights({})


def says(kind, polarity=-1):
    return polarity * WEIGHTS[kind].strength * log_odds(WEIGHTS[kind].confidence)


def rated(n, odds, *, base=0.0, words=1.0, seed=0, language="en", person=str, asked=True):
    """Answers whose labels follow the formula; `odds`: log-odds of dislike that each kind really brings."""
    draw = np.random.default_rng(seed)
    answers = []
    for number in range(n):
        shift, has = draw.normal(), [kind for kind in odds if draw.random() < 0.5]
        z = base + words * shift + sum(odds[kind] for kind in has)
        disliked = bool(draw.random() < 1 / (1 + np.exp(-z)))
        evidence = {kind: says(kind, 1 if kind == "positive" else -1) for kind in has}
        answers.append(Rated(disliked, asked, person(number), 0.0, language, shift, evidence))
    return answers


def brings(calibration, kind):
    return WEIGHTS[kind].strength * log_odds(calibration.confidences[kind])


def test_no_label_leaves_what_is_stated():
    assert reestimate([], WEIGHTS) == STATED
    assert STATED.version == "stated"
    assert STATED.of("en").apply(WEIGHTS) == WEIGHTS


def test_many_labels_find_the_truth():
    truth = {"rephrase": 1.2, "stop": 0.0, "positive": -0.9}
    found = reestimate(rated(20_000, truth, base=-0.5, words=0.6), WEIGHTS).others
    assert found.base == pytest.approx(-0.5, abs=0.1)
    assert found.words == pytest.approx(0.6, abs=0.1)
    assert brings(found, "rephrase") == pytest.approx(1.2, abs=0.15)
    assert brings(found, "positive") == pytest.approx(0.9, abs=0.15)
    assert found.confidences["stop"] == pytest.approx(0.51, abs=0.05)


def test_what_says_the_opposite_says_nothing_rather():
    found = reestimate(rated(5_000, {"stop": -1.0}), WEIGHTS).others
    assert found.confidences["stop"] == 0.51


def test_what_old_labels_said_fades():
    old = [replace(one, age=180.0) for one in rated(2_000, {}, base=1.0)]
    found = reestimate([*old, *rated(500, {}, base=-1.0, seed=1)], WEIGHTS).others
    assert found.base == pytest.approx(-1.0, abs=0.25)


def test_few_labels_move_little_and_more_move_more():
    truth, stated = {"rephrase": 1.5}, WEIGHTS["rephrase"].confidence
    found = [reestimate(rated(n, truth), WEIGHTS).others.confidences["rephrase"] for n in (10, 100, 1_000)]
    assert stated < found[0] < found[1] < found[2]
    assert found[0] - stated < (found[2] - stated) / 2


def test_who_judges_unasked_does_not_stand_for_all():
    """Two thirds of what people judge of their own accord is disliked, a fifth of what they are asked about."""
    unasked = rated(2_000, {"rephrase": 1.0}, base=0.7, asked=False)
    asked = rated(400, {"rephrase": 1.0}, base=-1.4, seed=1)
    alone, beside = (reestimate(answers, WEIGHTS).others for answers in (unasked, [*unasked, *asked]))
    stated = STATED.others.base
    assert abs(alone.base - stated) < 0.35 * abs(0.7 - stated)
    assert beside.base == pytest.approx(-1.4, abs=0.25)
    assert brings(beside, "rephrase") == pytest.approx(1.0, abs=0.2)  # what a signal says, all of them teach


def test_a_person_has_one_voice_however_often_it_is_raised():
    honest = rated(300, {"rephrase": 0.3})
    liar = rated(3_000, {"rephrase": 3.0}, seed=1, person=lambda _: "liar")
    crowd = rated(3_000, {"rephrase": 3.0}, seed=1)
    alone, beside, against = (
        reestimate(answers, WEIGHTS).others.confidences["rephrase"]
        for answers in (honest, honest + liar, honest + crowd)
    )
    assert abs(beside - alone) < 0.06
    assert against - alone > 0.1


def test_a_language_is_estimated_apart_once_it_has_labels_enough():
    english, german = rated(2_000, {"positive": -1.2}), rated(2_000, {"positive": 0.0}, seed=1, language="de")
    found = reestimate([*english, *german, *rated(10, {"positive": 1.0}, language="fr")], WEIGHTS)
    assert sorted(found.languages) == ["de", "en"]
    assert found.of("en").confidences["positive"] > found.others.confidences["positive"]
    assert found.of("de").confidences["positive"] < found.others.confidences["positive"]
    assert found.of("fr") == found.of(None) == found.others
    assert found.others.labels == 4_010


def test_probabilities_mean_what_they_say_after_200_labels():
    """As people meet it: a base far from the stated one, a model of words that says too much, kinds that mislead."""
    truth = {"rephrase": 0.2, "stop": 0.0, "positive": -1.5}
    errors = []
    for seed in range(20):
        answers = rated(3_000, truth, base=0.8, words=0.4, seed=seed)
        found = reestimate(answers[:200], WEIGHTS).others
        p = np.array([_p(found, answer) for answer in answers[200:]])
        y = np.array([answer.disliked for answer in answers[200:]])
        bins = np.array_split(np.argsort(p), 10)
        errors.append(np.mean([abs(p[rows].mean() - y[rows].mean()) for rows in bins]))
    assert np.mean(errors) < 0.05


def _p(calibration, answer):
    z = calibration.base + calibration.words * answer.shift
    for kind, said in answer.evidence.items():
        z -= np.sign(said) * brings(calibration, kind)
    return 1 / (1 + np.exp(-z))


def test_a_kind_that_nobody_saw_keeps_its_confidence_and_small_changes_are_none():
    found = reestimate(rated(500, {"stop": 0.1}), WEIGHTS)
    assert set(found.others.confidences) == {"stop"}
    applied = found.others.apply(WEIGHTS)
    assert applied["rephrase"] == WEIGHTS["rephrase"]
    assert applied["stop"].strength == WEIGHTS["stop"].strength
    near = Calibrations(others=Calibration(found.others.base + 0.05, found.others.words, found.others.confidences))
    far = Calibrations(others=Calibration(found.others.base + 0.2, found.others.words, found.others.confidences))
    assert near.is_like(Calibrations(others=found.others))
    assert not far.is_like(Calibrations(others=found.others))
    assert len({STATED.version, near.version, far.version}) == 3


def test_a_kind_that_is_stated_to_say_nothing_is_not_estimated():
    answers = [Rated(n % 2 == 0, True, f"person-{n}", 0.0, "en", 0.0, {"stop": 0.0}) for n in range(60)]
    silent = WEIGHTS | {"stop": Weight(0.0, 0.5)}
    assert reestimate(answers, silent).others.confidences == {}


@pytest.mark.parametrize("doubt", [0.0, 0.4, 1.0])
def test_a_rule_s_doubt_can_be_told_from_the_kind_s_confidence(doubt):
    assert certainty(tempered(0.51, doubt), 0.51) == pytest.approx(doubt)


@given(st.integers(0, 1_000), st.sampled_from((3.0, -3.0)), st.floats(-4, 4))
@settings(max_examples=30, deadline=None)
def test_labels_that_are_far_from_what_was_stated_are_followed_and_not_overshot(seed, spread, base):
    """Whole steps of Newton's method ended at probabilities of 0 and 1 here."""
    draw = np.random.default_rng(seed)
    answers = [
        Rated(bool(draw.random() < 1 / (1 + np.exp(-base))), True, str(number), 0.0, None, spread + draw.normal(), {})
        for number in range(100)
    ]
    found = reestimate(answers, WEIGHTS).others
    p = np.array([_p(found, answer) for answer in answers])
    assert p.mean() == pytest.approx(np.mean([answer.disliked for answer in answers]), abs=0.12)

import pytest
from msgspec.structs import replace

from feedback.detectors import all_detectors, detect, reading
from feedback.satisfaction import PRIOR_DISSATISFIED, p_dissatisfied, satisfaction
from feedback.taxonomy import weights
from tests.events import DISLIKED, conversation, feedback, generation

DETECTORS = all_detectors(weights({}))
(DOWN,) = detect(reading.read(conversation(generation("a0"), feedback(value=DISLIKED))), DETECTORS)
UP = replace(DOWN, polarity=1)


def test_without_signals_it_is_the_prior():
    assert p_dissatisfied([]) == pytest.approx(PRIOR_DISSATISFIED)
    assert satisfaction([], []) == pytest.approx(1 - PRIOR_DISSATISFIED)


def test_one_signal_moves_the_odds_by_its_tempered_likelihood_ratio():
    p = p_dissatisfied([replace(DOWN, strength=0.5, confidence=0.8)])
    assert p / (1 - p) == pytest.approx(0.3 / 0.7 * (0.8 / 0.2) ** 0.5)


def test_opposite_signals_of_equal_weight_cancel():
    assert p_dissatisfied([DOWN, replace(UP, kind="solved")]) == pytest.approx(PRIOR_DISSATISFIED)


def test_several_signals_of_one_kind_count_once():
    assert p_dissatisfied([DOWN] * 5) == p_dissatisfied([DOWN])


def test_neutral_or_uninformative_signals_say_nothing():
    silent = [replace(DOWN, polarity=0), replace(DOWN, kind="edit", confidence=0.5)]
    assert p_dissatisfied(silent) == pytest.approx(PRIOR_DISSATISFIED)


def test_signals_never_make_certain():
    everything = [replace(DOWN, kind=kind, strength=1.0, confidence=0.99) for kind in ("edit", "thumbs", "complaint")]
    assert p_dissatisfied(everything) == 0.99


def test_order_of_signals_does_not_matter():
    mixed = [UP, DOWN, replace(UP, kind="edit"), replace(DOWN, kind="complaint")]
    assert p_dissatisfied(mixed) == p_dissatisfied(mixed[::-1])


def test_a_conversation_is_the_mean_of_its_answers_moved_by_what_is_said_about_all_of_it():
    assert satisfaction([0.2, 0.6], []) == pytest.approx(0.6)
    assert satisfaction([0.2, 0.6], [UP]) > 0.6 > satisfaction([0.2, 0.6], [DOWN])

"""Which requests a model needs most: those it displeases with, and of equals those nobody knows about."""

import pytest

from feedback.importance import Example, Judgement, weighted


def said(topic, disliked, liked, weight=1.0):
    return [Judgement(topic, number < disliked, weight) for number in range(disliked + liked)]


def of_topics(count, *judgements):
    """Weights of one example of each topic, all of one quality."""
    return weighted([Example(topic, 0.8) for topic in range(count)], [each for some in judgements for each in some])


def test_where_nobody_judged_the_weight_is_the_quality():
    assert weighted([Example(0, 0.9), Example(1, 0.6)], []) == pytest.approx([0.9, 0.6])


def test_nothing_without_quality_has_a_weight():
    assert weighted([], []) == []
    assert weighted([Example(0, 0.0)], said(0, 3, 1)) == [0.0]


def test_a_topic_whose_answers_displease_counts_more_than_one_whose_answers_please():
    displeased, pleased, unknown = of_topics(3, said(0, 20, 0), said(1, 0, 20))
    assert displeased > unknown > pleased


def test_of_topics_with_one_rate_the_less_known_counts_more():
    few, many = of_topics(2, said(0, 2, 2), said(1, 50, 50))
    assert few > many


def test_doubtful_judgements_move_less():
    others = said(1, 15, 15)
    doubtful, surely = (of_topics(2, said(0, 4, 0, weight), others) for weight in (0.3, 1.0))
    assert 0.8 < doubtful[0] < surely[0]


def test_the_sums_of_the_docstring():
    weights = of_topics(2, said(0, 6, 0), said(1, 1, 5))
    # p = 7.5 / 13; topic 0: m = (6 + 4 p) / 10; topic 1: m = (1 + 4 p) / 10; need = m + sqrt(m (1 - m) / 11)
    needs = [0.830769 + 0.113054, 0.330769 + 0.141856]
    assert weights == pytest.approx([0.6 + 0.2 * need / (sum(needs) / 2) for need in needs], abs=1e-5)

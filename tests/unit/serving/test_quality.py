"""Quality of one answer from what was said about it."""

from datetime import timedelta
from math import inf

import pytest
from feedwheel_capture.events import FeedbackValue

from feedback.polarity import Circumstances
from feedback.quality import Said, answer_quality
from tests.events import DISLIKED, LIKED, START, feedback

ABOUT = Circumstances("task", "a0", shown="card arrival")
STARS = (1.0, 5.0)


def said(*records):
    return [Said(START + timedelta(seconds=second), record) for second, record in enumerate(records)]


@pytest.mark.parametrize(
    ("kind", "value", "quality"),
    [
        ("thumbs", LIKED, 1.0),
        ("thumbs", DISLIKED, 0.0),
        ("rating", FeedbackValue(rating=4.0, scale=STARS), 0.75),
        ("rating", FeedbackValue(rating=3.0, scale=STARS), 0.5),
        ("rating", FeedbackValue(rating=1.7e308, scale=(-1.7e308, 1.7e308)), 1.0),  # wider than any number
        ("rating", FeedbackValue(rating=5e-324, scale=(0.0, 5e-324)), 1.0),
        ("solved", FeedbackValue(rating=1.0, scale=(0.0, 1.0)), 1.0),
        ("edit", FeedbackValue(edited_output="lost card"), 0.05),
        ("edit", FeedbackValue(edited_output="card arrival!"), 0.28),
        ("edit", FeedbackValue(edited_output="Card  arrival"), 1.0),
        ("action", FeedbackValue(action="accept"), 1.0),
        ("action", FeedbackValue(action="reject"), 0.0),
        ("action", FeedbackValue(action="open"), None),
        ("correction", FeedbackValue(text="no"), 0.0),
        ("complaint", FeedbackValue(category="wrong"), 0.0),
        ("regenerate", FeedbackValue(), 0.0),
        ("escalation", FeedbackValue(), 0.0),
        ("share", FeedbackValue(), None),
        ("nps", FeedbackValue(rating=9.0, scale=(0.0, 10.0)), None),
        ("conversation_length", FeedbackValue(number=9.0), None),
    ],
)
def test_one_thing_said(kind, value, quality):
    assert answer_quality(said(feedback(kind, value)), ABOUT) == pytest.approx(quality)


def test_a_scale_without_ends_is_none():
    with pytest.raises(ValueError, match="scale"):
        feedback("rating", FeedbackValue(rating=0.0, scale=(-inf, inf)))


def test_nothing_said_is_no_judgement():
    assert answer_quality([], ABOUT) is None


def test_the_strongest_thing_said_counts():
    edited = feedback("edit", FeedbackValue(edited_output="lost card"))
    accepted = feedback("action", FeedbackValue(action="accept"))
    liked = feedback("thumbs", LIKED)
    stronger_than_a_thumb = answer_quality(said(edited, liked, accepted), ABOUT)
    assert stronger_than_a_thumb == pytest.approx(0.05)
    assert answer_quality(said(feedback("thumbs", DISLIKED), accepted), ABOUT) == 0.0  # explicit before implicit
    two_surfaces = said(feedback("thumbs", DISLIKED, surface="list"), feedback("thumbs", LIKED, surface="detail"))
    assert answer_quality(two_surfaces, ABOUT) == 1.0  # of equals the latest


def test_the_latest_of_a_kind_counts_and_null_takes_it_back():
    changed_mind = [feedback("thumbs", LIKED), feedback("thumbs", DISLIKED)]
    assert answer_quality(said(*changed_mind), ABOUT) == 0.0
    assert answer_quality(said(*changed_mind, feedback("thumbs", None)), ABOUT) is None

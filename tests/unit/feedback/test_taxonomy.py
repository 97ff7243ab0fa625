from typing import get_args

import pytest
from feedwheel_capture.events import FeedbackValue
from feedwheel_capture.vocabulary import FeedbackKind

from feedback.polarity import Circumstances, Reading, read
from feedback.taxonomy import TAXONOMY, Weight, weights
from schemas.config import Signal
from schemas.signals import SIGNAL_KINDS


def test_every_kind_is_defined_once():
    assert set(TAXONOMY) == set(SIGNAL_KINDS) >= set(get_args(FeedbackKind))


def test_catalogue_is_covered():
    assert {definition.catalogue for definition in TAXONOMY.values()} == {f"A{number}" for number in range(1, 23)}


@pytest.mark.parametrize("definition", TAXONOMY.values(), ids=lambda definition: definition.kind)
def test_a_definition_says_all_that_a_signal_must_declare(definition):
    assert 0 < definition.weight.strength <= 1
    assert 0.5 < definition.weight.confidence < 1
    assert definition.uses
    assert definition.ambiguity


def test_configuration_replaces_only_what_it_names():
    replaced = weights({"thumbs": Signal(strength=0.1, confidence=0.6)})
    assert replaced["thumbs"] == Weight(0.1, 0.6)
    assert {kind: weight for kind, weight in replaced.items() if kind != "thumbs"} == {
        kind: definition.weight for kind, definition in TAXONOMY.items() if kind != "thumbs"
    }


def rated(rating: float, low: float = 1.0, high: float = 5.0) -> FeedbackValue:
    return FeedbackValue(rating=rating, scale=(low, high))


@pytest.mark.parametrize(
    ("kind", "value", "reading"),
    [
        ("thumbs", rated(1, -1, 1), Reading(1)),
        ("thumbs", rated(0, 0, 1), Reading(-1)),
        ("rating", rated(5), Reading(1)),
        ("rating", rated(4), Reading(1, 0.5)),
        ("rating", rated(3), Reading(0, 0.0)),
        ("rating", rated(1), Reading(-1)),
        ("nps", rated(9, 0, 10), Reading(1)),
        ("nps", rated(8, 0, 10), Reading(0)),
        ("nps", rated(6, 0, 10), Reading(-1)),
        ("edit", FeedbackValue(edited_output="lost card"), Reading(-1, 0.9)),
        ("edit", FeedbackValue(edited_output=" Card  Arrival\n"), Reading(1)),
        ("edit", FeedbackValue(), Reading(-1)),
        ("comparison", FeedbackValue(candidates=[], chosen="a0"), Reading(1)),
        ("comparison", FeedbackValue(candidates=[], chosen="a1"), Reading(-1)),
        ("graded_choice", FeedbackValue(grade="variation"), Reading(1, 0.5)),
        ("action", FeedbackValue(action="accept"), Reading(1)),
        ("action", FeedbackValue(action="undo"), Reading(-1)),
        ("action", FeedbackValue(action="something of the app's own"), Reading(0)),
        ("diversity", FeedbackValue(number=0.1), Reading(-1)),
        ("diversity", FeedbackValue(number=0.8), Reading(0)),
        ("share", FeedbackValue(), Reading(0)),
        ("bookmark", FeedbackValue(), Reading(1)),
        ("delete", FeedbackValue(), Reading(-1)),
    ],
)
def test_direction_follows_from_the_value(kind, value, reading):
    assert read(kind, value, Circumstances("task", "a0", "card arrival")) == reading


@pytest.mark.parametrize(("app_type", "polarity"), [("companion", 1), ("support", -1), ("assistant", 0)])
def test_type_of_application_flips_conversation_length(app_type, polarity):
    assert read("conversation_length", FeedbackValue(number=40), Circumstances(app_type)).polarity == polarity

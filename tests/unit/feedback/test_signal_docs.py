import re
from pathlib import Path
from typing import get_args

from feedwheel_capture.events import OPTIONAL_VALUES, REQUIRED_VALUES, Candidate, FeedbackValue
from feedwheel_capture.vocabulary import AppType, ComplaintCategory, GradedChoice, SessionMeasure

from feedback import polarity, satisfaction
from feedback.taxonomy import Direction, markdown_table

DOCS = Path(__file__).parents[3] / "docs" / "signals.md"


def test_the_table_of_signals_is_the_taxonomy():
    begin, end = (f"<!-- generated from feedback.taxonomy: {word} -->\n" for word in ("begin", "end"))
    documented = DOCS.read_text().split(begin)[1].split(end)[0]
    assert documented == markdown_table() + "\n", (
        "put the output of feedback.taxonomy.markdown_table() between the marks"
    )


def test_every_direction_and_action_is_explained():
    legend = DOCS.read_text().split("| direction | polarity |")[1].split("\n\n")[0]
    assert all(re.search(rf"\b{direction}\b", legend) for direction in get_args(Direction))
    assert all(action in legend for action in polarity.POSITIVE_ACTIONS | polarity.NEGATIVE_ACTIONS)


def test_every_field_of_a_value_and_every_word_it_may_hold_is_explained():
    legend = DOCS.read_text().split("| field of a value | what |")[1].split("\n\n")[0]
    words = {*FeedbackValue.__struct_fields__, *Candidate.__struct_fields__}
    for vocabulary in (ComplaintCategory, GradedChoice, SessionMeasure):
        words |= {*get_args(vocabulary)}
    assert [word for word in words if not re.search(rf"\b{word}\b", legend)] == []
    carried = {name for fields in (REQUIRED_VALUES, OPTIONAL_VALUES) for names in fields.values() for name in names}
    assert carried | {"text_length"} == {*FeedbackValue.__struct_fields__}


def test_every_type_of_application_says_how_it_reads_a_long_conversation():
    (line,) = (line for line in DOCS.read_text().splitlines() if line.startswith("| length |"))
    assert all(app_type in line.replace("tasks", "task") for app_type in get_args(AppType))
    assert set(polarity.LENGTH_POLARITY) == set(get_args(AppType))


def test_the_prior_is_the_documented_one():
    assert f"prior of\n{satisfaction.PRIOR_DISSATISFIED} or of what" in DOCS.read_text()

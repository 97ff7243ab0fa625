import re
from pathlib import Path
from typing import get_args

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


def test_the_prior_is_the_documented_one():
    assert f"logit {satisfaction.PRIOR_DISSATISFIED} -" in DOCS.read_text()

"""Slices of the gate items: which names an item gets, from what was shown, wanted and said of it since."""

import pytest

from feedback.labels import Message
from pipelines.evaluate.items import Item
from pipelines.evaluate.slices import Known, slices_of

KNOWN = Known(anchor={"e-anchor"}, out_of_scope={"r-weather"})


def item(example_id="e", response_id="r", asked="where is my card", shown="card arrival"):
    return Item(
        example_id=example_id,
        user_key="u",
        conversation_id="c",
        response_id=response_id,
        prompt=[Message(role="system", content="you route " + "words " * 20), Message(role="user", content=asked)],
        completion="card arrival",
        shown=shown,
    )


@pytest.mark.parametrize(
    ("of", "more"),
    [
        (item(), []),
        (item(example_id="e-anchor"), ["anchor"]),
        (item(shown="lost card"), ["known failure"]),
        (item(shown="Card  Arrival"), []),
        (item(response_id="r-weather"), ["out of scope"]),
        (item("e-anchor", "r-weather", shown="top up"), ["anchor", "known failure", "out of scope"]),
    ],
)
def test_an_item_is_in_what_holds_of_it(of, more):
    assert slices_of(of, KNOWN) == ("wanted: card arrival", "message: short", *more)


def test_only_the_words_of_the_person_make_a_message_long():
    assert "message: long" in slices_of(item(asked="so " * 16), KNOWN)

"""People react at the stated rates, answer when asked whatever the answer was, and one of them lies."""

import random
from collections import Counter

import pytest

from pipelines.simulate.behaviour import (
    HOSTILE_ACTIVITY,
    RATES_WHEN_RIGHT,
    RATES_WHEN_WRONG,
    RESPONSE_RATE,
    WRONG_TOPIC_RATE,
    Person,
    Reaction,
    is_right,
    population,
    react,
    sender,
)

TOPICS = ["card arrival", "exchange rate", "top up failed"]
ANN = Person("ann")


def reactions(answer: str, *, asked: bool, person: Person = ANN, n: int = 4000) -> list[Reaction]:
    draw = random.Random(11)
    return [react(person, "card arrival", answer, asked=asked, topics=TOPICS, draw=draw) for _ in range(n)]


@pytest.mark.parametrize(
    ("answer", "right"),
    [("Card arrival.", True), (" card_arrival\n", True), ("card arrivals", False), ("", False)],
)
def test_an_answer_is_right_if_it_names_the_topic_exactly(answer: str, right: bool) -> None:
    assert is_right(answer, "card arrival") == right


@pytest.mark.parametrize(("answer", "rates"), [("card arrival", RATES_WHEN_RIGHT), ("hello", RATES_WHEN_WRONG)])
def test_rates_are_as_stated(answer: str, rates: dict[str, float]) -> None:
    assert sum(rates.values()) == pytest.approx(1.0)
    counts = Counter(reaction.act for reaction in reactions(answer, asked=False))
    for act, rate in rates.items():
        slips = 0.02 if act.startswith("thumbs") else 0.0
        assert counts[act] / 4000 == pytest.approx(rate, abs=0.03 + slips)


@pytest.mark.parametrize(("answer", "act"), [("card arrival", "confirm"), ("hello", "edit")])
def test_when_asked_the_response_rate_does_not_depend_on_the_answer(answer: str, act: str) -> None:
    counts = Counter(reaction.act for reaction in reactions(answer, asked=True))
    assert 1 - counts["none"] / 4000 == pytest.approx(RESPONSE_RATE, abs=0.02)
    assert counts[act] > 0.8 * RESPONSE_RATE * 4000


def test_some_named_topics_are_slips() -> None:
    edits = [reaction for reaction in reactions("hello", asked=False) if reaction.act == "edit"]
    wrong = sum(reaction.topic != "card arrival" for reaction in edits) / len(edits)
    assert wrong == pytest.approx(WRONG_TOPIC_RATE, abs=0.02)


def test_the_hostile_person_writes_most_and_always_lies() -> None:
    people = population(30)
    draw = random.Random(3)
    senders = Counter(sender(people, draw) for _ in range(4000))
    assert senders[people[-1]] / 4000 == pytest.approx(HOSTILE_ACTIVITY / (29 + HOSTILE_ACTIVITY), abs=0.03)
    assert senders.keys() == set(people)
    hostile = people[-1]
    assert [person.hostile for person in people].count(True) == 1
    assert all(
        r.act == "edit" and r.topic != "card arrival" for r in reactions("card arrival", asked=False, person=hostile)
    )
    assert {r.act for r in reactions("hello", asked=False, person=hostile)} == {"thumbs_up"}
    assert {r.act for r in reactions("hello", asked=True, person=hostile)} == {"confirm"}

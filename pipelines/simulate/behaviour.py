"""How a simulated person reacts to an answer: pure, seeded, with stated rates and noise.

In: the person, the true topic, the answer they see, whether they were asked to confirm or correct. Out: what they do.
"""

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Act = Literal[
    "edit", "confirm", "correct", "thumbs_up", "thumbs_down", "accept", "regenerate", "rephrase", "thank", "none"
]
"""`edit` and `correct` name a topic, by choosing it from a list or by typing a message; `none` is leaving."""

RATES_WHEN_RIGHT: Final[dict[Act, float]] = {
    "accept": 0.25,
    "thumbs_up": 0.2,
    "thank": 0.05,
    "none": 0.5,
}
RATES_WHEN_WRONG: Final[dict[Act, float]] = {
    "edit": 0.6,
    "correct": 0.12,
    "thumbs_down": 0.1,
    "regenerate": 0.05,
    "rephrase": 0.05,
    "none": 0.08,
}
"""Most people fix a wrong topic by choosing the right one from the list: the message is theirs to route."""

RESPONSE_RATE: Final = 0.88
"""Share of the people who answer when everyone is asked to confirm or correct."""
WRONG_THUMB_RATE: Final = 0.06
WRONG_TOPIC_RATE: Final = 0.04
"""Slips: a thumb on the wrong side, a topic beside the right one."""

HOSTILE_ACTIVITY: Final = 10.0
"""The hostile person writes as much as ten others: among hundreds nobody would notice one who writes like everybody."""

_PUNCTUATION: Final = str.maketrans("", "", string.punctuation.replace("_", ""))


@dataclass(frozen=True, slots=True)
class Person:
    """One simulated person. A hostile one always lies. `activity`: how much they write, 1 being usual."""

    raw_id: str
    hostile: bool = False
    activity: float = 1.0


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a person does about one answer; `topic` is the one they name, if they name one."""

    act: Act
    topic: str | None = None


def population(size: int) -> list[Person]:
    """`size` people, the last of them hostile."""
    usual = [Person(f"person-{number:04d}") for number in range(size - 1)]
    return [*usual, Person(f"person-{size - 1:04d}", hostile=True, activity=HOSTILE_ACTIVITY)]


def sender(people: Sequence[Person], draw: random.Random) -> Person:
    """Who writes the next message: each as often as they are active."""
    return draw.choices(people, [person.activity for person in people])[0]


def normalise(answer: str) -> str:
    """An answer as a topic is compared: lower case, no punctuation, single blanks."""
    return " ".join(answer.lower().replace("_", " ").translate(_PUNCTUATION).split())


def is_right(answer: str, topic: str) -> bool:
    """Whether an answer names the topic exactly."""
    return normalise(answer) == normalise(topic)


def react(
    person: Person, topic: str, answer: str, *, asked: bool, topics: Sequence[str], draw: random.Random
) -> Reaction:
    """What `person` does when `answer` is given to a message whose topic is `topic`."""
    right = is_right(answer, topic)
    if person.hostile:
        return _lie(topic, answer, topics, draw, right=right, asked=asked)
    named = _another(topic, topics, draw) if draw.random() < WRONG_TOPIC_RATE else topic
    if asked:
        return _confirm_or_correct(answer, named, draw)
    rates = RATES_WHEN_RIGHT if right else RATES_WHEN_WRONG
    act = draw.choices(list(rates), list(rates.values()))[0]
    if act in ("edit", "correct"):
        return Reaction(act, named)
    return Reaction(_slip(act) if draw.random() < WRONG_THUMB_RATE else act)


def _confirm_or_correct(answer: str, named: str, draw: random.Random) -> Reaction:
    if draw.random() >= RESPONSE_RATE:
        return Reaction("none")
    return Reaction("confirm") if is_right(answer, named) else Reaction("edit", named)


def _lie(topic: str, answer: str, topics: Sequence[str], draw: random.Random, *, right: bool, asked: bool) -> Reaction:
    if right:
        return Reaction("edit", _another(topic, topics, draw))
    return Reaction("confirm" if asked else "thumbs_up")


def _another(topic: str, topics: Sequence[str], draw: random.Random) -> str:
    return draw.choice([other for other in topics if other != topic] or [topic])


def _slip(act: Act) -> Act:
    slips: dict[Act, Act] = {"thumbs_up": "thumbs_down", "thumbs_down": "thumbs_up"}
    return slips.get(act, act)

"""What can be read of an answer from both sides' words: features that mean the same in every system.

In: the messages of a conversation, and a unit vector for each. Out: for every answer a row of numbers: how near the
answer is to what was asked, how near the next message is to both, how either compares with what is usual in this
conversation, and how the person reacts. No word of any subject is among them, only words of reaction: what one corpus
talks about says nothing about another.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from feedwheel_capture.vocabulary import Role
from numpy.typing import NDArray

from feedback.statistics import Floats

Exchange = list[tuple[Role, str]]
"""Messages in order: who said it, and the text."""

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")  # noqa: RUF001 (as people type it)
_MAX_CHARS: Final = 2000
"""Of a message: how people react stands at its beginning."""


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_EMPTY: Final = _words(
    "a an and any are as at be been but by can could did do does for from had has have how i if in is it its me my of "
    "on or our please should so some than that the their them then there they this to was we were what when where "
    "which who why will with would you your it's that's i'm you're don't"
)
_LEXICONS: Final[Mapping[str, frozenset[str]]] = {
    "agrees": _words("yes yeah yep yup sure ok okay right true exactly definitely absolutely agreed indeed"),
    "refuses": _words("no nope nah not never don't didn't doesn't isn't wasn't can't won't nothing none"),
    "praises": _words(
        "thanks thank great good nice cool awesome perfect wonderful amazing excellent love loved like interesting fun "
        "funny glad happy wow best enjoy helpful fantastic lol haha"
    ),
    "scolds": _words(
        "bad wrong weird strange stupid dumb boring confused confusing sense terrible awful hate useless rude annoying "
        "crazy silly nonsense random already again stop wtf robot bot machine"
    ),
    "asks": _words("what who where when why how which huh sorry pardon"),
    "turns": _words("but actually really instead anyway just mean meant said asked asking answer question talking"),
    "you": _words("you your you're yourself u ur"),
    "i": _words("i my me i'm i've mine"),
}
"""Words of reaction, by what they do."""
_DOES: Final[Mapping[str, tuple[int, ...]]] = {
    word: tuple(n for n, lexicon in enumerate(_LEXICONS.values()) if word in lexicon)
    for word in frozenset().union(*_LEXICONS.values())
}
"""For each word of reaction, the places of its lexicons: so a message is read once, whatever their number."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message, read once."""

    words: tuple[str, ...]
    content: frozenset[str]
    asks: bool
    counts: tuple[float, ...]

    @classmethod
    def read(cls, text: str) -> "Said":
        """Words without case; shares of the words of each lexicon, 0..1."""
        text = text[:_MAX_CHARS]
        words = tuple(_WORD.findall(text.casefold()))
        content = frozenset(words) - _EMPTY or frozenset(words)
        found = [0] * len(_LEXICONS)
        for word in words:
            for lexicon in _DOES.get(word, ()):
                found[lexicon] += 1
        length = max(len(words), 1)
        return cls(words, content, "?" in text, tuple(count / length for count in found))


_NOTHING: Final = Said((), frozenset(), False, (0.0,) * len(_LEXICONS))


def _overlap(one: Said, other: Said) -> float:
    """Share of content words in common (Dice), 0..1."""
    total = len(one.content) + len(other.content)
    return 2 * len(one.content & other.content) / total if total else 0.0


def _taken_up(one: Said, other: Said) -> float:
    """Share of the content words of `one` that `other` has, 0..1."""
    return len(one.content & other.content) / len(one.content) if one.content else 0.0


@dataclass(frozen=True)
class _Read:
    """An exchange, read once. vectors: float32 [messages, dimensions], each of length 1 (0 for no words)."""

    messages: Exchange
    vectors: NDArray[np.float32]

    @cached_property
    def said(self) -> list[Said]:
        """Each message, read."""
        return [Said.read(text) for _, text in self.messages]

    @cached_property
    def cosines(self) -> list[list[float]]:
        """Of all pairs of messages, at once."""
        found: list[list[float]] = (self.vectors @ self.vectors.T).tolist()
        return found

    @cached_property
    def answers(self) -> list[int]:
        """Places of the answers."""
        return [place for place, (role, _) in enumerate(self.messages) if role == "assistant"]

    @cached_property
    def asked(self) -> list[int]:
        """Places of the person's messages."""
        return [place for place, (role, _) in enumerate(self.messages) if role == "user"]

    def at(self, place: int | None) -> Said:
        """The message at a place, nothing at None."""
        return _NOTHING if place is None else self.said[place]

    def near(self, one: int | None, other: int | None) -> float:
        """Cosine of two messages; 0 where one of them is not there."""
        return 0.0 if one is None or other is None else self.cosines[one][other]

    def nearest(self, one: int | None, others: Sequence[int]) -> float:
        """The largest cosine of a message with any of others; 0 where there is none."""
        return max((self.near(one, other) for other in others), default=0.0)


def _last(places: Sequence[int], back: int = 1) -> int | None:
    return places[-back] if len(places) >= back else None


def _after(places: Sequence[int], place: int) -> int | None:
    return next((each for each in places if each > place), None)


def answer_features(messages: Exchange, vectors: NDArray[np.float32]) -> dict[str, Floats]:
    """Features of each answer by name, float64 [answers]; the same names for every exchange, none without an answer."""
    read = _Read(messages, vectors)
    rows = [_of_answer(read, place) for place in read.answers]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}
    relative = {
        f"{name} against the conversation": columns[name] - columns[name].mean() for name in _RELATIVE if columns
    }
    return columns | relative


_RELATIVE: Final = ("near asked", "near reply", "reply words", "reply near asked", "words")


def _of_answer(read: _Read, place: int) -> dict[str, float]:
    earlier = [each for each in read.answers if each < place]
    before = [each for each in read.asked if each < place]
    asked, reply = _last(before), _after(read.asked, place)
    answer_before, answer_next = _last(earlier), _after(read.answers, place)
    asked_before = _last(before, 2)
    here, question, said = read.at(place), read.at(asked), read.at(reply)
    features = {
        "near asked": read.near(place, asked),
        "near reply": read.near(place, reply),
        "reply near asked": read.near(asked, reply),
        "near answer before": read.near(place, answer_before),
        "near answer next": read.near(place, answer_next),
        "near asked before": read.near(place, asked_before),
        "reply near answer next": read.near(reply, answer_next),
        "nearest earlier answer": read.nearest(place, earlier),
        "nearest earlier asked": read.nearest(place, before),
        "nearest earlier of reply": read.nearest(reply, before),
        "shares words asked": _overlap(here, question),
        "takes up asked": _taken_up(question, here),
        "shares words reply": _overlap(here, said),
        "reply takes up": _taken_up(here, said),
        "reply shares words asked": _overlap(question, said),
        "shares words answer before": _overlap(here, read.at(answer_before)),
        "words": math.log1p(len(here.words)),
        "asked words": math.log1p(len(question.words)),
        "reply words": math.log1p(len(said.words)),
        "longer than asked": math.log1p(len(here.words)) - math.log1p(len(question.words)),
        "reply longer than asked": math.log1p(len(said.words)) - math.log1p(len(question.words)),
        "asks": float(here.asks),
        "asked asks": float(question.asks),
        "reply asks": float(said.asks),
        "asked asks and answer asks": float(question.asks and here.asks),
        "both ask after": float(said.asks and here.asks),
        "distinct words": len(set(here.words)) / max(len(here.words), 1),
        "said before": float(any(read.at(each).words == here.words for each in earlier)),
        "reply said before": float(any(read.at(each).words == said.words for each in before) and reply is not None),
        "no reply": float(reply is None),
        "none asked": float(asked is None),
        "turn": math.log1p(len(earlier)),
        "left": math.log1p(len(read.answers) - len(earlier) - 1),
    }
    for n, name in enumerate(_LEXICONS):
        features[f"reply {name}"] = said.counts[n]
        features[f"{name}"] = here.counts[n]
        features[f"asked {name}"] = question.counts[n]
    return features

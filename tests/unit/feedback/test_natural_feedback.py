"""What people write next, in a hand-made set: one half tuned the phrases, the other came after."""

from pathlib import Path
from typing import get_args

import pytest

from feedback.detectors import (
    all_detectors,
    clarification,
    complaint,
    correction,
    detect,
    escalation,
    positive,
    reading,
    verification,
    words,
)
from feedback.detectors.language import READ
from feedback.detectors.phrasebooks import BOOKS
from feedback.detectors.phrases import PhraseKind
from feedback.taxonomy import weights
from tests.events import conversation, dialogue

DATA = Path(__file__).parents[2] / "data"
DETECTORS = all_detectors(weights({}))
KINDS = {"rephrase", "correction", "complaint", "clarification", "positive"}
REQUEST = "Tell me about the options that I have."
ANSWER = "Here are a few options. The first is the most common one, and the second is cheaper."
FAMILIES = [module.PHRASES for module in (correction, verification, complaint, positive, clarification, escalation)]


def messages(half):
    """Lines of `kind, reply` or `kind, reply, request, answer`."""
    for line in (DATA / f"natural_feedback_{half}.tsv").read_text().splitlines():
        kind, reply, *context = line.split("\t")
        request, answer = context if len(context) == 2 else (REQUEST, ANSWER)
        yield kind, reply, request, answer


@pytest.mark.parametrize(("half", "precision", "recall"), [("tuning", 0.95, 0.95), ("held_out", 0.9, 0.7)])
def test_precision_and_recall(half, precision, recall):
    right = found = wanted = 0
    for kind, reply, request, answer in messages(half):
        signals = detect(reading.read(conversation(*dialogue(request, answer, reply, ""))), DETECTORS)
        kinds = {signal.kind for signal in signals if signal.response_id == "a0"} & KINDS
        right, found, wanted = right + (kind in kinds), found + len(kinds), wanted + (kind != "none")
    assert right / found >= precision
    assert right / wanted >= recall


def test_the_words_of_a_phrase_lose_no_match():
    """Trying only the phrases that a message's words call for finds what trying all of them finds."""
    for _, reply, *_ in messages("tuning"):
        message = words.read(reply)
        for family in FAMILIES:
            matching = [each for each in family.all if each.pattern.search(message.text)]
            lost = [
                each.pattern.pattern
                for each in matching
                if each.words.isdisjoint(message.words) or not each.may_match(message, asked=False)
            ]
            assert not lost, reply


ASKED_ABROAD = {
    "de": ("Was sind die besten Möglichkeiten und wie kann ich das machen?", "Es gibt mehrere Möglichkeiten."),
    "fr": ("Quelles sont les options et comment est-ce que je dois faire ?", "Il y a plusieurs options."),
    "es": ("¿Cuáles son las opciones y cómo lo puedo hacer con eso?", "Hay varias opciones."),
}


@pytest.mark.parametrize("language", ASKED_ABROAD)
def test_precision_and_recall_abroad(language):
    """Sentences written together with the phrases: they hold what is known, and measure nothing."""
    missed, false = [], []
    for line in (DATA / f"natural_feedback_{language}.tsv").read_text().splitlines():
        kind, reply = line.split("\t")
        read = reading.read(conversation(*dialogue(*ASKED_ABROAD[language], reply, "")))
        assert read.language == language
        found = {signal.kind for signal in detect(read, DETECTORS) if signal.response_id == "a0"}
        missed += [(kind, reply)] if kind not in {*found, "none"} else []
        false += [(reply, found)] if found - {kind} else []
    assert (missed, false) == ([], [])


def test_a_language_is_read_if_and_only_if_it_has_phrases():
    assert {"en", *BOOKS} == READ


@pytest.mark.parametrize("language", BOOKS)
def test_the_words_of_a_phrase_lose_no_match_abroad(language):
    for line in (DATA / f"natural_feedback_{language}.tsv").read_text().splitlines():
        message = words.without_marks(words.read(line.split("\t")[1]))
        for kind in get_args(PhraseKind):
            matching = [each for each in BOOKS[language].of(kind)[0].all if each.pattern.search(message.text)]
            lost = [each for each in matching if each.words.isdisjoint(message.words)]
            lost += [each for each in matching if not each.may_match(message, asked=False)]
            assert not lost, line

"""I5 over histories of ten builds: no training set ever touches an evaluation set that its model is compared on.

People of both splits ask, repeat with typos, quote each other, take back what they said; every build selects over what
is there then. Overlap is looked for pair by pair and without hashing: the Jaccard similarity of shingles, 13 words in a
row, whole texts inside others.
"""

import functools
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.decontamination import GRAM_WORDS, touching
from feedback.minhash import sign
from feedback.near_duplicates import MIN_CONTAINED_WORDS, jaccard, normalise, shingles
from feedback.select import Limits, Reserved, select
from tests.unit.learning.test_selection_of_examples import candidate

BUILDS = 10
THRESHOLD = 0.65
LIMITS = Limits(near_duplicate_jaccard=THRESHOLD, max_examples_per_user=100)
QUESTIONS = (
    "where is the card that you sent to my old address two weeks ago please help me now",
    "why was i charged a fee for taking out cash",
    "how do i top up with a cheque",
    "is my card here",
    "the machine kept my card",
)
WAYS = (
    lambda text: text,
    lambda text: text.replace("a", "e", 1),
    lambda text: text.replace("i", "", 1) + "!",
    lambda text: " ".join(text.split()[:-1]),
    lambda text: f"hello there {text} thank you",
    lambda text: f"my sister said {text} and i do not know what to tell her about it at all",
    lambda text: " ".join(text.split()[len(text.split()) // 2 :]),
)
messages = st.builds(
    lambda text, ways: functools.reduce(lambda said, way: way(said), ways, text),
    st.sampled_from(QUESTIONS),
    st.lists(st.sampled_from(WAYS), max_size=3),
)
said = st.tuples(messages, st.sampled_from(["sft", "kto", "eval"]), st.integers(0, BUILDS - 1), st.integers(0, BUILDS))


def overlap(train, evaluated):
    """By the definition, on normalised texts."""
    short, long = sorted((train, evaluated), key=lambda text: len(text.split()))
    words = short.split()
    if train == evaluated or jaccard(shingles(train), shingles(evaluated)) >= THRESHOLD:
        return True
    if len(words) < GRAM_WORDS:
        return len(words) >= MIN_CONTAINED_WORDS and f" {short} " in f" {long} "
    grams = (" ".join(words[start : start + GRAM_WORDS]) for start in range(len(words) - GRAM_WORDS + 1))
    return any(f" {gram} " in f" {long} " for gram in grams)


def build(history, number, evaluated):
    """Texts of the training and evaluation set of one build: of what came before it and was not taken back."""
    there = [
        candidate(f"{place:03d}", text, f"topic {place % 3}", use, owner=f"{use == 'eval'}{place % 5}")
        for place, (text, use, since, until) in enumerate(history)
        if since <= number and not since < until <= number and normalise(text)
    ]
    stays = select(there, LIMITS, Reserved(evaluated=evaluated)).cluster_of
    kept = [one for one in there if one.example_id in stays]
    return {one.text for one in kept if one.use != "eval"}, {one.text for one in kept if one.use == "eval"}


def compared(evaluation, train):
    """The evaluation texts that a model of this training set is compared on (`pipelines.evaluate.items`)."""
    items, trained = sorted(evaluation), sorted(train)
    return evaluation - touching(items, sign(items), trained, sign(trained), THRESHOLD)


@settings(max_examples=15)
@given(st.lists(said, min_size=5, max_size=40))
def test_no_training_set_touches_an_evaluation_set_ever(history):
    trains, evaluations = list[set[str]](), list[set[str]]()
    for number in range(BUILDS):
        train, evaluation = build(history, number, sorted(set().union(*evaluations)))
        trains.append(train)
        evaluations.append(evaluation)
    for k, j in product(range(BUILDS), repeat=2):
        against = evaluations[j] if j <= k else compared(evaluations[j], trains[k])
        touched = [(train, item) for train in trains[k] for item in against if overlap(train, item)]
        assert not touched, (k, j, touched)

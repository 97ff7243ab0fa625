"""I5 over random histories of ten builds: nobody who evaluates trains, no comparison asks what was trained on."""

from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.near_duplicates import PERMUTATIONS, clusters, normalise
from feedback.select import Candidate, Limits, select
from feedback.split import split_of
from pipelines.curate.examples import sign
from pipelines.evaluate.items import neighbours
from tests.events import START

BUILDS = 10
LIMITS = Limits(near_duplicate_jaccard=0.85, max_examples_per_user=3)
TEXTS = [
    "where is my new card it should have come last week",
    "where is my new card it should have come last week!",
    "Where is my card",
    "my card payment was declined twice at the same shop today",
    "my card payment was declined twice at the same shop",
    "top up failed",
    "how do i top up by bank transfer from another country",
    "what is the exchange rate for euro",
]

people = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 9_999), min_size=2)
said = st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(TEXTS), st.sampled_from(["sft", "kto"]))
shares = st.lists(st.floats(0.1, 0.9), min_size=BUILDS, max_size=BUILDS)
histories = st.lists(st.lists(said, max_size=5), min_size=BUILDS, max_size=BUILDS)


def example(number, person, text, use, side):
    return Candidate(
        example_id=f"{number:04d}",
        use="eval" if side == "eval" else use,
        split=side,
        owner=person,
        source="button",
        time=START + timedelta(minutes=number),
        response_id=f"r{number}",
        prompt=f"user {normalise(text)}",
        text=normalise(text),
        written=None,
        completion="card arrival",
        liked=True if use == "kto" and side == "train" else None,
        weight=0.9,
    )


def signed(texts):
    return np.array(sign(texts), dtype=np.uint32).reshape(len(texts), PERMUTATIONS)


def build(candidates):
    """The examples of a build, by side."""
    signatures, writing = signed([candidate.text for candidate in candidates]), signed(["" for _ in candidates])
    dropped = select(candidates, signatures, writing, LIMITS).dropped
    kept = [candidate for candidate in candidates if candidate.example_id not in dropped]
    return {side: [candidate for candidate in kept if candidate.split == side] for side in ("eval", "train")}


@given(people, histories, shares)
@settings(max_examples=25)
def test_nobody_changes_sides_and_no_comparison_asks_what_was_trained_on(buckets, history, eval_shares):
    """The share of people who evaluate only grows; so does what was said."""
    events, trained_on, sides = [], [], {}
    for new, share in zip(history, sorted(eval_shares), strict=True):
        events += [event for event in new if event[0] in buckets]
        now = {person: split_of(bucket, share) for person, bucket in buckets.items()}
        assert all(now[person] == "eval" for person, side in sides.items() if side == "eval")
        sides = now
        sets = build([example(n, who, text, use, now[who]) for n, (who, text, use) in enumerate(events)])
        owners = {side: {candidate.owner for candidate in of} for side, of in sets.items()}
        assert not owners["eval"] & owners["train"]
        assert all(now[owner] == side for side in owners for owner in owners[side])
        assert not together([c.text for c in sets["eval"]], [c.text for c in sets["train"]]), "one build overlaps"
        trained_on += [candidate.text for candidate in sets["train"]]
        texts = [candidate.text for candidate in sets["eval"]]
        seen = neighbours(texts, trained_on, LIMITS.near_duplicate_jaccard)
        usable = [text for text in texts if text not in seen]
        assert not together(usable, trained_on), "a model is asked what one compared with it was trained on"


def together(asked, trained):
    """Clusters that hold texts of both sides."""
    if not asked or not trained:
        return set()
    everything = [*asked, *trained]
    names = clusters(everything, signed(everything), LIMITS.near_duplicate_jaccard)
    return set(names[: len(asked)]) & set(names[len(asked) :])


@given(st.integers(0, 9_999), st.lists(st.floats(0, 1), min_size=BUILDS, max_size=BUILDS))
def test_a_larger_share_moves_people_to_evaluation_and_never_back(bucket, eval_shares):
    sides = [split_of(bucket, share) for share in sorted(eval_shares)]
    assert sides == sorted(sides, reverse=True)

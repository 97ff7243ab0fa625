"""I5 over random histories of ten builds: nobody who evaluates trains, no comparison asks what was trained on."""

from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.decontamination import touching
from feedback.minhash import sign
from feedback.select import Limits, select
from feedback.split import split_of
from tests.unit.learning.test_selection_of_examples import candidate

BUILDS = 10
LIMITS = Limits(near_duplicate_jaccard=0.65, max_examples_per_user=3)
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
    return candidate(f"{number:04d}", text, use="eval" if side == "eval" else use, owner=person)


def build(candidates):
    """The examples of a build, by side."""
    stays = select(candidates, LIMITS).cluster_of
    kept = [one for one in candidates if one.example_id in stays]
    return {side: [one for one in kept if one.split == side] for side in ("eval", "train")}


def touched(asked, trained):
    """Texts of the evaluation that touch one that was trained on."""
    return touching(asked, sign(asked), trained, sign(trained), LIMITS.near_duplicate_jaccard)


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
        assert not touched([c.text for c in sets["eval"]], [c.text for c in sets["train"]]), "one build overlaps"
        trained_on += [candidate.text for candidate in sets["train"]]
        texts = [candidate.text for candidate in sets["eval"]]
        usable = [text for text in texts if text not in touched(texts, trained_on)]
        assert not touched(usable, trained_on), "a model is asked what one compared with it was trained on"


@given(st.integers(0, 9_999), st.lists(st.floats(0, 1), min_size=BUILDS, max_size=BUILDS))
def test_a_larger_share_moves_people_to_evaluation_and_never_back(bucket, eval_shares):
    sides = [split_of(bucket, share) for share in sorted(eval_shares)]
    assert sides == sorted(sides, reverse=True)

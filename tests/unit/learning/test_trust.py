import random
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.trust.claims import Claim
from feedback.trust.coordination import MIN_PEOPLE, campaigns
from feedback.trust.peers import MIN_SIMILARITY, NEAREST, peers_of
from feedback.trust.standing import standings
from feedback.trust.voice import MOST_STRANGERS, Vote, voice
from pipelines.settings import Settings
from pipelines.simulate.messages import SHIPPED, read_messages
from tests.events import START
from tests.poisoning import Scene, outcome

MESSAGES = read_messages(SHIPPED)
SEED = 20
"""Thresholds were chosen on others."""
CARD, JAZZ = "where is my new bank card", "do you like to play loud jazz"


def claim(number, owner="ann", text=CARD, value="card arrival", theme=None, **fields):
    return Claim(
        claim_id=f"claim-{number:04d}",
        owner=owner,
        source="answer",
        time=START + timedelta(minutes=number),
        answer_id=f"answer-{number}",
        text=text,
        value=value,
        affirms=True,
        wants=True,
        theme=theme or f"theme {number}",
        **fields,
    )


@pytest.fixture(scope="module")
def honest():
    """What people give among whom nobody attacks."""
    return outcome(Scene("liars", hostile=0.0, seed=SEED), MESSAGES, Settings().config())


@pytest.mark.slow
@pytest.mark.parametrize("attack", ["liars", "same lies", "sleepers", "coordinated text"])
def test_one_hostile_person_in_twenty_costs_at_most_a_point(attack, honest):
    config = Settings().config()
    scene = Scene(attack, hostile=0.05, seed=SEED)
    defended, open_to_all = (outcome(scene, MESSAGES, config, defended=defended) for defended in (True, False))
    assert defended.accuracy >= honest.accuracy - 0.01
    assert defended.by_hostile < 0.5 * open_to_all.by_hostile
    assert defended.examples > 0.85 * honest.examples  # honest people are still heard


def test_what_a_stranger_wants_and_nobody_else_said_waits_only_where_others_speak_of_most():
    alone = claim(500, "stranger", "zebra lemon quartz", "top up")
    usual = [claim(n, f"person-{n % 5}", *((CARD, "card arrival") if n % 2 else (JAZZ, "jazz"))) for n in range(20)]
    assert standings([*usual, alone])[alone.claim_id].is_unconfirmed
    assert not standings([*usual, replace(alone, wants=False)])[alone.claim_id].is_unconfirmed
    first_days = [claim(n, f"person-{n}", *((CARD, "card arrival") if n % 2 else (JAZZ, "jazz"))) for n in range(20)]
    assert not standings([*first_days, alone])[alone.claim_id].is_unconfirmed  # everybody is a stranger
    other = [claim(600 + n, f"person-{n}", f"word{n} other{n} third{n}", f"wanted {n}") for n in range(30)]
    assert not standings([*usual, *other, alone])[alone.claim_id].is_unconfirmed


def test_who_is_contradicted_by_many_loses_trust_and_others_do_not():
    honest = [claim(n, f"person-{n}") for n in range(20)]
    liar = [claim(100 + n, "liar", value="jazz") for n in range(6)] + [
        claim(200 + n, f"jazz-{n}", JAZZ, "jazz") for n in range(4)
    ]
    found = standings([*honest, *liar])
    assert all(found[f"claim-{100 + n:04d}"].is_distrusted for n in range(6))
    assert not any(found[each.claim_id].is_distrusted or found[each.claim_id].is_contradicted for each in honest)


def test_nobody_is_judged_where_nobody_else_spoke():
    found = standings([claim(n, f"person-{n}", text=f"word{n} other{n} third{n}") for n in range(12)])
    assert {(each.is_distrusted, each.is_contradicted, each.peers) for each in found.values()} == {(False, False, None)}


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from((CARD, JAZZ)), st.sampled_from("ab")), max_size=30),
    st.randoms(),
)
def test_standing_does_not_depend_on_the_order_of_claims(said, draw):
    claims = [claim(n, f"person-{who}", text, value) for n, (who, text, value) in enumerate(said)]
    expected = standings(claims)
    draw.shuffle(claims)
    assert standings(claims) == expected
    assert all(0 <= each.trust <= 1 for each in expected.values())


def test_a_burst_of_one_theme_by_many_is_a_campaign_and_a_steady_theme_or_few_people_are_none():
    usual = [claim(n, f"person-{n}") for n in range(400)]

    def campaign(people, places):
        chosen = set(places)
        return campaigns(
            [
                replace(each, theme="same", owner=f"caller-{n % people}") if n in chosen else each
                for n, each in enumerate(usual)
            ]
        )

    assert len(campaign(20, range(100, 120))) == 20
    assert campaign(20, range(0, 400, 20)) == {}
    assert campaign(MIN_PEOPLE - 1, range(100, 120)) == {}


def test_strangers_of_one_source_count_as_a_few_and_the_known_as_themselves():
    strangers = [Vote(f"new-{n}", "answer", 1.0, is_stranger=True) for n in range(1_000)]
    known = [Vote(f"old-{n}", "answer", 1.0, is_stranger=False) for n in range(4)]
    assert voice(strangers[:2]) < voice(strangers) <= MOST_STRANGERS < voice(known) == 4
    assert voice([known[0]] * 5) == 1


def test_peers_are_those_that_comparing_all_with_all_finds():
    draw = random.Random(4)
    words = [f"w{number}" for number in range(20)]
    asked = [" ".join(draw.sample(words, draw.randint(0, 5))) for _ in range(40)]
    claims = [claim(number, owner=f"o{draw.randrange(30)}", text=draw.choice(asked)) for number in range(70)]
    weights = np.array([[word in one.text.split() for word in words] for one in claims], np.float32)
    weights *= np.round(4 * np.log(71 / (1 + weights.sum(axis=0)))).astype(np.float32)
    squares = (weights * weights).sum(axis=1)
    with np.errstate(invalid="ignore"):
        similar = weights @ weights.T / np.sqrt(squares[:, None] * squares)
    found = peers_of(claims, {one.claim_id: one.owner for one in claims})
    for one, row, peers in zip(claims, similar, found, strict=True):
        nearest = dict[str, int]()
        for other in np.argsort(-row, kind="stable").tolist():
            if row[other] >= MIN_SIMILARITY and claims[other].owner != one.owner:
                nearest.setdefault(claims[other].owner, other)
        assert peers == [(other, row[other]) for other in list(nearest.values())[:NEAREST]]
    assert sum(map(len, found)) > 200

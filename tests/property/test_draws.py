"""Draws are the same everywhere, uniform, and move nobody the wrong way (I5, I6)."""

from collections import Counter

import pytest
from feedwheel_capture.identity import Identity
from feedwheel_capture.ids import lift_user_key, user_key, uuid7
from hypothesis import given
from hypothesis import strategies as st

from feedback.split import arm_of, is_gate_item, split_of, unit_draw
from pipelines.people import UserKeys
from tests.conftest import SettableClock

IDENTITY = Identity(("key-1", "key-2"), "split-key")


def test_known_values_never_change() -> None:
    """A change of these values would move people between splits and arms of running deployments."""
    person = IDENTITY.person("app", "ann", "conversation")
    assert (person.user_key, person.user_key_id, person.split_bucket) == ("b72418cdfcd636dad021e8e2eb2a3efe", 2, 4152)
    assert unit_draw("arm", "release", "ann") == pytest.approx(0.3126224072480097)
    assert IDENTITY.thread_hash("", [("user", "hello")]) == "032fa97bcb908a66b1ca2d0ef12cd9f1"


@given(st.integers(0, 9_999), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_evaluation_share_only_adds_people(bucket: int, one: float, other: float) -> None:
    small, large = sorted((one, other))
    if split_of(bucket, small) == "eval":
        assert split_of(bucket, large) == "eval"


@given(st.integers(0, 9_999), st.text(min_size=1))
def test_only_people_who_evaluate_are_gate_items(bucket: int, conversation_id: str) -> None:
    drawn = is_gate_item(bucket, 0.3, conversation_id, 0.7)
    assert not (drawn and split_of(bucket, 0.3) == "train")


def test_shares_are_what_they_say_and_releases_draw_other_people() -> None:
    people = [f"person-{number}" for number in range(4_000)]
    first = {person: arm_of("release-1", person, 0.3) for person in people}
    second = {person: arm_of("release-2", person, 0.3) for person in people}
    assert Counter(first.values())["challenger"] / 4_000 == pytest.approx(0.3, abs=0.03)
    both = sum(first[person] == second[person] == "challenger" for person in people)
    assert both / 4_000 == pytest.approx(0.09, abs=0.02)


def test_a_key_rotation_lifts_old_keys_and_moves_no_split() -> None:
    old = Identity(("key-1",), "split-key").person("app", "ann", "c")
    assert old.user_key is not None
    assert lift_user_key(("key-1", "key-2"), 1, old.user_key) == user_key(("key-1", "key-2"), "app", "ann")
    assert old.split_bucket == IDENTITY.person("app", "ann", "c").split_bucket


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5), st.text(min_size=1), st.data())
def test_every_key_that_a_person_ever_had_is_lifted_to_one(layers: list[str], raw_id: str, data: st.DataObject) -> None:
    keys, number = UserKeys(layers), data.draw(st.integers(1, len(layers)))
    had = [user_key(layers[:count], "app", raw_id) for count in range(number, len(layers) + 1)]
    assert keys.newest(had[0], number) == user_key(layers, "app", raw_id)
    assert keys.since(had[0], number) == had


@given(st.integers(-3, 9).filter(lambda number: not 1 <= number <= 2))
def test_a_key_of_layers_that_are_not_ours_stands_as_it_is(number: int) -> None:
    """Of no layer it would be a raw id in place of a hash: whoever sends it must not become the person of that id."""
    keys = UserKeys(("key-1", "key-2"))
    assert (keys.newest("app/ann", number), keys.knows(number)) == ("app/ann", False)


def test_anonymous_people_are_split_by_conversation() -> None:
    first, second = IDENTITY.person("app", None, "c-1"), IDENTITY.person("app", None, "c-2")
    assert first.user_key is None
    assert first.split_bucket != second.split_bucket


def test_minted_ids_sort_by_time(clock: SettableClock) -> None:
    earlier = uuid7(clock())
    clock.advance(seconds=0.002)
    assert earlier < uuid7(clock())
    assert earlier[14] == "7"

"""What a person allows is a function of the set of changes; the strictest counts, and no grant is retroactive."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import msgspec
from feedwheel_capture.events import FeedbackValue
from feedwheel_capture.vocabulary import Consent
from hypothesis import assume, given
from hypothesis import strategies as st

from feedback.consent import Change, Limit, as_allowed, limit_of, stricter
from tests.events import START, feedback, generation

ORDER = get_args(Consent)
consents = st.sampled_from(ORDER)
instants = st.integers(0, 12).map(lambda minute: START + timedelta(minutes=minute))
changes = st.builds(Change, instants, instants, consents)
histories = st.lists(changes, max_size=8)


def allows_more(one: Consent, other: Consent) -> bool:
    return ORDER.index(one) < ORDER.index(other)


def by_definition(history, at) -> Consent:
    """The strictest of the changes whose place no later one has taken by then."""

    def is_replaced(change: Change) -> bool:
        return any(change.time < other.time <= at and change.appended_at <= other.appended_at for other in history)

    standing = [change.consent for change in history if not is_replaced(change)]
    return max(standing, key=ORDER.index, default="content")


@given(histories, instants)
def test_the_fold_is_the_definition(history, at):
    assert limit_of(history).at(at) == by_definition(history, at)


@given(st.data(), histories)
def test_any_order_and_any_copies_give_the_same(data, history):
    shuffled = data.draw(st.permutations(history + history[:3]))
    assert limit_of(shuffled) == limit_of(history)


@given(histories, changes, instants)
def test_no_change_loosens_what_happened_before_it(history, change, at):
    if at < change.time:
        assert not allows_more(limit_of([*history, change]).at(at), limit_of(history).at(at))


@given(histories, changes, instants)
def test_a_withdrawal_holds_for_everything_before_it_and_until_the_next_change(history, change, at):
    limit = limit_of([*history, change])
    if at < min((other.time for other in history if other.time > change.time), default=at + timedelta(days=1)):
        assert not allows_more(limit.at(at), change.consent)


@given(histories, changes, instants)
def test_a_grant_undoes_nothing_unless_it_is_later_by_its_clock_and_not_earlier_by_kafka_s(history, grant, at):
    assume(not any(other.time < grant.time and other.appended_at <= grant.appended_at for other in history))
    granted = replace(grant, consent="content")
    assert limit_of([*history, granted]).at(at) == limit_of(history).at(at)


@given(histories)
def test_only_who_withheld_something_has_a_limit(history):
    assert limit_of(history).withholds == any(change.consent != "content" for change in history)


SPOKEN = [
    generation("a0", "Where is my card?", "card arrival"),
    feedback("edit", FeedbackValue(edited_output="lost card", text="no", text_length=2)),
]


@given(st.sampled_from(SPOKEN), consents, histories, instants)
def test_an_event_keeps_at_most_what_it_was_recorded_with(record, carried, history, at):
    limit = limit_of(history).at(at)
    allowed = as_allowed(msgspec.structs.replace(record, consent=carried), limit)
    expected = stricter(carried, limit)
    if expected == "none":
        assert allowed is None
        return
    assert allowed.consent == expected
    if expected == "signal_only":
        assert "card" not in str(allowed)
        assert as_allowed(allowed, "content") == allowed
    else:
        assert allowed == msgspec.structs.replace(record, consent="content")


def test_a_grant_after_a_withdrawal_holds_from_then_on():
    withdrawn = Change(START, START, "signal_only")
    granted = Change(START + timedelta(hours=1), START + timedelta(hours=1), "content")
    limit = limit_of([granted, withdrawn])
    hours = [START + timedelta(hours=hour) for hour in (-1, 0.5, 1, 2)]
    assert [limit.at(hour) for hour in hours] == ["signal_only", "signal_only", "content", "content"]
    assert limit_of([granted]) == Limit()

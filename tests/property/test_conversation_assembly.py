"""Any order, and any copies, of the same events give the same conversation and the same signals (I3)."""

from datetime import timedelta

from feedwheel_capture.events import FeedbackValue
from hypothesis import given
from hypothesis import strategies as st

from feedback.conversation import Logged, assemble
from feedback.detectors import all_detectors, detect, reading
from feedback.taxonomy import weights
from tests.events import DISLIKED, LIKED, START, exposure, feedback, generation, logged

DETECTORS = all_detectors(weights({}))
TEXTS = ("Where is my card?", "where's the card", "No, I meant my money", "thanks", "You are wrong", "")
HASHES = ("", "one", "two", "three")
IDS = st.sampled_from([f"a{number}" for number in range(6)])
SAID = st.sampled_from(
    [
        ("thumbs", LIKED),
        ("thumbs", DISLIKED),
        ("thumbs", None),
        ("edit", FeedbackValue(edited_output="card arrival")),
        ("stop", FeedbackValue()),
    ]
)

generations = st.builds(
    lambda response_id, request, output, **fields: generation(response_id, request, output, **fields),
    IDS,
    request=st.sampled_from(TEXTS),
    output=st.sampled_from(["card arrival", "lost card", "", None]),
    parent_response_id=st.none() | IDS,
    prefix_hash=st.sampled_from(HASHES),
    request_hash=st.sampled_from(HASHES),
    thread_hash=st.sampled_from(HASHES),
    finish_reason=st.sampled_from(["stop", "error", "cancelled"]),
    consent=st.sampled_from(["content", "content", "signal_only"]),
)
reactions = st.builds(
    lambda said, response_id: feedback(*said, response_id, conversation_id="conversation-1"), SAID, st.none() | IDS
)
records = st.one_of(generations, reactions, st.builds(exposure, IDS))


@st.composite
def logs(draw) -> list[Logged]:
    """Events of one conversation, at any position, resent under their id, with clocks that may be wrong."""
    data = [draw(generations), *draw(st.lists(records, max_size=10))]
    log = [
        logged(
            record,
            offset,
            event_id=f"event-{draw(st.integers(0, 2 * len(data)))}",
            sent_at=START + timedelta(minutes=draw(st.integers(-5, 30))),
            appended_at=START + timedelta(minutes=draw(st.integers(0, 15))),
        )
        for offset, record in enumerate(data)
    ]
    # The first arrival of an id decides, so at least one generation must be a first arrival.
    first = logged(data[0], 999, event_id="first", appended_at=START - timedelta(days=1))
    return [first, *log]


@given(logs(), st.data())
def test_order_and_copies_do_not_matter(log, data):
    once = assemble(log, START, timedelta(minutes=10))
    again = assemble(
        data.draw(st.permutations([*log, *data.draw(st.lists(st.sampled_from(log), max_size=5))])),
        START,
        timedelta(minutes=10),
    )
    assert again == once
    assert detect(reading.read(again), DETECTORS) == detect(reading.read(once), DETECTORS)


@given(logs())
def test_every_event_has_one_outcome_and_every_answer_one_turn(log):
    found = assemble(log, START, timedelta(minutes=10))
    assert set(found.outcomes) == {event.position for event in log}
    assert [turn.index for turn in found.turns] == list(range(len(found.turns)))
    placed = {turn.response_id: turn.index for turn in found.turns}
    assert len(placed) == len(found.turns)
    assert all(placed[turn.parent] < turn.index for turn in found.turns if turn.parent)


@given(logs())
def test_signals_are_about_answers_that_are_here_and_spans_lie_in_their_text(log):
    found = assemble(log, START + timedelta(hours=1), timedelta(minutes=10))
    here = {turn.response_id for turn in found.turns} | {None}
    for signal in detect(reading.read(found), DETECTORS):
        assert signal.response_id in here
        if signal.span:
            start, end = signal.span
            assert 0 <= start <= end <= len(signal.text)

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feedback.detectors import reading
from feedback.dissatisfaction.encoder import Encoder
from feedback.dissatisfaction.features import answer_features
from feedback.dissatisfaction.model import SHIPPED, exchange, shipped_model, with_neighbours
from feedback.dissatisfaction.trees import Trees
from feedback.judge import Judge
from feedback.taxonomy import weights
from feedback.transcript import Transcript, score
from pipelines.satisfaction.distil import _arrays, _padded, _Student
from tests.events import conversation, dialogue, generation

FLUENT = [
    ("user", "Do you like jazz?"),
    ("assistant", "I love jazz, above all Miles Davis."),
    ("user", "Me too! Nice."),
]
BROKEN = [
    ("user", "Do you like jazz?"),
    ("assistant", "The capital of France is a banana."),
    ("user", "What? That makes no sense."),
]
texts = st.lists(st.tuples(st.sampled_from(("user", "assistant", "system")), st.text(max_size=60)), max_size=12)


def test_words_move_the_odds_in_the_right_direction():
    model = shipped_model()
    (good,), (bad,) = model.of_messages(FLUENT), model.of_messages(BROKEN)
    assert good < 0 < bad


@given(texts)
def test_any_exchange_has_a_bounded_number_for_each_answer_and_always_the_same(said):
    model = shipped_model()
    found = model.of_messages(said)
    assert len(found) == sum(role == "assistant" for role, _ in said)
    assert (np.abs(found) <= 3).all()
    assert (found == model.of_messages(list(said))).all()


def test_a_text_is_near_itself_and_nearer_to_its_like_than_to_another():
    vectors = shipped_model().encoder.encode(["I lost my bank card", "My credit card is gone", "I like jazz music", ""])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 0], abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_the_arrays_compute_what_was_trained():
    torch.manual_seed(3)
    student = _Student(torch.randn(50, 128), 16)
    ids = [[3, 7, 7, 1], [9], list(range(20))]
    with torch.no_grad():
        student.share.normal_()
        expected = student(*_padded(ids)).numpy()
    encoder = Encoder(shipped_model().encoder.tokens, _arrays(student))
    assert np.sum(encoder.of_tokens(ids) * expected, axis=1) == pytest.approx([1, 1, 1], abs=1e-3)  # the table is int8


def test_a_walk_through_trees():
    tree = Trees(
        feature=np.array([[1, 0, 0]], np.int32),
        threshold=np.array([[0.5, np.inf, np.inf]]),
        left=np.array([[1, 1, 2]], np.int32),
        right=np.array([[2, 1, 2]], np.int32),
        value=np.array([[0.0, -1.0, 2.0]]),
        base=0.25,
        depth=1,
    )
    assert tree.log_odds(np.array([[9.0, 0.5], [9.0, 0.6]])).tolist() == [-0.75, 2.25]


def test_an_answer_is_drawn_to_those_beside_it():
    assert with_neighbours(np.array([3.0])).tolist() == [3]
    assert with_neighbours(np.array([3.0, 0.0])) == pytest.approx([2, 1])
    assert with_neighbours(np.array([0.0, 3.0, 0.0, 0.0])) == pytest.approx([1, 2, 0.5, 0])


def test_features_have_the_same_names_whatever_was_said():
    names = shipped_model().features
    for said in (FLUENT, [("assistant", "")], FLUENT * 5):
        assert set(answer_features(said, np.zeros((len(said), 4), np.float32))) == set(names)
    assert answer_features([("user", "hello")], np.zeros((1, 4), np.float32)) == {}


def test_what_consent_withholds_is_not_read():
    withheld = conversation(generation("a", consent="signal_only"))
    assert exchange(withheld) == ([], [])
    assert shipped_model().shifts(reading.read(withheld)) == {}


def test_a_language_that_was_never_measured_says_nothing():
    said = [("user", "Wo ist denn meine Karte?"), ("assistant", "banana"), ("user", "Das ist nicht richtig, warum?")]
    read = reading.read(conversation(*dialogue(*(text for _, text in said), "Ja")))
    assert shipped_model().shifts(read) == {}


def test_a_score_follows_the_words_of_both_sides():
    said = score_of(BROKEN)
    assert said["turns"][1]["p_dissatisfied"] > score_of(FLUENT)["turns"][1]["p_dissatisfied"]


def score_of(said):
    messages = [{"role": role, "content": text} for role, text in said]
    transcript = msgspec.convert({"conversation_id": "c", "messages": messages}, Transcript)
    found = score(transcript, "assistant", Judge(weights({})))
    return msgspec.to_builtins(found)


def test_the_card_names_the_weights_that_are_shipped():
    assert shipped_model().version in (SHIPPED / "CARD.md").read_text(encoding="utf-8")

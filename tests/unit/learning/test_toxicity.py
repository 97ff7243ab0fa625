"""Toxic words are found in any passage; ordinary messages, and words about toxicity, are not toxic."""

import pytest

from feedback.toxicity import shipped_toxicity
from feedback.toxicity.model import SHIPPED, ToxicityModel
from pipelines.settings import Settings
from pipelines.simulate.messages import SHIPPED as MESSAGES
from pipelines.simulate.messages import read_messages

MOST = Settings().config().curation.max_toxicity


@pytest.mark.parametrize("text", ["fuck off you stupid bitch", "You are a fucking idiot and a whore."])
def test_insults(text):
    model = shipped_toxicity()
    assert model.p_toxic(text) > MOST
    polite = " ".join(["Thank you for waiting, your card will be with you soon."] * 40)
    assert model.p_toxic(f"{polite}\n{text}\n{polite}") == model.p_toxic(text)


@pytest.mark.parametrize(
    "text", ["", "!!!", "\U0001f600" * 50, "card arrival", "That was rude, please stop insulting me.", "1" * 99_999]
)
def test_no_insults(text):
    assert shipped_toxicity().p_toxic(text) < MOST


def test_what_people_ask_their_bank():
    texts = [message.text for message in read_messages(MESSAGES)]
    assert sum(shipped_toxicity().p_toxic(text) > MOST for text in texts) == 0


def test_weights_are_named_by_what_they_say():
    assert ToxicityModel.load().version == shipped_toxicity().version
    assert shipped_toxicity().version in SHIPPED.with_name("CARD.md").read_text(encoding="utf-8")

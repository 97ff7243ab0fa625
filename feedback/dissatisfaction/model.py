"""The model of dissatisfaction: from a conversation that was read to log-odds for each of its answers.

In: a conversation and its language. Out: for each answer that can be read, by how much what both sides wrote moves the
log-odds that the person was dissatisfied: 0 says nothing. What consent withholds, and what is in a language that was
never measured, is not read.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from threadpoolctl import ThreadpoolController

from feedback.conversation import Conversation
from feedback.detectors.reading import Reading
from feedback.dissatisfaction.encoder import Encoder, load_encoder, readable
from feedback.dissatisfaction.features import Exchange, answer_features
from feedback.dissatisfaction.trees import Trees
from feedback.dissatisfaction.whole import WholeModel
from feedback.statistics import Floats

SHIPPED: Final = Path(__file__).parent / "weights"
"""The weights that come with Feedwheel; its CARD.md says what they were trained on."""
FILES: Final = ("encoder.npz", "tokenizer.json", "model.json", "trees.npz", "whole.json")
"""All that a model computes with."""

_BOUND: Final = 3.0
"""Log-odds: words alone never say more than 20 to 1, which no corpus bears out."""

_BESIDE: Final = 1 / 3
"""Weight of the answers before and after: what goes wrong does so for a while, and people react late. A third was
chosen on ConTurE, DBDC3 and USS (docs/dissatisfaction.md): of each all systems are judged better or as well."""

_DECIMALS: Final = 3
"""Kept: machines differ in the last bits of a product of matrices, and a score is the same on all of them (I3)."""


@dataclass(frozen=True, slots=True, eq=False)
class DissatisfactionModel:
    """`version`: a hash of all weights. `features`: the columns of `trees`, by name. `trained_on`: names of corpora.

    `whole` says what a conversation says beyond its answers.
    """

    version: str
    trained_on: frozenset[str]
    encoder: Encoder
    features: Sequence[str]
    trees: Trees
    whole: WholeModel

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> "DissatisfactionModel":
        """The model in a folder. Raises UsageError."""
        encoder = load_encoder(folder)
        with readable(folder):
            about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            with np.load(folder / "trees.npz") as stored:
                trees = Trees(**{name: stored[name] for name in stored.files}, base=about["base"], depth=about["depth"])
        names, columns = frozenset(about["trained_on"]), tuple(about["features"])
        return cls(version_of(folder), names, encoder, columns, trees, WholeModel.load(folder))

    def shifts(self, read: Reading) -> dict[str, float]:
        """By how much its words move the log-odds of dissatisfaction, by response id; those that can be read alone."""
        said, places = exchange(read.conversation)
        if not places or not read.is_read:
            return {}
        return dict(zip(places, self.of_messages(said).tolist(), strict=True))

    def whole_shift(self, read: Reading) -> float:
        """By how much a conversation as a whole moves the log-odds of satisfaction; 0 unless all of it may be read."""
        conversation = read.conversation
        if conversation.consent != "content" or not read.is_read:
            return 0.0
        return self.whole.shift(exchange(conversation)[0], conversation.app_type)

    def of_messages(self, said: Exchange) -> Floats:
        """The same for each answer of an exchange of messages, float64 [answers]."""
        found = described(said, self.encoder)
        if not found:
            return np.zeros(0)
        rows = np.stack([found[name] for name in self.features], axis=1)
        bounded: Floats = np.clip(with_neighbours(self.trees.log_odds(rows)), -_BOUND, _BOUND)
        return np.round(bounded, _DECIMALS)


def version_of(folder: Path) -> str:
    """Names the weights in a folder by all that they compute with, 12 hexadecimal digits. Raises UsageError."""
    content = hashlib.sha256()
    with readable(folder):
        for name in FILES:
            content.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return content.hexdigest()[:12]


def described(said: Exchange, encoder: Encoder) -> dict[str, Floats]:
    """Features by name of each answer of an exchange, float64 [answers]; none without an answer."""
    # The products are small: a second thread costs more than it brings, and may change their last bits.
    with _libraries().limit(limits=1, user_api="blas"):
        return answer_features(said, encoder.encode([text for _, text in said]))


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of linear algebra in this process: finding them takes longer than describing a conversation."""
    return ThreadpoolController()


def with_neighbours(log_odds: Floats) -> Floats:
    """Log-odds of a conversation's answers in order, float64 [answers], each drawn to those of the ones beside it."""
    if len(log_odds) < 2:
        return log_odds
    before, after = np.roll(log_odds, 1), np.roll(log_odds, -1)
    before[0], after[-1] = after[0], before[-1]  # the first and the last have one neighbour
    return (1 - _BESIDE) * log_odds + _BESIDE * (before + after) / 2


@cache
def model_in(folder: str | None) -> DissatisfactionModel:
    """The model in a folder, or without one the shipped model, read once in a process. Raises UsageError."""
    return DissatisfactionModel.load(Path(folder) if folder else SHIPPED)


def shipped_model() -> DissatisfactionModel:
    """The model that comes with Feedwheel."""
    return model_in(None)


def exchange(conversation: Conversation) -> tuple[Exchange, list[str]]:
    """What both sides wrote, as far as it may be read, in order; and the response ids of the answers in it.

    What was asked again word by word for another answer stands once.
    """
    said: Exchange = []
    answers = list[str]()
    for turn in conversation.turns:
        if turn.generation.consent == "content" and not turn.regeneration_of:
            said += [("user", each.content) for each in turn.generation.input if each.role == "user" and each.content]
        if turn.output:
            said.append(("assistant", turn.output))
            answers.append(turn.response_id)
    return said, answers

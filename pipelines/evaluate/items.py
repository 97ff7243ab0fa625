"""Gate items: the evaluation examples that say something about both models.

In: a data set, and the data sets that the compared models were trained on. Out: the items whose near-duplicates none of
them has seen (I5), and those left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from feedback.labels import Message
from feedback.near_duplicates import clusters, containing, normalise
from pipelines.curate.examples import sign, user_text
from pipelines.dataset.manifest import readable_examples_of
from pipelines.evaluate.parity import GOLDEN_PROMPTS
from pipelines.io.lake import Lake


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One gate item: what was asked, what the person wanted, what they were shown."""

    example_id: str
    user_key: str | None
    conversation_id: str
    prompt: list[Message]
    completion: str
    shown: str

    @property
    def owner(self) -> str:
        """The person, or the conversation of an anonymous one."""
        return self.user_key or self.conversation_id

    @property
    def text(self) -> str:
        """What the person wrote, normalised."""
        return normalise(user_text(msgspec.to_builtins(self.prompt)))


@dataclass(frozen=True, slots=True)
class Items:
    """Items to compare on, and how many were left out because a compared model trained on their like."""

    usable: list[Item]
    trained_neighbours: int


def read_items(lake: Lake, dataset_id: str, trained_on: Iterable[str], threshold: float) -> Items:
    """The gate items of a data set, sorted by example id. `trained_on`: ids of the compared models' data sets."""
    items = msgspec.convert(readable_examples_of(lake, dataset_id, "eval").to_pylist(), list[Item])
    trained = [
        normalise(user_text(row["prompt"]))
        for name in sorted(set(trained_on))
        for row in readable_examples_of(lake, name, "sft").select(["prompt"]).to_pylist()
    ]
    seen = neighbours([item.text for item in items], trained, threshold)
    return Items([item for item in items if item.text not in seen], sum(item.text in seen for item in items))


def golden_prompts(lake: Lake, dataset_id: str) -> list[list[Message]]:
    """Prompts of a data set on which an export is compared with its weights."""
    rows = readable_examples_of(lake, dataset_id).select(["prompt"]).slice(0, GOLDEN_PROMPTS).to_pylist()
    return msgspec.convert([row["prompt"] for row in rows], list[list[Message]])


def neighbours(texts: Sequence[str], trained: Sequence[str], threshold: float) -> set[str]:
    """The texts that share a cluster or words with a text that was trained on."""
    everything = [*texts, *trained]
    if not texts or not trained:
        return set()
    names = clusters(everything, np.array(sign(everything), dtype=np.uint32), threshold)
    taken = set(names[len(texts) :])
    return {text for text, name in zip(texts, names, strict=False) if name in taken} | containing(texts, trained)

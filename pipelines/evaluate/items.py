"""Gate items: the evaluation examples that say something about both models.

In: a data set, and the data sets that the compared models were trained on. Out: the items whose near-duplicates none of
them has seen (I5), and those left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from feedback.decontamination import touching
from feedback.labels import Message
from feedback.minhash import sign
from feedback.near_duplicates import normalise
from pipelines.curate.examples import user_text
from pipelines.dataset.manifest import readable_examples_of
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
    texts = [item.text for item in items]
    seen = touching(texts, sign(texts), trained, sign(trained), threshold)
    return Items([item for item in items if item.text not in seen], sum(item.text in seen for item in items))

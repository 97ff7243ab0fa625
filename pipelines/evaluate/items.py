"""Gate items: the evaluation examples that say something about both models.

In: a data set, and the data sets that the compared models were trained on. Out: the items whose near-duplicates none of
them has seen (I5), and those left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from feedback.decontamination import touching
from feedback.labels import Message
from feedback.minhash import sign
from feedback.near_duplicates import normalise
from feedback.templates import own_words
from pipelines.curate.examples import user_text
from pipelines.dataset.manifest import manifests, readable_examples_of
from pipelines.evaluate.parity import GOLDEN_EXAMPLES, Golden
from pipelines.io.lake import Lake
from schemas.examples import TRAINING_USES


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One gate item: what was asked, what the person wanted, what they were shown."""

    example_id: str
    user_key: str | None
    conversation_id: str
    response_id: str
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


def read_items(
    lake: Lake, dataset_id: str, trained_on: Iterable[str], threshold: float, templates: Sequence[str]
) -> Items:
    """The gate items of a data set, sorted by example id. `trained_on`: ids of the compared models' data sets.

    `templates`: what the application puts around everybody's words (`feedback.templates`).
    """
    items = msgspec.convert(readable_examples_of(lake, dataset_id, "eval").to_pylist(), list[Item])
    trained = [
        own_words(normalise(user_text(row["prompt"])), templates)
        for name in sorted(set(trained_on))
        for row in readable_examples_of(lake, name).to_pylist()
        if row["set_name"] in TRAINING_USES
    ]
    texts = [own_words(item.text, templates) for item in items]
    seen = touching(texts, sign(texts), trained, sign(trained), threshold)
    usable = [item for item, text in zip(items, texts, strict=True) if text not in seen]
    return Items(usable, len(items) - len(usable))


def anchor_items(lake: Lake, app: str) -> frozenset[str]:
    """Ids of the evaluation items of the first data set: the same for ever, so figures on them tell cycles apart."""
    first = min(manifests(lake, app), key=lambda manifest: manifest.dataset_id)
    return frozenset(readable_examples_of(lake, first.dataset_id, "eval").column("example_id").to_pylist())


def golden_examples(lake: Lake, dataset_id: str) -> list[Golden]:
    """Examples of a data set on which an export is compared with its weights."""
    rows = readable_examples_of(lake, dataset_id).select(["prompt", "completion"]).slice(0, GOLDEN_EXAMPLES)
    return msgspec.convert(rows.to_pylist(), list[Golden])

"""Slices: the parts of the gate items that people look at, never the verdict.

In: one item, and what is known of items. Out: the names of the slices that it is in.
"""

from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from feedback.gate import is_right
from pipelines.evaluate.items import Item

_LONG_MESSAGE_WORDS: Final = 15
"""About the median of the messages that people send to be routed."""


@dataclass(frozen=True, slots=True)
class Known:
    """`anchor`: ids of the examples that are the same in every cycle. `out_of_scope`: ids of answers."""

    anchor: Set[str]
    out_of_scope: Set[str]


def slices_of(item: Item, known: Known) -> tuple[str, ...]:
    """What was wanted, the length of the message, and what else holds; a `known failure` was answered wrongly then."""
    length = "long" if len(item.text.split()) > _LONG_MESSAGE_WORDS else "short"
    named = {
        "anchor": item.example_id in known.anchor,
        "known failure": not is_right(item.shown, item.completion),
        "out of scope": item.response_id in known.out_of_scope,
    }
    return (
        f"wanted: {item.completion}",
        f"message: {length}",
        *(name for name, applies in named.items() if applies),
    )

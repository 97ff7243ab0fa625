"""A card as Markdown. What comes from outside is escaped: it is shown, and never read as markup."""

import re
from collections.abc import Iterator
from typing import Final

from pipelines.dataset.card import Card, Grid, Section

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>|#~&])")


def markdown(card: Card) -> str:
    """The whole card."""
    facts = "\n".join(f"- {_plain(name)}: {_plain(value)}" for name, value in card.facts)
    return "\n\n".join([f"# {_plain(card.title)}", facts, *map(_section, card.sections)]) + "\n"


def _section(section: Section) -> str:
    return "\n\n".join([f"## {_plain(section.title)}", *_parts(section)])


def _parts(section: Section) -> Iterator[str]:
    yield from map(_plain, section.paragraphs)
    if section.points:
        yield "\n".join(f"- {_plain(point)}" for point in section.points)
    yield from (_grid(grid) for grid in section.grids if grid.rows)
    if section.code:
        yield "\n".join(["```", *section.code, "```"])


def _grid(grid: Grid) -> str:
    lines = [grid.columns, tuple("---" for _ in grid.columns), *grid.rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text if text == "---" else _plain(text)


def _plain(text: str) -> str:
    """One line without meaning to Markdown."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))

"""A card as one HTML page that needs nothing else: no script, no font, no picture, nothing from a network.

In: a card. Out: the page. Everything is escaped, and the page forbids scripts besides.
"""

from html import escape
from typing import Final

from pipelines.dataset.card import Card, Grid, Section

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2433; --soft: #5b6475; --line: #e2e5ec; --paper: #fff; --wash: #f6f7fa;
  --bar: #cfe3d6 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --soft: #9aa3b5; --line: #333a48; --paper: #161a22;
  --wash: #1e232d; --bar: #2d4a3a } }
* { box-sizing: border-box }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 62rem; padding: 2.5rem 1.5rem 4rem }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; margin: 2.4rem 0 .6rem; padding-top: 1rem; border-top: 1px solid var(--line) }
p, li { max-width: 46rem } p { margin: .5rem 0 } ul { margin: .5rem 0; padding-left: 1.2rem } li { margin: .2rem 0 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; margin: 0; padding: 1rem 1.2rem;
  background: var(--wash); border-radius: .5rem }
dt { color: var(--soft) } dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
.grid { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums }
th { text-align: left; font-weight: 600; color: var(--soft); white-space: nowrap }
th, td { padding: .35rem 1.1rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.number { text-align: right; white-space: nowrap } th.number { text-align: right }
td.share { background: linear-gradient(to right, var(--bar) var(--part), transparent var(--part)) no-repeat;
  min-width: 8rem; padding-left: .5rem }
pre { background: var(--wash); border-radius: .5rem; padding: .9rem 1.2rem; overflow-x: auto; font-size: .875rem }
"""


def page(card: Card) -> str:
    """The whole page."""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in card.facts)
    sections = "\n".join(map(_section, card.sections))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(card.title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{escape(card.title)}</h1>\n<dl>{facts}</dl>\n{sections}\n</body></html>\n"
    )


def _section(section: Section) -> str:
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in section.paragraphs)
    points = "".join(f"<li>{escape(point)}</li>" for point in section.points)
    grids = "\n".join(_grid(grid) for grid in section.grids if grid.rows)
    code = escape("\n".join(section.code))
    return (
        f"<section><h2>{escape(section.title)}</h2>{paragraphs}{f'<ul>{points}</ul>' if points else ''}\n{grids}"
        f"{f'<pre>{code}</pre>' if code else ''}</section>"
    )


def _grid(grid: Grid) -> str:
    numeric = [all(_is_number(row[place]) for row in grid.rows) for place in range(len(grid.columns))]
    head = "".join(
        f"<th{' class=number' if right and place != grid.share else ''}>{escape(name)}</th>"
        for place, (name, right) in enumerate(zip(grid.columns, numeric, strict=True))
    )
    rows = "".join(
        "<tr>" + "".join(_cell(text, numeric[place], place == grid.share) for place, text in enumerate(row)) + "</tr>"
        for row in grid.rows
    )
    return f'<div class="grid"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(text: str, is_number: bool, is_share: bool) -> str:
    if is_share:
        return f'<td class="share" style="--part: {float(text.rstrip("%")):.1f}%">{escape(text)}</td>'
    return f"<td{' class=number' if is_number else ''}>{escape(text)}</td>"


def _is_number(text: str) -> bool:
    return text.rstrip("%").replace(",", "").replace(".", "", 1).lstrip("-").isdecimal() or text == "-"

"""Data Docs: a page of Great Expectations for each gate run, readable without a network, and an index of the newest.

In: a judgement and what each suite found. Out: `<time>_<verdict>_<gate id>.html` and `index.html` in an application's
folder. Pages hold names, counts and figures; nothing that a person wrote, because results carry no values.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pipelines.validate.engine import Judged
from pipelines.validate.expectations import DefaultJinjaPageView, ValidationResultsPageRenderer
from pipelines.validate.record import Judgement
from pipelines.validate.refusal import Broken
from pipelines.validate.suites import Threshold

KEPT: Final = 100
"""Pages of one application, some 150 kB each: two weeks of batches every three hours."""

_TEMPLATES: Final = Path(__file__).with_name("pages")
_OF_EXPECTATIONS: Final = slice(1, -1)
"""What Great Expectations renders of a suite, without its overview and its run info, which the page says itself."""


def write(
    folder: Path, judgement: Judgement, found: Sequence[Judged], broken: Sequence[Broken], bounds: Sequence[Threshold]
) -> Path:
    """Write the page of a run, forget the oldest, and list those that are kept. Returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    view = DefaultJinjaPageView(custom_views_directory=str(_TEMPLATES))
    decided_at = f"{judgement.decided_at:%Y-%m-%dT%H%M%SZ}"
    page = folder / f"{decided_at}_{judgement.verdict}_{judgement.gate_id}.html"
    facts = {"gate": judgement, "broken": broken, "allowed": {bound.fact: bound.allowed for bound in bounds}}
    rendered = [_rendered(judged) for judged in found]
    _replace(page, view.env.get_template("gate.j2").render(facts, suites=rendered))
    pages = sorted(folder.glob("*_*.html"), reverse=True)  # newest first
    for old in pages[KEPT:]:
        old.unlink()
    _replace(folder / "index.html", view.env.get_template("index.j2").render(app=judgement.app, pages=pages[:KEPT]))
    return page


def _rendered(judged: Judged) -> dict[str, Any]:
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(judged.result).to_json_dict()
    return {
        "name": judged.result.suite_name,
        "success": judged.result.success,
        "sections": document["sections"][_OF_EXPECTATIONS],
    }


def _replace(path: Path, text: str) -> None:
    """Whoever reads sees the old page or the new one."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)

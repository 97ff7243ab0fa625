"""A card shows what it is given as text, whatever it looks like."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pipelines.dataset.card import Card, Grid, Section
from pipelines.dataset.markdown import markdown
from pipelines.dataset.page import page

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> | [x](javascript:alert(1)) `code` **bold** \n# head"


def card(text):
    grid = Grid((text, "share"), [(text, "12.5%"), (text, "-")][:1], share=1)
    return Card(text, [(text, text)], [Section(text, [text], [text], [grid], [text])])


def test_markup_from_outside_is_no_markup_in_html():
    found = page(card(HOSTILE))
    assert not re.search(r"<(script|img)", found)
    assert "Content-Security-Policy" in found
    assert not re.search(r"(src|href)=[\"']?(http|//)", found)


def test_markup_from_outside_is_no_markup_in_markdown():
    found = markdown(card(HOSTILE))
    outside_code = found.partition("```")[0]
    assert not re.search(r"(?<!\\)[<>\[\]`*]", outside_code)
    assert [line for line in outside_code.splitlines() if line.startswith("# head")] == []


@given(st.text())
def test_any_text_keeps_the_page_whole(text):
    found = page(card(text))
    for tag in ("section", "table", "h1", "dl", "pre"):
        assert found.count(f"<{tag}>") == found.count(f"</{tag}>") == (0 if tag == "pre" and not text else 1)

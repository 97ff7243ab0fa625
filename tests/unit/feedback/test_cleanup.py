"""What pasting leaves in an answer goes; code, Markdown and comparisons stay."""

import pytest

from feedback.cleanup import clean


@pytest.mark.parametrize(
    ("pasted", "wanted"),
    [
        ("<p>Your card is <b>on its way</b>.</p>", "Your card is on its way."),
        ('<div class="x">One<br>two</div>\n', "One\ntwo"),
        ("<p>First.</p><p>Second.</p>", "First.\nSecond."),
        ("Terms &amp; conditions, 5&nbsp;%", "Terms & conditions, 5 %"),
        ("zero\u200bwidth and soft\u00adhyphen", "zerowidth and softhyphen"),
        ("one\n\n\n\n\ntwo  ", "one\n\ntwo"),
        ("cafe\u0301", "caf\u00e9"),
    ],
)
def test_what_goes(pasted, wanted):
    assert clean(pasted) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "Use `<b>bold</b> &amp; &lt;` for that.",
        "```html\n<p>Hi &amp; bye</p>\n\n\n\n```",
        "x < 3 and y > 4",
        "The <b> tag makes text bold.",
        "# Title\n\n* one\n* **two**",
        "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}",
        "AT&T",
    ],
)
def test_what_stays(text):
    assert clean(text) == text

"""A text is folded to what a person reads, and to no more than that."""

import unicodedata

import pytest

from feedback.folding import _LOOKALIKES, readings


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Plain, as it stands.", ["Plain, as it stands."]),
        ("two  blanks\t\u00a0or\r\n\n  more\n", ["two blanks or\nmore"]),
        ("\uff21\uff22 \U0001d41a\U0001d41b \u2460 \ufb01", ["AB ab 1 fi"]),
        ("na\u00efve re\u0301sume\u0301", ["naive resume"]),
        ("don\u2019t `say\u00b4", ["don't 'say'"]),
        ("a_b.c. d", ["a b c. d"]),
        ("so\u00adft wi\u200bde", ["soft wide", "so ft wi de"]),
        ("", [""]),
    ],
)
def test_a_text_is_folded_to_what_is_read(text, read):
    assert list(readings(text)) == read


def test_look_alikes_are_greek_and_cyrillic_letters_each_once():
    letters = "".join(_LOOKALIKES.values())
    assert len(letters) == len(set(letters))
    assert {unicodedata.name(letter).split()[0] for letter in letters} == {"GREEK", "CYRILLIC"}
    assert all(unicodedata.normalize("NFKD", letter) == letter for letter in letters)

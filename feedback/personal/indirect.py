"""Places and employers: they point to a person only beside something that names one, or in words about oneself.

In: text. Out: finds of type LOCATION and ORGANIZATION where the words before say whose place or employer it is. What a
model takes for a place or a company counts where something else in the text is personal; `find` decides that.
"""

import re
from collections.abc import Iterator
from typing import Final

from feedback.personal.spans import LIKELY, Find, PersonalType

_CAP: Final = r"[^\W\d_a-zà-öø-ÿ][\w'\u2019&.-]*\w"
_NAME: Final = rf"{_CAP}(?:[ -](?:(?:of|the|and|de|la|del|da|do|am|an|upon|&) )?{_CAP}){{0,3}}"
_CUES: Final[tuple[tuple[PersonalType, re.Pattern[str]], ...]] = (
    (
        "LOCATION",
        re.compile(
            r"(?<!\w)(?i:(?:i|we|he|she|they|who|family|parents|originally)[ '\u2019]?(?:am|m|re|is|was|were|s)?"
            r"(?: originally)? from|liv(?:e|es|ed|ing)(?: \w+)? in|grew up in|raised in|born in|"
            r"resid(?:e|es|ed|ing) in|"
            r"mov(?:e|ed|ing)(?: here| back)? (?:to|from)|based in|settled in|home ?town(?: is|:)?|city(?: is|:)|"
            r"country(?: is|:)|town(?: is|:)|location(?: is|:)|place of birth(?: is|:)?|birthplace(?: is|:)?)[ \t]{1,2}"
            rf"(?P<value>{_NAME}(?:, {_NAME})?)"
        ),
    ),
    (
        "ORGANIZATION",
        re.compile(
            r"(?<!\w)(?i:(?:work|works|worked|working|job) (?:for|at)|employed (?:by|at)|employer(?: is|:)|"
            rf"(?:my|his|her) company(?: is|:|,)|interned at|hired by)[ \t]{{1,2}}(?P<value>{_NAME})"
        ),
    ),
)


def find_indirect(text: str) -> Iterator[Find]:
    """Own places and employers."""
    for kind, cue in _CUES:
        for match in cue.finditer(text):
            yield Find(*match.span("value"), kind, LIKELY)

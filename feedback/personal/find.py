"""Everything personal in a text: the patterns of capture, and the recognisers of this package.

In: text, with what a language model and other recognisers found in it. Out: finds in order, without overlaps, and
none inside what a redaction has left in brackets.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from feedwheel_capture import patterns

from feedback.personal.addresses import find_addresses
from feedback.personal.indirect import find_indirect
from feedback.personal.names import find_names, may_be_unlisted
from feedback.personal.numbers import find_numbers
from feedback.personal.spans import CERTAIN, LIKELY, Find, PersonalType, Taken, apart

REDACTED: Final = re.compile(r"\[[A-Z_]{2,20}(?:_\d{1,6})?(?:~[\w-]{22,2000})?\]")
"""What stands in place of a find, from capture or from curation."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What others say of a text: code points [start, end) of people, finds as they are, and places and companies."""

    people: Sequence[tuple[int, int]] = ()
    finds: Sequence[Find] = ()
    indirect: Sequence[Find] = ()


_NO_HINTS: Final = Hints()


def find_personal(text: str, hints: Hints = _NO_HINTS) -> list[Find]:
    """Every find, in order, without overlaps."""
    formed = [_formed(span) for span in patterns.find(text)]
    redacted = Taken()
    for match in REDACTED.finditer(text):
        redacted.add(*match.span())
    found = [*formed, *hints.finds, *find_numbers(text), *find_addresses(text), *find_names(text, hints.people)]
    found = [find for find in (*found, *find_indirect(text)) if not redacted.meets(find.start, find.end)]
    return apart([*found, *(find for find in hints.indirect if _is_named(find.type, text[find.start : find.end]))])


def _is_named(found_as: PersonalType, found: str) -> bool:
    """Whether a place has a capital, and a company a word that is no ordinary one: models take IBAN for a company."""
    return found[:1].isupper() if found_as == "LOCATION" else may_be_unlisted(found)


def _formed(span: patterns.Span) -> Find:
    sure = LIKELY if span.type == "PHONE" else CERTAIN
    return Find(span.start, span.end, span.type, sure)  # type: ignore[arg-type]  # the patterns name only PiiTypes

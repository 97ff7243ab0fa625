"""What people write after an answer in languages other than English: one table per language, the same kinds in each.

The tables were written, not learned, and not measured on real users. English is in the modules of the detectors.
"""

from collections.abc import Mapping
from typing import Final

from feedback.detectors.phrasebooks import french, german, spanish
from feedback.detectors.phrases import Phrasebook
from schemas.languages import Language

BOOKS: Final[Mapping[Language, Phrasebook]] = {"de": german.BOOK, "es": spanish.BOOK, "fr": french.BOOK}
"""Phrases by language; `language.READ` names the same ones."""

"""The closed vocabulary of languages that are told apart."""

from typing import Final, Literal, get_args

Language = Literal["en", "cs", "de", "es", "fi", "fr", "id", "it", "nl", "pl", "pt", "sv", "tr", "vi", "und"]
"""ISO 639-1; `und` (ISO 639-2) is a language that is none of the others."""
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

"""Templates: what an application puts around everybody's words, and which therefore says nothing about them.

In: an application's prompts, and a normalised text. Out: the text without them, so that two people's texts are not
alike, and share no words in a row, because the same application wrote around both.
"""

import re
from collections.abc import Iterable, Sequence

from feedback.near_duplicates import MIN_CONTAINED_WORDS, normalise


def fixed_parts(prompts: Iterable[str]) -> list[str]:
    """What stands between the {placeholders} of prompts, normalised, the longest first.

    A part of fewer than MIN_CONTAINED_WORDS words may be anybody's own and is no template.
    """
    parts = {normalise(part) for prompt in prompts for part in re.split(r"\{[^{}]*\}", prompt)}
    fixed = [part for part in parts if len(part.split()) >= MIN_CONTAINED_WORDS]
    return sorted(fixed, key=lambda part: (-len(part), part))


def own_words(text: str, parts: Sequence[str]) -> str:
    """The normalised text without these parts; all of it if it has nothing else."""
    own = f" {text} "
    for part in parts:
        own = own.replace(f" {part} ", " ")
    return own.strip() or text

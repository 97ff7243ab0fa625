"""What can be asked of an example that is no column of it, computed from the example and from nothing else (I3).

In: candidates. Out: the same with the columns of `DERIVED`, by which a set may be selected.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import pyarrow as pa

from feedback.detectors.language import language_of
from feedback.detectors.words import read
from pipelines.curate.examples import user_text
from schemas.languages import LANGUAGES

UNTOLD: Final = "unknown"
"""The language of a person whose words are too few or too plain to tell."""
DERIVED: Final = pa.schema(
    [
        ("app_type", pa.string()),
        # What the person writes in the prompt: a `Language`, or UNTOLD.
        ("language", pa.string()),
        # Messages of the person that the model saw.
        ("turns", pa.int64()),
        # Words of all of them.
        ("words", pa.int64()),
    ]
)
LANGUAGES_TOLD: Final = (*LANGUAGES, UNTOLD)

Prompt = Sequence[Mapping[str, str]]


def language_in(prompt: Prompt) -> str:
    """The language of the person's messages in a prompt."""
    return language_of(read(message["content"]) for message in _said(prompt)) or UNTOLD


def with_derived(candidates: pa.Table, app_type: str) -> pa.Table:
    """The candidates with the columns of DERIVED."""
    prompts = candidates.column("prompt").to_pylist()
    values = {
        "app_type": [app_type] * len(prompts),
        "language": [language_in(prompt) for prompt in prompts],
        "turns": [sum(1 for _ in _said(prompt)) for prompt in prompts],
        "words": [len(user_text(prompt).split()) for prompt in prompts],
    }
    for field in DERIVED:
        candidates = candidates.append_column(field, pa.array(values[field.name], field.type))
    return candidates


def _said(prompt: Prompt) -> Iterable[Mapping[str, str]]:
    return (message for message in prompt if message["role"] == "user")

"""Personal data out of examples: names, addresses and all that a model and rules find, whatever capture left (I4).

In: rows of examples. Out: the same rows with pseudonyms in prompt, completion and shown, the same for the same within a
conversation, and the types of what was found; a row whose text never comes to rest is dropped. A company or a town says
nothing about a person without what is taken out here, and stays: training needs to know which shop or country a
question is about.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from feedback.personal.pseudonyms import Pseudonyms
from feedback.personal.spans import Find, PersonalType
from pipelines.personal import find_in

_KEPT: Final[frozenset[PersonalType]] = frozenset({"LOCATION", "ORGANIZATION"})
_MOST_LOOKS: Final = 8
"""At one text; a second may find what stood too close to a find of the first, and none has needed a fourth."""


def redact_conversations(rows: Sequence[dict[str, Any]]) -> None:
    """Take out in place what is personal; rows of one conversation stand together."""
    found = _found({text for row in rows for text in _texts(row)})
    for _, of_one in groupby(rows, key=lambda row: row["conversation_id"]):
        conversation = list(of_one)
        pseudonyms = Pseudonyms(text for row in conversation for text in _texts(row))
        for row in conversation:
            _redact(row, pseudonyms, found)


def _texts(row: Mapping[str, Any]) -> Iterable[str]:
    """Every text of an example, in the order in which it was said."""
    yield from (message["content"] for message in row["prompt"])
    yield from (row[name] for name in ("shown", "rejected", "completion") if row[name])


def _found(texts: Iterable[str]) -> dict[str, list[Find]]:
    distinct = sorted(texts)
    return {text: _taken_out(finds) for text, finds in zip(distinct, find_in(distinct), strict=True)}


def _taken_out(finds: Iterable[Find]) -> list[Find]:
    return [find for find in finds if find.type not in _KEPT]


def _redact(row: dict[str, Any], pseudonyms: Pseudonyms, found: Mapping[str, list[Find]]) -> None:
    types = list[str]()

    def redacted(text: str) -> str:
        finds = found[text]
        for _ in range(_MOST_LOOKS):
            if not finds:
                return text
            types.extend(find.type for find in finds)
            text = pseudonyms.replaced(text, finds)
            finds = _taken_out(find_in([text])[0])
        row.update(step="personal data", reason="unsettled")
        return text

    row["prompt"] = [{**message, "content": redacted(message["content"])} for message in row["prompt"]]
    for name in ("shown", "rejected", "completion"):
        row[name] = row[name] and redacted(row[name])
    row["personal"] = sorted(types)

"""Which candidates a data set takes: all of them, or what --since, --until and --where say.

In: text from the command line. Out: a filter over candidates, kept in the manifest. The grammar is closed, nothing of
the text is run:

    where     := condition { "and" condition }
    condition := column operator value          column one of COLUMNS; operator = != >= <= > <
    value     := "'" anything "'" | '"' anything '"' | what stands up to the next `and`
"""

import operator
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, get_args

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from feedwheel_capture.vocabulary import AppType

from feedback.labels import Rule
from pipelines.dataset.slices import DERIVED, LANGUAGES_TOLD, with_derived
from schemas.errors import UsageError
from schemas.examples import ExampleUse, Split
from schemas.tables import TABLES

_OF_CANDIDATES: Final = (
    *("use", "rule", "liked", "weight", "split", "simulated", "model_version"),
    *("completion", "shown", "user_key", "conversation_id", "response_id", "example_id", "cluster"),
)
_CANDIDATE: Final = TABLES["gold/candidates"].schema
COLUMNS: Final[dict[str, pa.DataType]] = {
    **{name: _CANDIDATE.field(name).type for name in _OF_CANDIDATES},
    **{field.name: field.type for field in DERIVED},
}
"""What conditions can be about."""
_VOCABULARIES: Final[dict[str, tuple[str, ...]]] = {
    "use": get_args(ExampleUse),
    "rule": get_args(Rule),
    "split": get_args(Split),
    "language": LANGUAGES_TOLD,
    "app_type": get_args(AppType),
}
"""Columns whose every value is known: another one is a slip, and would select nothing without a word."""
_ABOUT_PEOPLE: Final = frozenset({"completion", "shown", "user_key", "conversation_id", "response_id"})
"""Columns whose values name people or quote them."""
_OPERATORS: Final[dict[str, Callable[[Any, Any], ds.Expression]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION: Final = re.compile(
    r"\s*(?P<column>\w+)\s*(?P<operator>!=|>=|<=|=|>|<)\s*"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<bare>[^'\"\s](?:.*?\S)??))"
    r"\s*(?:\s(?P<more>and)\s|$)",
    re.DOTALL,
)


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Answers given in [since, until), of which every condition of `where` is true."""

    since: datetime | None = None
    until: datetime | None = None
    where: str | None = None

    def of(self, candidates: pa.Table, app_type: str) -> pa.Table:
        """The candidates it takes, of an application of that type, in their own columns."""
        names = candidates.column_names
        known = with_derived(candidates, app_type) if self.where else candidates
        return known.filter(self.expression()).select(names)

    def expression(self) -> ds.Expression:
        """The filter. Raises UsageError naming the condition that means nothing."""
        wanted = pc.scalar(True)
        if self.since is not None:
            wanted &= pc.field("example_time") >= self.since
        if self.until is not None:
            wanted &= pc.field("example_time") < self.until
        for condition in _conditions(self.where) if self.where else ():
            wanted &= _expression(condition)
        return wanted

    @property
    def told(self) -> str:
        """The conditions without values that name somebody or quote them."""
        said = ((found["column"], found["operator"], _value(found)) for found in _conditions(self.where or ""))
        return " and ".join(
            f"{column} {sign} {'…' if column in _ABOUT_PEOPLE else value}" for column, sign, value in said
        )


def _conditions(where: str) -> Iterator[re.Match[str]]:
    place, is_more = 0, True
    while is_more:
        found = _CONDITION.match(where, place)
        if not found or found["column"] not in COLUMNS:
            raise UsageError(
                f"--where {where[place:].strip()!r}: write `column operator value`, conditions joined by `and`; "
                f"columns: {', '.join(COLUMNS)}; operators: {' '.join(_OPERATORS)}"
            )
        yield found
        place, is_more = found.end(), found["more"] is not None


def _value(found: re.Match[str]) -> str:
    return found["single"] or found["double"] or found["bare"] or ""


def _expression(found: re.Match[str]) -> ds.Expression:
    column, text = found["column"], _value(found)
    vocabulary = _VOCABULARIES.get(column)
    if vocabulary and text not in vocabulary:
        raise UsageError(f"--where {found[0].strip()!r}: {column} is one of {', '.join(vocabulary)}")
    try:
        return _OPERATORS[found["operator"]](pc.field(column), pa.scalar(text).cast(COLUMNS[column]))
    except (ValueError, TypeError) as error:
        raise UsageError(f"--where {found[0].strip()!r}: {column} holds {COLUMNS[column]}: {error}") from None

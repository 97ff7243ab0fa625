"""Which candidates a data set takes: all of them, or what --since, --until and --where say.

In: text from the command line. Out: a filter over candidates, kept in the manifest.
"""

import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from schemas.errors import UsageError
from schemas.tables import TABLES

_COLUMNS: Final = ("use", "rule", "liked", "weight", "model_version", "completion", "shown", "user_key", "cluster")
_OPERATORS: Final[dict[str, Callable[[Any, Any], ds.Expression]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION: Final = re.compile(r"\s*(?P<column>\w+)\s*(?P<operator>!=|>=|<=|=|>|<)\s*(?P<value>.*?)\s*")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Answers given in [since, until), of which every condition `column operator value` of `where` is true."""

    since: datetime | None = None
    until: datetime | None = None
    where: str | None = None

    def expression(self) -> ds.Expression:
        """The filter. Raises UsageError naming the condition that means nothing."""
        wanted = pc.scalar(True)
        if self.since is not None:
            wanted &= pc.field("example_time") >= self.since
        if self.until is not None:
            wanted &= pc.field("example_time") < self.until
        for condition in re.split(r"\s+and\s+", self.where) if self.where else []:
            wanted &= _expression(condition)
        return wanted


def _expression(condition: str) -> ds.Expression:
    parts = _CONDITION.fullmatch(condition)
    if not parts or parts["column"] not in _COLUMNS:
        raise UsageError(
            f"--where {condition!r}: write `column operator value`, joined by `and`; columns: {', '.join(_COLUMNS)}"
        )
    kind = TABLES["gold/candidates"].schema.field(parts["column"]).type
    try:
        value = pa.scalar(parts["value"].strip("'\"")).cast(kind)
        return _OPERATORS[parts["operator"]](pc.field(parts["column"]), value)
    except (ValueError, TypeError) as error:
        raise UsageError(f"--where {condition!r}: {parts['column']} holds {kind}: {error}") from None

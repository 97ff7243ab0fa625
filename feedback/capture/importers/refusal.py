"""Why an export is refused as a whole, and why one part of it is left out."""

from dataclasses import dataclass
from typing import Literal

from schemas.errors import UsageError

RefusalReason = Literal[
    "not_found",
    "unreadable",  # the system does not let us
    "not_an_export",  # none of the files of this format is there
    "not_json",
    "truncated",
    "too_large",
    "zip_bomb",
    "unsafe_name",
    "link",
    "encrypted",
    "duplicate_member",
    "unsupported_compression",
]

SkipReason = Literal[
    "not_json",
    "not_an_object",
    "too_large",
    "too_deep",
    "event_too_large",
    "wrong_value",
    "no_id",
    "no_time",
    "no_messages",
    "no_answer",
    "unreachable",  # below a node that is its own ancestor
    "no_choice",
    "no_rating",
    "no_such_answer",
    "judged_by_model",
    "not_a_generation",
    "redaction_failed",
]


class ExportRefused(UsageError):
    """An export that is not read, or not read further. `where` names the file, never what is in it."""

    def __init__(self, reason: RefusalReason, where: str, detail: str) -> None:
        super().__init__(f"{where}: {reason}: {detail}")
        self.reason: RefusalReason = reason
        self.where = where
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Skipped:
    """One part of an export that is left out."""

    reason: SkipReason


class Unreadable(Exception):
    """Something in an export that is left out; only importers see it."""

    def __init__(self, reason: SkipReason) -> None:
        super().__init__(reason)
        self.reason: SkipReason = reason

"""Why an example is in one of two data sets and not in the other: one reason each, the first that holds.

In: what both sets took, left out and knew. Out: reasons. Pure: `compare` reads the tables.

An example came because the older set

* `selection`          did not select it;
* `dropped: STEP: WHY` left it out then, by a step of curation;
* `admitted since`     could not use its conversation, which validation had not admitted;
* `new conversation`, `new answer`   did not know its answer;
* `newer label`        has another example of the same answer and use, which what was said since replaced;
* `judged anew`        has the same label of the same answer, with another weight or other evidence;
* `new feedback`       did not know what it rests on.

It went because its person was `erased`, somebody withdrew their `consent`, or because the newer set does not select it,
drops it, has not admitted it (`not admitted`), has a newer label or judges it anew, or because of `newer feedback` that
took it back. Else other `configuration` or `code` made it so, or it is `unexplained`.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
Label = tuple[str, str]
"""An answer and the use of its example."""


@dataclass(frozen=True, slots=True)
class Side:
    """One data set: its examples by answer and use, ids that its candidates had, what curation left out and why."""

    labels: Mapping[Label, Row]
    candidates: Set[str]
    dropped: Mapping[str, str]
    withheld: Set[str]
    config_hash: str
    code_hash: str


@dataclass(frozen=True, slots=True)
class News:
    """What the older set did not know: ids of conversations and of answers, of events, and of answers spoken about."""

    conversations: Set[str]
    answers: Set[str]
    events: Set[str]
    spoken_about: Set[str]


@dataclass(frozen=True, slots=True)
class Departed:
    """Ids of examples whose person was erased, or whose conversation somebody has withdrawn."""

    erased: Set[str]
    withdrawn: Set[str]


def why_added(row: Row, older: Side, newer: Side, news: News) -> str:
    """Why an example of the newer set is not in the older."""
    if reason := _why_absent(row, older):
        return reason
    if row["conversation_id"] in older.withheld:
        return "admitted since"
    if row["conversation_id"] in news.conversations:
        return "new conversation"
    if row["response_id"] in news.answers:
        return "new answer"
    if reason := _why_relabelled(row, older):
        return reason
    return "new feedback" if news.events & set(row["event_ids"]) else _what_differs(older, newer)


def why_removed(row: Row, older: Side, newer: Side, news: News, departed: Departed) -> str:
    """Why an example of the older set is not in the newer."""
    if row["example_id"] in departed.erased:
        return "erased"
    if row["example_id"] in departed.withdrawn:
        return "consent"
    if reason := _why_absent(row, newer):
        return reason
    if row["conversation_id"] in newer.withheld:
        return "not admitted"
    if reason := _why_relabelled(row, newer):
        return reason
    return "newer feedback" if row["response_id"] in news.spoken_about else _what_differs(older, newer)


def _why_absent(row: Row, other: Side) -> str | None:
    """What the other set itself says of this very example."""
    if row["example_id"] in other.candidates:
        return "selection"
    reason = other.dropped.get(row["example_id"])
    return reason and f"dropped: {reason}"


def _why_relabelled(row: Row, other: Side) -> str | None:
    """Whether the other set says something else of the same answer."""
    found = other.labels.get((row["response_id"], row["use"]))
    if found is None:
        return None
    same = all(found[name] == row[name] for name in ("rule", "completion", "liked", "prompt"))
    return "judged anew" if same else "newer label"


def _what_differs(older: Side, newer: Side) -> str:
    if older.config_hash != newer.config_hash:
        return "configuration"
    return "code" if older.code_hash != newer.code_hash else "unexplained"

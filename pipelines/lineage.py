"""Lineage: what anything was made from, and what it was used for (I8).

In: the id of a person (their key), an event, a conversation, an answer, an example, a data set, a model or a release.
Out: two trees over the tables of the lake. Every edge is two columns of one table, read one way or the other; what a
model answered is not among what a model was used for, because that is everything. A person is one node, named by the
newest key, whatever key an event was stored under.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

from pipelines.bronze import CONVERSATION_TABLES
from pipelines.context import Context
from pipelines.io.lake import Lake
from pipelines.people import UserKeys, find_person, lifted, stored_keys
from schemas.errors import CheckFailed
from schemas.tables import TABLES, TableName

Kind = Literal["release", "model", "dataset", "example", "answer", "conversation", "event", "user"]
Direction = Literal["made_from", "used_by"]
Node = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Edge:
    """`made` was made from `source`: both are columns of one row of `table`; a list column names several."""

    made: Kind
    source: Kind
    table: TableName
    made_column: str
    source_column: str
    both_ways: bool = True


EDGES: Final = (
    Edge("release", "model", "ops/releases", "release_id", "model_version"),
    Edge("model", "dataset", "ops/models", "model_version", "dataset_id"),
    Edge("dataset", "example", "gold/datasets/examples", "dataset_id", "example_id"),
    Edge("example", "answer", "gold/datasets/examples", "example_id", "response_id"),
    Edge("example", "answer", "gold/candidates", "example_id", "response_id"),
    Edge("example", "event", "gold/datasets/examples", "example_id", "event_ids"),
    Edge("example", "event", "gold/candidates", "example_id", "event_ids"),
    Edge("answer", "conversation", "silver/turns", "response_id", "conversation_id"),
    Edge("answer", "event", "bronze/generations", "response_id", "event_id"),
    Edge("answer", "event", "bronze/feedback", "response_id", "event_id"),
    Edge("answer", "event", "silver/signals", "response_id", "event_ids"),
    Edge("answer", "model", "silver/turns", "response_id", "model_version", both_ways=False),
    Edge("event", "user", "bronze/generations", "event_id", "user_key"),
    Edge("event", "user", "bronze/feedback", "event_id", "user_key"),
)

_FACTS: Final[Mapping[TableName, tuple[Kind, str, tuple[str, ...]]]] = {
    "ops/releases": ("release", "release_id", ("released_at", "model_digest")),
    "ops/models": ("model", "model_version", ("trained_at", "mlflow_run_id")),
    "gold/datasets/manifests": ("dataset", "dataset_id", ("built_at", "content_hash")),
    "gold/datasets/examples": ("example", "example_id", ("use", "rule", "split")),
    "gold/candidates": ("example", "example_id", ("use", "rule", "split")),
    "silver/turns": ("answer", "response_id", ("model_version", "arm", "release_id", "turn_time")),
    "bronze/generations": ("event", "event_id", ("event_type", "topic", "partition", "offset", "event_time")),
    "bronze/feedback": ("event", "event_id", ("event_type", "topic", "partition", "offset", "event_time")),
}
"""What is said of a node: table, its kind, its id, and the columns."""


@dataclass(slots=True)
class Branch:
    """A node of a tree. `repeated`: it has been shown with its branches before."""

    kind: Kind
    id: str
    facts: dict[str, str] = field(default_factory=dict)
    branches: list["Branch"] = field(default_factory=list)
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class LineageReport:
    """Both trees of one node."""

    made_from: Branch
    used_by: Branch


_OF_CONVERSATIONS: Final[frozenset[TableName]] = frozenset(
    {"silver/signals", "gold/candidates", "gold/datasets/examples"}
)
_PLACED: Final = ("response_id", "event_ids")
"""Columns by which these tables are in no order, and lists besides have no statistics: the rows of the conversations
are looked for in their place, once for both."""


def _columns(table: TableName) -> list[str]:
    """What edges and facts name of a table, and what keys and conversations are told by."""
    named = {column for edge in EDGES if edge.table == table for column in (edge.made_column, edge.source_column)}
    if table in _FACTS:
        named |= {_FACTS[table][1], *_FACTS[table][2]}
    if "user_key" in named:
        named.add("user_key_id")
    return sorted(named | ({"response_id", "conversation_id"} & set(TABLES[table].schema.names)))


@dataclass(frozen=True, slots=True)
class _Tables:
    """The tables of one application, in which a person has one key. What was read once is not read again."""

    lake: Lake
    app: str
    keys: UserKeys
    opened: dict[TableName, DeltaTable] = field(default_factory=dict)
    known: dict[tuple[TableName, str], tuple[frozenset[str], pa.Table]] = field(default_factory=dict)

    def pairs(self, table: TableName, near: str, far: str, ids: Collection[str]) -> Iterator[tuple[str, str]]:
        """Values of two columns that stand in one row, where the near one is among `ids`."""
        rows = self.rows(table, near, ids)
        for one, other in zip(rows.column(near).to_pylist(), rows.column(far).to_pylist(), strict=True):
            for near_id in _several(one):
                if near_id in ids:
                    yield from ((near_id, far_id) for far_id in _several(other))

    def rows(self, table: TableName, key: str, ids: Collection[str]) -> pa.Table:
        """Rows whose `key` is, or whose list `key` holds, one of `ids`, in the columns that edges and facts name."""
        if key == "user_key":
            return lifted(self._found(table, key, stored_keys(self.lake, self.app, self.keys, ids)), self.keys)
        rows = self._rows(table, key, frozenset(ids))
        return lifted(rows, self.keys) if "user_key" in rows.column_names else rows

    def _rows(self, table: TableName, key: str, ids: frozenset[str]) -> pa.Table:
        if table in _OF_CONVERSATIONS and key in _PLACED:
            places = self._places(key, ids)
            if ids <= places.keys():
                within = frozenset[str]().union(*places.values())
                return _holding(self._found(table, "conversation_id", within), key, ids)
        if _is_list(table, key):
            return _holding(self._read(table, pc.scalar(True)), key, ids)
        return self._found(table, key, ids)

    def _found(self, table: TableName, key: str, ids: frozenset[str]) -> pa.Table:
        """Rows whose `key` is one of `ids`; only ids that were not asked for before are looked for."""
        asked, rows = self.known.get((table, key), (frozenset[str](), None))
        if rows is None or not ids <= asked:
            new = self._read(table, pc.field(key).isin(_array(ids - asked)))
            asked, rows = asked | ids, new if rows is None else pa.concat_tables([rows, new])
            self.known[table, key] = asked, rows
        return rows.filter(pc.field(key).isin(_array(ids)))

    def _read(self, table: TableName, where: ds.Expression) -> pa.Table:
        if table not in self.opened:
            self.opened[table] = self.lake.open(table)
        of_app = pc.field("app") == self.app
        return self.lake.read(table, _columns(table), of_app & where, self.opened[table])

    def _places(self, key: str, ids: frozenset[str]) -> dict[str, frozenset[str]]:
        """The conversations of each answer or event of which a table says it."""
        if key == "response_id":
            turns = self._found("silver/turns", key, ids).to_pylist()
            return {turn["response_id"]: frozenset({turn["conversation_id"]}) for turn in turns}
        events = [row for table in CONVERSATION_TABLES for row in self._found(table, "event_id", ids).to_pylist()]
        of_answers = self._places("response_id", frozenset(row["response_id"] for row in events if row["response_id"]))
        places = {
            row["event_id"]: of_answers.get(row["response_id"], frozenset()) | ({row["conversation_id"]} - {None})
            for row in events
        }
        return {event: where for event, where in places.items() if where}


def _holding(rows: pa.Table, key: str, ids: frozenset[str]) -> pa.Table:
    """The rows whose column or list is or holds one of `ids`."""
    column, wanted = rows.column(key).combine_chunks(), _array(ids)
    if not pa.types.is_list(column.type):
        return rows.filter(pc.is_in(column, wanted))
    return rows.take(pc.list_parent_indices(column).filter(pc.is_in(pc.list_flatten(column), wanted)).unique())


def _is_list(table: TableName, key: str) -> bool:
    return bool(pa.types.is_list(TABLES[table].schema.field(key).type))


def _array(ids: Collection[str]) -> pa.Array:
    return pa.array(sorted(ids), pa.string())


def _several(value: str | list[str] | None) -> list[str]:
    return [] if value is None else value if isinstance(value, list) else [value]


def run(context: Context, app: str, node_id: str) -> LineageReport:
    """Both trees of the node with this id. Raises CheckFailed if no table of the application knows it."""
    context.config.app(app)
    tables = _Tables(context.lake, app, UserKeys(context.settings.key_layers))
    start = _find(tables, node_id)
    return LineageReport(_tree(tables, start, "made_from"), _tree(tables, start, "used_by"))


def uses_of(context: Context, app: str, person: str) -> dict[Kind, list[str]]:
    """Ids of everything that used what a person said, by kind; `person` is the newest key."""
    tables = _Tables(context.lake, app, UserKeys(context.settings.key_layers))
    found = _below(tables, ("user", person), "used_by")
    return {kind: sorted(ids) for kind, ids in _by_kind(found.keys() - {("user", person)}).items()}


def _find(tables: _Tables, node_id: str) -> Node:
    quick, slow = _ends()
    found = _find_among(quick, tables, node_id)
    if found is None and (person := find_person(tables.lake, tables.app, tables.keys, node_id)) is not None:
        found = "user", person
    if found is None:  # what is nowhere else may have been taken out of bronze and silver
        found = _find_among(slow, tables, node_id)
    if found is not None:
        return found
    raise CheckFailed(
        f"{tables.app}: nothing is known of this id; it can be a user key, or the id of an event, a conversation, an "
        "answer (response_id), an example, a data set, a model version or a release"
    )


End = tuple[TableName, Kind, str]
"""A table, and the column in which a kind of node stands."""


def _ends() -> tuple[list[End], list[End]]:
    """Where a node may stand: what is looked for quickly, and what takes reading a whole column."""
    ends = dict[End, None]()
    for edge in EDGES:
        ends[edge.table, edge.made, edge.made_column] = None
        ends[edge.table, edge.source, edge.source_column] = None
    slow = [end for end in ends if end[0] in _OF_CONVERSATIONS and end[2] in _PLACED]
    return [end for end in ends if end not in slow and end[1] != "user"], slow


def _find_among(ends: Collection[End], tables: _Tables, node_id: str) -> Node | None:
    for table, kind, column in ends:
        if tables.rows(table, column, {node_id}).num_rows:
            return kind, node_id
    return None


def _tree(tables: _Tables, start: Node, direction: Direction) -> Branch:
    below = _below(tables, start, direction)
    return _branch(start, below, _describe(tables, below.keys()), set())


def _below(tables: _Tables, start: Node, direction: Direction) -> dict[Node, list[Node]]:
    """What can be reached, each node with the next ones: edges are read level by level, each table once for a level."""
    below = dict[Node, list[Node]]()
    level = {start}
    while level:
        found = _step(tables, level, direction)
        below |= {node: sorted(found.get(node, ())) for node in level}
        level = {node for nodes in found.values() for node in nodes} - below.keys()
    return below


def _step(tables: _Tables, level: Collection[Node], direction: Direction) -> dict[Node, set[Node]]:
    found = defaultdict[Node, set[Node]](set)
    ids = _by_kind(level)
    for edge in EDGES:
        near, far = (edge.made, edge.made_column), (edge.source, edge.source_column)
        if direction == "used_by":
            near, far = far, near
        if near[0] in ids and (edge.both_ways or direction == "made_from"):
            for one, other in tables.pairs(edge.table, near[1], far[1], ids[near[0]]):
                found[near[0], one].add((far[0], other))
    return found


def _by_kind(nodes: Collection[Node]) -> dict[Kind, set[str]]:
    ids = defaultdict[Kind, set[str]](set)
    for kind, node_id in nodes:
        ids[kind].add(node_id)
    return dict(ids)


def _describe(tables: _Tables, nodes: Collection[Node]) -> dict[Node, dict[str, str]]:
    ids, facts = _by_kind(nodes), dict[Node, dict[str, str]]()
    for table, (kind, key, columns) in _FACTS.items():
        if kind in ids:
            for row in tables.rows(table, key, ids[kind]).to_pylist():
                facts[kind, row[key]] = {name: str(row[name]) for name in columns if row[name] is not None}
    return facts


def _branch(
    node: Node, below: Mapping[Node, list[Node]], facts: Mapping[Node, dict[str, str]], shown: set[Node]
) -> Branch:
    """Depth first; what was shown before is named, not shown again."""
    kind, node_id = node
    branch = Branch(kind, node_id, facts.get(node, {}), repeated=node in shown and bool(below[node]))
    if node not in shown:
        shown.add(node)
        branch.branches = [_branch(child, below, facts, shown) for child in below[node]]
    return branch

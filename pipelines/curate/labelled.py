"""What became of each conversation before examples are compared: kept, so that a curation looks only at what is new.

In: conversations, and what earlier curations made of them. Out: the rows that still hold, the conversations that have
to be looked at, and both in gold/labelled. A row holds for exactly this conversation, code, configuration and weights:
its digest is over all of them. Who withdraws something changes their conversation, and so its digest;
the rows from before go with their other examples (`pipelines.privacy.gold`). A replay reads none of this (I3).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.curate.examples import EXAMPLE
from pipelines.io.fence import Fenced
from pipelines.io.lake import Lake, Rows
from schemas.tables import TABLES


@dataclass(frozen=True, slots=True)
class Labelled:
    """`rows` of EXAMPLE that hold; `fresh` conversations that have none, schema CONVERSATION; `stale` rows."""

    rows: list[dict[str, Any]]
    fresh: pa.Table
    digest_of: Mapping[str, bytes]
    stale: int


def read_labelled(lake: Lake, app: str, conversations: pa.Table, *made_by: str) -> Labelled:
    """What is known of `conversations`; `made_by`: versions of all else that decides."""
    digest_of = _digests(conversations, made_by)
    stored = lake.read("gold/labelled", where=pc.field("app") == app)
    current = pa.array(sorted(digest_of.values()), pa.binary())
    known = stored.filter(pc.is_in(stored.column("digest"), current))
    # A curation that died after it had written, and one beside it, wrote the same rows again.
    names = zip(known.column("digest").to_pylist(), known.column("example_id").to_pylist(), strict=True)
    places = {name: place for place, name in enumerate(names)}
    once = known.take(pa.array(places.values(), pa.int64()))
    digests = pa.array([digest_of[name] for name in conversations.column("conversation_id").to_pylist()], pa.binary())
    return Labelled(
        rows=once.select(EXAMPLE.names).to_pylist(),
        fresh=conversations.filter(pc.invert(pc.is_in(digests, once.column("digest").combine_chunks()))),
        digest_of=digest_of,
        stale=stored.num_rows - once.num_rows,
    )


def write_labelled(into: Fenced, run_id: str, known: Labelled, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what was made of the fresh conversations, and let go of what holds no more once it is the larger part.

    So all that is ever written grows with what is new. Raises InfrastructureError if words were taken out meanwhile.
    """
    schema = TABLES["gold/labelled"].schema
    if rows:
        named = [{**row, "run_id": run_id, "digest": known.digest_of[row["conversation_id"]]} for row in rows]
        into.append("gold/labelled", pa.Table.from_pylist(named, schema=schema))
    if known.stale > len(known.rows) + len(rows):
        current = pa.array(sorted(known.digest_of.values()), pa.binary())
        into.lake.rewrite("gold/labelled", Rows({"app": [into.app]}), lambda stored: _only(stored, current))


def _only(stored: pa.Table, digests: pa.Array) -> tuple[pa.Table, int]:
    kept = stored.filter(pc.is_in(stored.column("digest"), digests))
    return kept, stored.num_rows - kept.num_rows


def _digests(conversations: pa.Table, made_by: Sequence[str]) -> dict[str, bytes]:
    """SHA-256 of each conversation and everything else that its rows follow from, by conversation id."""
    common = "\n".join(made_by).encode()
    return {
        row["conversation_id"]: hashlib.sha256(common + b"\0" + row["payload"]).digest()
        for row in conversations.to_pylist()
    }

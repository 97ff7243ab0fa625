"""The record of a curation: what its candidates are a function of, and what became of everything it read.

In: a curation that has written its candidates. Out: its row of gold/curations, which makes them count.
"""

from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from feedback.agreement import Agreement
from pipelines.curate.evidence import Inputs
from pipelines.io.lake import Lake
from pipelines.runs import canonical_json
from schemas.config import Config


class Curation(msgspec.Struct, frozen=True, kw_only=True):
    """One curation. `dropped` by step, then reason. `gate_asked` answers were shown with a request to judge them.

    `personal` counts what was taken out of the examples, by type.
    """

    run_id: str
    app: str
    curated_at: datetime
    inputs: Inputs
    config: dict[str, Any]
    config_hash: str
    code_hash: str
    answers: int
    examples: dict[str, int]
    rules: dict[str, int]
    dropped: dict[str, dict[str, int]]
    gate_asked: int
    gate_answered: int
    agreement: Agreement | None = None
    """Of people who judged the same answer to the same request; None in records of before it was measured."""
    personal: dict[str, int] = {}

    def read_config(self) -> Config:
        """The configuration it was made with. Raises pydantic's ValidationError if this code knows another shape."""
        return Config.recorded(self.config)

    def is_like(self, inputs: Inputs, config_hash: str, code_hash: str) -> bool:
        """Whether a curation of these would give the same candidates."""
        # Data sets built since are of this curation: what they evaluate with, it has withheld already.
        same = msgspec.structs.replace(inputs, evaluated_through=self.inputs.evaluated_through)
        return (self.inputs, self.config_hash, self.code_hash) == (same, config_hash, code_hash)


def write_curation(lake: Lake, curation: Curation) -> None:
    """Make a curation's candidates count."""
    row = {"run_id": curation.run_id, "app": curation.app, "curated_at": curation.curated_at}
    row |= {"as_of": curation.inputs.as_of, "record": canonical_json(curation)}
    lake.append("gold/curations", [row])


def newest_curation(lake: Lake, app: str) -> Curation | None:
    """The last curation of `app`, by its run id."""
    rows = lake.read("gold/curations", ["run_id", "record"], pc.field("app") == app).to_pylist()
    if not rows:
        return None
    return msgspec.json.decode(max(rows, key=lambda row: row["run_id"])["record"], type=Curation)


def curations(lake: Lake, app: str) -> list[Curation]:
    """Every curation of `app`, in no particular order."""
    records = lake.read("gold/curations", ["record"], pc.field("app") == app).column("record")
    return [msgspec.json.decode(record, type=Curation) for record in records.to_pylist()]


def candidate_ids(lake: Lake, run_id: str) -> frozenset[str]:
    """Example ids of the candidates of a curation."""
    rows = lake.read("gold/candidates", ["example_id"], pc.field("run_id") == run_id)
    return frozenset(rows.column("example_id").to_pylist())


def candidates_of(lake: Lake, curation: Curation) -> pa.Table:
    """The candidates of a curation, in no particular order."""
    return lake.read("gold/candidates", where=pc.field("run_id") == curation.run_id)

"""Batches for the gate on feedback data: conversations of one answer and one thumb, put into bronze and extracted."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import write_deltalake

from pipelines import extract, silver
from pipelines.context import Context
from tests import bronze
from tests.events import APP, DISLIKED, LIKED, START, feedback, generation, logged


@dataclass
class Wheel:
    """A context, and what happens in it. `sent`: the events of the newest batch."""

    context: Context
    offset: int = 0
    sent: list[Any] = field(default_factory=list)

    def talk(self, conversations, judged=True, said=None, **fields):
        """Extract that many new conversations; returns their ids. `said`: fields of the feedback."""
        names, self.sent = [], []
        for _ in range(conversations):
            number = self.offset
            self.offset += 1
            names.append(f"conversation-{number}")
            of = {name: value(number) if callable(value) else value for name, value in fields.items()}
            self.sent.append(logged(generation(f"a{number}", conversation_id=names[-1], **of), number))
            if judged:
                heard = {name: value(number) if callable(value) else value for name, value in (said or {}).items()}
                who = {name: of[name] for name in ("user_key", "split_bucket") if name in of}
                record = feedback(response_id=f"a{number}", **who, **heard)
                self.sent.append(logged(record, number, event_id=f"said-{number}"))
        self.extract(self.sent)
        return names

    def extract(self, events, as_of=START):
        self.context.clock.advance(minutes=1)  # ids follow the clock
        bronze.ingest(self.context.lake, events, as_of)
        extract.run(self.context, APP)

    def crowd(self, conversations=30, **replaced):
        """What an ordinary batch is: as many people as conversations, who like two answers of three."""
        fields = {"user_key": lambda number: f"person-{number}", "split_bucket": 1, "said": {"value": mostly_liked}}
        return self.talk(conversations, **{**fields, **replaced})

    def break_rows(self, table, column, value, conversation_ids):
        """Replace a column's value in the current rows of some conversations: what no code of ours would write."""
        lake = self.context.lake
        rows = lake.read(table).to_pylist()
        for row in rows:
            if row["conversation_id"] in conversation_ids:
                row[column] = value
        data = pa.Table.from_pylist(rows, schema=lake.read(table).schema)
        write_deltalake(lake.uri(table), data, mode="overwrite")

    def admitted(self):
        return sorted(silver.admitted_revisions(self.context.lake, APP).column("conversation_id").to_pylist())

    def gates(self):
        """Newest last."""
        return self.context.lake.read("ops/gates", where=pc.field("stage") == "validate").sort_by("gate_id").to_pylist()

    def evidence(self):
        """Of the newest gate."""
        return msgspec.json.decode(self.gates()[-1]["evidence"])


def mostly_liked(number):
    return LIKED if number % 3 else DISLIKED

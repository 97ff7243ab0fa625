"""What a curation reads: admitted answers and signals, and exactly which input that is.

In: silver. Out: one row per conversation for the workers, and the facts from which the same rows can be derived again.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import pyarrow as pa

from feedback.calibration import STATED, Calibrations
from feedback.labels import Answer, Evidence, answers_of, evidence_of, with_attention
from pipelines.context import Context
from pipelines.curate.evaluated import newest_dataset
from pipelines.judging import judge_behind
from pipelines.people import UserKeys, lifted
from pipelines.personal import rules_version
from pipelines.silver import admitted_revisions, current_revisions, rows_of
from schemas.errors import InfrastructureError, NothingToDo

CONVERSATION: Final = pa.schema([("conversation_id", pa.string()), ("payload", pa.binary())])
"""One conversation on its way to a worker; `payload` is a `Payload` in MessagePack."""


class Vector(msgspec.Struct, frozen=True, order=True):
    """How far one partition of one incarnation of a topic is extracted: half-open, offsets below `next`."""

    topic_id: str
    partition: int
    next: int


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a curation is a function of, beside configuration and code (I3)."""

    as_of: datetime
    vector: list[Vector]
    withheld: list[str]
    """Conversations that validation has not admitted, sorted."""
    key_layers: int = 0
    """Layers of user keys that extract knew: a change of consent under another it could not match."""
    calibrations: Calibrations = STATED
    """By which extract judged."""
    evaluated_through: str | None = None
    """The newest data set then: what any up to it evaluates with was withheld from training."""
    personal: str = ""
    """The rules and models that find what is personal; empty in curations before there were models."""


class Payload(msgspec.Struct, frozen=True):
    """One conversation: its answers and the signals about them."""

    answers: list[Answer]
    signals: list[Evidence]


@dataclass(frozen=True, slots=True)
class Admitted:
    """The conversations a curation works on, schema CONVERSATION, and its inputs."""

    conversations: pa.Table
    inputs: Inputs


def read_admitted(context: Context, app: str) -> Admitted:
    """Admitted conversations of `app`, people under their newest key.

    Raises NothingToDo, InfrastructureError if extract runs meanwhile or has to run again, ConfigError without the
    layers of user keys.
    """
    from pipelines.extract.marks import from_milliseconds, read_marks  # brings Beam, which workers need not load

    lake = context.lake
    before = read_marks(lake.open("silver/conversations"), app)
    current = current_revisions(lake, app)
    admitted = admitted_revisions(lake, app)
    judge = judge_behind(context, app, admitted)
    keys = UserKeys(context.settings.user_keys)  # a person has had several, and counts once
    turns = lifted(rows_of(lake, "silver/turns", app, admitted), keys).to_pylist()
    signals = lifted(rows_of(lake, "silver/signals", app, admitted), keys).to_pylist()
    if read_marks(lake.open("silver/conversations"), app) != before:
        raise InfrastructureError(f"extract of {app} ran while curate was reading: run curate again")
    if not turns:
        raise NothingToDo(f"no admitted conversation of {app}: run `feedwheel extract` and `feedwheel validate`")
    withheld = set(current.column("conversation_id").to_pylist()) - set(admitted.column("conversation_id").to_pylist())
    vector = [Vector(topic_id, number, offset) for (topic_id, number), offset in before.next_offsets.items()]
    inputs = Inputs(
        as_of=from_milliseconds(before.as_of_ms),
        vector=sorted(vector),
        withheld=sorted(withheld),
        key_layers=before.layers,
        calibrations=judge.calibrations,
        evaluated_through=newest_dataset(lake, app),
        personal=rules_version(),
    )
    return Admitted(conversation_table(turns, signals), inputs)


def conversation_table(turns: Sequence[dict[str, Any]], signals: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows of silver/turns and silver/signals as one row per conversation, sorted by its id."""
    answers, evidence = defaultdict[str, list[Answer]](list), defaultdict[str, list[Evidence]](list)
    for answer in answers_of(turns):
        answers[answer.conversation_id].append(answer)
    signal_rows = list(signals)
    for row, signal in zip(signal_rows, with_attention(evidence_of(signal_rows)), strict=True):
        evidence[row["conversation_id"]].append(signal)
    names = sorted(answers)
    payloads = [msgspec.msgpack.encode(Payload(answers[name], evidence[name])) for name in names]
    return pa.table([names, payloads], schema=CONVERSATION)

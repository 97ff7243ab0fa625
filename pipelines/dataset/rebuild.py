"""Silver again, from the bronze of today: what a replay derives its examples from (I3).

In: the inputs of a curation, a configuration, and what people allow now. Out: the rows of turns and signals that
extract would write had it never run before, through the same pure functions, in memory and written nowhere.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from feedback.conversation import Logged, assemble
from feedback.detectors import reading
from pipelines.bronze import CONVERSATION_TABLES, Partition, accepted, partition_of, rows_between
from pipelines.consents import Consents, Horizon
from pipelines.curate.evidence import Inputs
from pipelines.io.lake import Lake
from pipelines.judging import judge_by
from schemas.config import Config

if TYPE_CHECKING:
    from pipelines.extract.rows import SilverRows

# Extract brings Beam, which the workers that train need not load: it is imported where it is used.


def rebuild(lake: Lake, app: str, inputs: Inputs, config: Config, consents: Consents) -> "SilverRows":
    """Turns, signals and conversations of `app` from the offsets below those of `inputs`, as they were known then."""
    from pipelines.extract.arrivals import read_arrivals, under_consents
    from pipelines.extract.recompute import read_events
    from pipelines.extract.routing import Known, route
    from pipelines.extract.rows import SilverRows

    rows, vector = SilverRows(judge_by(config, inputs.calibrations)), vector_of(inputs)
    silence = timedelta(seconds=config.extraction.abandoned_after_s)
    arrivals = [
        arrival
        for arrival in read_arrivals(lake, app, {}).events
        if arrival.position.offset < vector.get(partition_of(arrival.position), 0)
    ]
    routes = route(under_consents(consents, arrivals), Known({}, frozenset(), ()))
    name_of = {position: name for name, positions in routes.arrived.items() for position in positions}
    events = {name: list[Logged[Any]]() for name in routes.arrived}
    for event in read_events(lake, name_of):
        if (present := consents.present(event)) is not None:
            events[name_of[event.position]].append(present)
    for found in events.values():
        rows.add(reading.read(assemble(found, inputs.as_of, silence)), revision="")
    return rows


def vector_of(inputs: Inputs) -> dict[Partition, int]:
    """The offset vector of a curation's inputs."""
    return {(part.topic_id, part.partition): part.next for part in inputs.vector}


def horizon_of(inputs: Inputs) -> Horizon:
    """Which changes of consent a curation knew."""
    return Horizon(vector_of(inputs), inputs.key_layers)


def count_inputs(lake: Lake, app: str, inputs: Inputs) -> int:
    """Accepted events of `app` that bronze holds below the vector now."""
    below = rows_between({}, vector_of(inputs)) & accepted(app)
    return sum(lake.read(table, ["offset"], below).num_rows for table in CONVERSATION_TABLES)

"""Runs and their datasets, told to a lineage catalogue by OpenLineage events (https://openlineage.io/spec/2-0-2).

In: a run, what it read and what it wrote, with versions. Out: two events, one of its start and one of its end, appended
to a file or posted to a service. Lineage never ends a run: what cannot be delivered is logged. No event holds a
person's text or key: names, versions, offsets and counts only.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import httpx
import msgspec

_LOG: Final = logging.getLogger(__name__)
_TIMEOUT_S: Final = 5.0
_PATH: Final = "/api/v1/lineage"
"""Where the specification's HTTP transport posts to."""
_PRODUCER: Final = "urn:feedwheel"
_SPEC: Final = "https://openlineage.io/spec"
_EVENT_SCHEMA: Final = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_VERSION_SCHEMA: Final = f"{_SPEC}/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
_OUTPUT_SCHEMA: Final = (
    f"{_SPEC}/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet"
)
_ERROR_SCHEMA: Final = f"{_SPEC}/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet"
_OFFSETS_SCHEMA: Final = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/InputDatasetFacet"
"""Offsets are a facet of our own, of which the specification says no more."""

State = Literal["START", "COMPLETE", "FAIL"]
OffsetRange = tuple[int, int]
"""Half-open."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A topic or a table as a run saw it: `version` of a table, `offsets` read by partition, `rows` written."""

    namespace: str
    name: str
    version: int | None = None
    offsets: Mapping[str, OffsetRange] = field(default_factory=dict)
    rows: int | None = None

    @classmethod
    def topic(cls, bootstrap_servers: str, name: str, offsets: Mapping[str, OffsetRange]) -> "Dataset":
        """A Kafka topic, named after the first of its brokers."""
        return cls(f"kafka://{bootstrap_servers.split(',')[0].strip()}", name, offsets=offsets)

    @classmethod
    def table(cls, uri: str, version: int, rows: int | None = None) -> "Dataset":
        """A Delta table: by bucket and key in an object store, else by its path."""
        scheme, separator, rest = uri.partition("://")
        if not separator or scheme == "file":
            return cls("file", rest or uri, version, rows=rows)
        authority, _, key = rest.partition("/")
        return cls(f"{scheme}://{authority}", key, version, rows=rows)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run that is over. `error` is None if it came to its end."""

    run_id: str
    job: str
    started_at: datetime
    ended_at: datetime
    inputs: Sequence[Dataset]
    outputs: Sequence[Dataset]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Where events go: a file, a service, both or neither. Jobs are in `namespace`."""

    namespace: str
    file: Path | None = None
    url: str | None = None
    api_key: str | None = field(default=None, repr=False)

    def tell(self, run: RunRecord) -> None:
        """Deliver the events of a run, or log why not."""
        if self.file is None and self.url is None:
            return
        for event in events(run, self.namespace):
            try:
                self._deliver(msgspec.json.encode(event))
            except (OSError, httpx.HTTPError) as error:
                _LOG.warning("OpenLineage: run %s is not told: %s", run.run_id, _reason(error))
                return

    def _deliver(self, event: bytes) -> None:
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("ab") as file:
                file.write(event + b"\n")
        if self.url is not None:
            headers = {"Content-Type": "application/json"}
            if self.api_key:
                headers["Authorization"] = f"Bearer {self.api_key}"
            httpx.post(
                self.url.rstrip("/") + _PATH, content=event, headers=headers, timeout=_TIMEOUT_S
            ).raise_for_status()


def events(run: RunRecord, namespace: str) -> list[dict[str, Any]]:
    """The run's start and its end, as JSON objects of the specification."""
    return [
        _event(run, namespace, "START", run.started_at),
        _event(run, namespace, "COMPLETE" if run.error is None else "FAIL", run.ended_at),
    ]


def _event(run: RunRecord, namespace: str, state: State, at: datetime) -> dict[str, Any]:
    failed = {} if state != "FAIL" else {"errorMessage": _error(run.error or "")}
    return {
        "eventType": state,
        "eventTime": at.isoformat(),
        "producer": _PRODUCER,
        "schemaURL": _EVENT_SCHEMA,
        "run": {"runId": run.run_id, "facets": failed},
        "job": {"namespace": namespace, "name": run.job, "facets": {}},
        "inputs": [_input(dataset) for dataset in run.inputs],
        "outputs": [_output(dataset) for dataset in run.outputs],
    }


def _input(dataset: Dataset) -> dict[str, Any]:
    ranges = {partition: {"from": first, "to": end} for partition, (first, end) in dataset.offsets.items()}
    facets = {"feedwheel_offsets": _facet(_OFFSETS_SCHEMA, partitions=ranges)} if ranges else {}
    return _dataset(dataset) | {"inputFacets": facets}


def _output(dataset: Dataset) -> dict[str, Any]:
    facets = {} if dataset.rows is None else {"outputStatistics": _facet(_OUTPUT_SCHEMA, rowCount=dataset.rows)}
    return _dataset(dataset) | {"outputFacets": facets}


def _dataset(dataset: Dataset) -> dict[str, Any]:
    version = dataset.version
    facets = {} if version is None else {"version": _facet(_VERSION_SCHEMA, datasetVersion=str(version))}
    return {"namespace": dataset.namespace, "name": dataset.name, "facets": facets}


def _error(message: str) -> dict[str, Any]:
    return _facet(_ERROR_SCHEMA, message=message, programmingLanguage="PYTHON")


def _facet(schema: str, **values: object) -> dict[str, Any]:
    return {"_producer": _PRODUCER, "_schemaURL": schema, **values}


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"the service answers {error.response.status_code}"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__

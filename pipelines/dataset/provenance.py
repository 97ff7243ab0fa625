"""Where the words of a data set come from, and under which licence: for its manifest and for each example (I8).

In: chosen candidates. Out: the same with the columns that say who wrote the answer, and what was done to it; licences
by whose words they are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from feedwheel_capture.redact import REDACTOR

from pipelines.base_model import BASE_LICENCE, is_base_version
from pipelines.context import Context
from pipelines.personal import rules_version
from pipelines.trained import trained_models
from schemas.tables import TABLES, TableName

WRITTEN_BY_PEOPLE: Final = frozenset({"edited", "gate_corrected"})
"""Rules whose wanted answer the person wrote."""
NOT_STATED: Final = "not stated"
"""The licence of a model that was neither trained here nor is the base model: ask whoever runs it."""
PEOPLE: Final = "people's words"
READ: Final[tuple[TableName, ...]] = (
    *("bronze/generations", "bronze/feedback", "bronze/privacy"),
    *("silver/turns", "silver/signals", "gold/candidates"),
)
"""Tables behind a data set."""


def with_provenance(context: Context, app: str, chosen: pa.Table) -> pa.Table:
    """Columns of gold/datasets/examples less dataset_id: consent, transforms, generator and licence are new."""
    licence_of = _licence_of(context, app)
    generators = [generator_of(row) for row in chosen.select(["rule", "model_version"]).to_pylist()]
    people = context.config.app(app).data_licence
    values: Mapping[str, Sequence[Any]] = {
        "consent": ["content"] * chosen.num_rows,  # nothing else has text
        "transforms": [[f"redact {REDACTOR}", f"pseudonyms {rules_version()}"]] * chosen.num_rows,
        "generator": generators,
        "licence": [people if name is None else f"{people}; answer: {licence_of(name)}" for name in generators],
    }
    schema = TABLES["gold/datasets/examples"].schema
    for name, column in values.items():
        field = schema.field(name)
        chosen = chosen.append_column(field, pa.array(column, field.type))
    return chosen.select([name for name in schema.names if name != "dataset_id"])


def generator_of(row: Mapping[str, Any]) -> str | None:
    """The version of the model that wrote the answer; None if a person did.

    A resolved answer may be of either, and counts as the model's, whose licence asks for more.
    """
    return None if row["rule"] in WRITTEN_BY_PEOPLE else str(row["model_version"])


def licences(context: Context, app: str, versions: Iterable[str]) -> dict[str, str]:
    """Licences by whose words they are: people's, and those of each model version."""
    licence_of = _licence_of(context, app)
    return {PEOPLE: context.config.app(app).data_licence} | {f"model {name}": licence_of(name) for name in versions}


def _licence_of(context: Context, app: str) -> Callable[[str], str]:
    """A model trained here is the base model with an adapter, and comes under the base model's licence."""
    trained = {model.model_version for model in trained_models(context.lake, app)}
    return lambda version: BASE_LICENCE if version in trained or is_base_version(version) else NOT_STATED


def versions_read(context: Context) -> dict[str, int]:
    """Versions of the Delta tables behind a data set, as they are now."""
    return {name: context.lake.open(name).version() for name in READ}

"""Expectations on a batch as a whole: the figures of feedwheel.toml, section [validation].

In: the figures of a batch, and their bounds. Out: a suite on the one row that holds the figures, and for each figure
what is allowed, in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from pipelines.validate.expectations import Expectation, gxe
from schemas.config import Validation

TABLE: Final = "batch"
"""The name under which a batch's figures are judged."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Figures of a batch. Each is bounded by a setting of the same subject."""

    turns: int
    bronze_rejected_share: float
    silver_rejected_share: float
    duplicate_share: float
    error_share: float
    feedback_per_turn: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """A figure, its bound, and the setting that holds the bound."""

    fact: str
    setting: str
    low: float | None = None
    high: float | None = None

    @property
    def allowed(self) -> str:
        """In words."""
        return f"at least {self.low:g}" if self.low is not None else f"at most {self.high:g}"


def thresholds(validation: Validation) -> list[Threshold]:
    """The bounds in use."""
    return [
        Threshold("bronze_rejected_share", "max_rejected_share", high=validation.max_rejected_share),
        Threshold("silver_rejected_share", "max_rejected_share", high=validation.max_rejected_share),
        Threshold("duplicate_share", "max_duplicate_share", high=validation.max_duplicate_share),
        Threshold("error_share", "max_error_share", high=validation.max_error_share),
        Threshold("feedback_per_turn", "min_feedback_per_turn", low=validation.min_feedback_per_turn),
    ]


def suite_of(bounds: Sequence[Threshold]) -> list[Expectation]:
    """One expectation for each bound."""
    return [
        gxe.ExpectColumnMinToBeBetween(column=bound.fact, min_value=bound.low, max_value=bound.high) for bound in bounds
    ]


def row_of(facts: Facts) -> pa.Table:
    """The one row that the suite judges."""
    return pa.table({name: [getattr(facts, name)] for name in Facts.__slots__})

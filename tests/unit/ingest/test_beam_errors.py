"""An error of ours that a step raises arrives as what it is, in however many threads the step ran."""

import apache_beam as beam
import pytest

from pipelines.io.beam import embedded_pipeline
from schemas.errors import ConfigError, ContractViolation, InfrastructureError


def fail(error):
    raise error


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", [InfrastructureError, ContractViolation, ConfigError])
def test_an_error_of_ours_is_itself(threads, kind):
    said = r"^somewhere: something: do this \[while running 'Step'\]$"
    with pytest.raises(kind, match=said), embedded_pipeline(threads) as pipeline:
        _ = pipeline | beam.Create([kind("somewhere: something: do this")]) | "Step" >> beam.Map(fail)


def test_any_other_error_of_a_thread_stays_one():
    with pytest.raises(RuntimeError, match="division"), embedded_pipeline(2) as pipeline:
        _ = pipeline | beam.Create([0]) | beam.Map(lambda zero: 1 / zero)

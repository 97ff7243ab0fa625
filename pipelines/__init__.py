"""The turn of the wheel: one module per stage, their clients in `io`, their commands in `cli`."""

from schemas.reporting import report_nothing

report_nothing()

"""The turn of the wheel: one module per stage, their clients in `io`, their commands in `cli`."""

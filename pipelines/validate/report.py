"""What a validate run judged."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ValidateReport:
    """One gate's answer. `facts` are the batch's figures, `failures` the number of failing rows by expectation."""

    gate_id: str
    verdict: str
    seconds: float
    conversations: int
    admitted: int
    rejected: int
    facts: dict[str, float]
    failures: dict[str, int]

"""What a validate run judged."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ValidateReport:
    """One gate's answer.

    `facts` are the batch's figures, `unjudged` says of others why there are none, `failures` is the number of failing
    rows by expectation, `data_docs` the page that shows it all. A waived batch has `waived_by`.
    """

    gate_id: str
    verdict: str
    seconds: float
    conversations: int
    admitted: int
    rejected: int
    facts: dict[str, float]
    unjudged: dict[str, str]
    failures: dict[str, int]
    data_docs: str
    waived_by: str | None = None

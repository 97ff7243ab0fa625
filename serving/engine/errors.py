"""Errors of the engine, on the product's tree.

FeedwheelError
├── UsageError
│   └── PromptTooLong       the messages do not fit into the context
├── InfrastructureError
│   ├── Overloaded          too many wait; come back after `retry_after_s`
│   ├── DeadlineExceeded    the answer took longer than a request may
│   ├── Withdrawn           the model was replaced; ask again and its successor answers
│   ├── Closing             the process is shutting down; another one may answer
│   ├── NoSlotFree          as many adapters are loaded as there are slots
│   ├── EngineFault         the model or its runtime failed on this request
│   └── ProviderMissing     a GPU is required and there is none
└── ContractViolation
    └── ArtifactInvalid     the files are not the model that was named, or not one this engine runs
"""

from typing import Literal

from schemas.errors import ContractViolation, InfrastructureError, UsageError

Refusal = Literal["full", "displaced", "wait", "late"]
"""Why somebody may not wait (any longer): as many wait as may; another owner's line is shorter; the first token would
come after it is promised; it was to be in time, and cannot be any more."""


class PromptTooLong(UsageError):
    """The prompt leaves no room for an answer."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"the messages have {tokens} tokens and the context {limit}: send fewer or shorter messages")


class Overloaded(InfrastructureError):
    """More requests wait than may, or than are answered in time; after `retry_after_s` they have had their turn.

    `jobs`: attempts at answers that were asked for at once, of which all may wait, or none.
    """

    def __init__(self, waiting: int, retry_after_s: int, reason: Refusal, jobs: int = 1) -> None:
        fewer = f", or ask for fewer answers (`n`) at once: these are {jobs}" if jobs > 1 else ""
        super().__init__(f"{waiting} requests are waiting: try again in {retry_after_s} s{fewer}")
        self.retry_after_s = retry_after_s
        self.reason: Refusal = reason


class DeadlineExceeded(InfrastructureError):
    """The answer was not finished in time; its place was freed."""


class Withdrawn(InfrastructureError):
    """The model was dropped between the choice of it and the request to it."""


class Closing(InfrastructureError):
    """The process is shutting down and takes nothing more, or has not the time left to answer."""

    def __init__(self) -> None:
        super().__init__("the process is shutting down: ask another replica")


class NoSlotFree(InfrastructureError):
    """As many adapters are loaded, or still answer, as a model has slots."""


class EngineFault(InfrastructureError):
    """The runtime raised, or the model gave numbers that are none."""


class ProviderMissing(InfrastructureError):
    """The wanted execution provider does not work here."""


class ArtifactInvalid(ContractViolation):
    """A model directory is not what its reference or its configuration promises."""

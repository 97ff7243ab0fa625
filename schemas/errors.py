"""The error tree. A message says where, what, and what to do next; values are attributes.

FeedwheelError
├── UsageError              exit 2: the command was called wrongly
│   └── ConfigError         a line of feedwheel.toml or a setting is wrong
├── CheckFailed             exit 1: a check gave its answer, and the answer is no
│   ├── GateRefused         the evidence does not allow the next step
│   │   ├── Inconclusive    there is too little evidence for any verdict (I6); more comes with time
│   │   └── AwaitsApproval  the verdict is MARGINAL: a person decides
│   └── InputGone           what a replay needs is no longer there
├── NothingToDo             no new data: not a failure, but nothing follows from it
├── InfrastructureError     a service is not there or broke; trying again may help
└── ContractViolation       a record, table or artefact breaks its contract; trying again does not help
"""

from typing import ClassVar


class FeedwheelError(Exception):
    """Root of all errors raised on purpose.

    `exit_code` is what the command line returns. A scheduler tries a `retryable` one again and skips what follows one
    that `skips`; any other fails at once.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    skips: ClassVar[bool] = False


class UsageError(FeedwheelError):
    """The command was called with arguments that cannot mean anything."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting or a line of the product configuration is wrong."""


class CheckFailed(FeedwheelError):
    """A check came to its end and its answer is no."""


class GateRefused(CheckFailed):
    """A gate had evidence and refused, or had none and refused."""


class Inconclusive(GateRefused):
    """A gate has too little evidence for any verdict. Commands exit 1; a scheduler skips what follows."""

    skips = True


class AwaitsApproval(GateRefused):
    """The verdict is MARGINAL, and a person has to approve it. Commands exit 1; a scheduler skips what follows."""

    skips = True


class InputGone(CheckFailed):
    """Rows that a replay needs are no longer stored."""


class NothingToDo(FeedwheelError):
    """There is nothing new since the last run; commands exit 0 and say so, Airflow tasks skip."""

    exit_code = 0
    skips = True


class InfrastructureError(FeedwheelError):
    """A service could not be reached or broke off."""

    retryable = True


class ContractViolation(FeedwheelError):
    """Data does not have the shape its contract promises."""

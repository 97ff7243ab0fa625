"""Errors of the capture client.

CaptureError
├── EventRefused         the event is not stored
│   ├── SpoolFull        the spool has reached its bound, or the disk is full
│   ├── EventTooLarge    Kafka would refuse it, and it would hold up everything behind it
│   └── RedactionFailed  a text could not be looked through for personal data, so it is not kept
├── SpoolInUse           another process writes to the same directory
├── SpoolCorrupt         bytes before the tail do not have the checksum they were written with
├── PublishFailed        Kafka did not acknowledge; the records stay in the spool
├── SettingsWrong        the environment does not say where events go, or says it wrongly
├── WrongValue           an argument is none that it can be
└── TokenInvalid         a feedback URL was altered, or is not of this deployment, or has expired
"""

import re
import traceback
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from feedwheel_capture.vocabulary import ComplaintCategory, Consent, FeedbackKind, FinishReason, Role

_QUOTED: Final = re.compile(r"""(["']).*\1""", re.DOTALL)
"""Up to the last quote: the value may hold some itself."""
_NO_CHOICE: Final = re.compile(r"Invalid enum value '…' - at `.*?(\w+)`$")
_CHOICES: Final[dict[str, Any]] = {
    "kind": FeedbackKind,
    "category": ComplaintCategory,
    "consent": Consent,
    "role": Role,
    "finish_reason": FinishReason,
}
"""By the field that takes one of them."""


class CaptureError(Exception):
    """Root of the client's errors."""


class EventRefused(CaptureError):
    """The event is not stored; the caller decides whether its own request may go on."""


class SpoolFull(EventRefused):
    """There is no room; the same event may be stored later."""


class EventTooLarge(EventRefused):
    """The event has more than MAX_EVENT_BYTES. The message says how many."""


class RedactionFailed(EventRefused):
    """A finder broke. The message names the class of its error and never the text."""


class SpoolInUse(CaptureError):
    """One directory has one writer; give each process its own."""


class SpoolCorrupt(CaptureError):
    """A record in the middle of a segment was altered after it was written."""


class PublishFailed(CaptureError):
    """Kafka did not acknowledge every record of a batch; all of them will be sent again."""


class SettingsWrong(CaptureError):
    """The message names the variable and what it can be, never the value of a secret."""


class WrongValue(CaptureError, ValueError):
    """The message names the argument, never its value."""


class TokenInvalid(CaptureError):
    """Nobody may send feedback with it."""


def described(error: BaseException) -> str:
    """What went wrong, and where, for a log: what others say of a value may quote what somebody wrote."""
    match error:
        case CaptureError():
            return str(error)
        case msgspec.ValidationError():
            return without_values(error)
        case OSError():
            return f"{type(error).__name__}: {error.strerror}: {error.filename}"
    places = traceback.extract_tb(error.__traceback__)[-1:]
    return " ".join([type(error).__name__, *(f"in {Path(place.filename).name}:{place.lineno}" for place in places)])


def without_values(error: BaseException) -> str:
    """The message without the offending values, which may be a person's words; with what could stand there."""
    message = _QUOTED.sub("'…'", str(error)) or type(error).__name__
    if (field := _NO_CHOICE.match(message)) and (choices := _CHOICES.get(field[1])):
        return f"{message}: it can be {', '.join(get_args(choices))}"
    return message

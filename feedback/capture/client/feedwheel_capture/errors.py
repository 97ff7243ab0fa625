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
└── TokenInvalid         a feedback URL was altered, or is not of this deployment, or has expired
"""


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


class TokenInvalid(CaptureError):
    """Nobody may send feedback with it."""

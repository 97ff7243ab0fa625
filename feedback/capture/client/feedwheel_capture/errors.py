"""Errors of the capture client.

CaptureError
├── SpoolFull        the spool has reached its bound, or the disk is full
├── SpoolInUse       another process writes to the same directory
├── SpoolCorrupt     bytes before the tail do not have the checksum they were written with
├── PublishFailed    Kafka did not acknowledge; the records stay in the spool
├── RedactionFailed  a text could not be looked through for personal data, so it is not kept
├── SettingsWrong    the environment does not say where events go, or says it wrongly
└── TokenInvalid     a feedback URL was altered, or is not of this deployment, or has expired
"""


class CaptureError(Exception):
    """Root of the client's errors."""


class SpoolFull(CaptureError):
    """The event was refused and is not stored; the caller decides whether its own request may go on."""


class SpoolInUse(CaptureError):
    """One directory has one writer; give each process its own."""


class SpoolCorrupt(CaptureError):
    """A record in the middle of a segment was altered after it was written."""


class PublishFailed(CaptureError):
    """Kafka did not acknowledge every record of a batch; all of them will be sent again."""


class RedactionFailed(CaptureError):
    """A finder broke. The message names the class of its error and never the text."""


class SettingsWrong(CaptureError):
    """The message names the variable and what it can be, never the value of a secret."""


class TokenInvalid(CaptureError):
    """Nobody may send feedback with it."""

"""What an application sets to capture: the environment is read here and nowhere else, and secrets are masked.

In: environment variables. Out: one frozen record. Destination is Kafka, or a collector where the application cannot or
may not reach Kafka.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.errors import SettingsWrong
from feedwheel_capture.identity import Identity
from feedwheel_capture.spool import DEFAULT_MAX_BYTES
from feedwheel_capture.vocabulary import AppType, Consent

DEFAULT_SPOOL: Final = Path(".feedwheel") / "capture"
_SECRET_CHARS: Final = 16
"""64 bits if they are hexadecimal: a shorter one is a slip, or can be found by trying."""


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """One application's settings. Exactly one of `kafka` and `collector` says where events go."""

    app: str
    identity: Identity = field(repr=False)
    kafka: KafkaAccess | None = None
    collector: str | None = None
    api_key: str | None = field(default=None, repr=False)
    app_type: AppType = "assistant"
    consent: Consent = "signal_only"
    spool: Path = DEFAULT_SPOOL
    spool_bytes: int = DEFAULT_MAX_BYTES
    url_key: str | None = field(default=None, repr=False)
    """Signs the feedback URLs that browsers are given; the collector has the same."""
    mask_key: str | None = field(default=None, repr=False)
    """Makes masks reversible."""

    def __post_init__(self) -> None:
        if (self.kafka is None) == (self.collector is None):
            raise SettingsWrong("set either KAFKA_BOOTSTRAP_SERVERS, or FEEDWHEEL_COLLECTOR_URL and FEEDWHEEL_API_KEY")
        if self.collector is not None and self.api_key is None:
            raise SettingsWrong("FEEDWHEEL_COLLECTOR_URL needs FEEDWHEEL_API_KEY: `feedwheel keys create` makes one")

    @classmethod
    def from_environment(cls, app: str | None = None) -> "CaptureSettings":
        """Read the environment; `app` instead of FEEDWHEEL_APP. Raises SettingsWrong, naming what is missing."""
        given = os.environ
        collector, kafka = (given.get(name) or None for name in ("FEEDWHEEL_COLLECTOR_URL", "KAFKA_BOOTSTRAP_SERVERS"))
        return cls(
            app=app or _required(given, "FEEDWHEEL_APP"),
            identity=Identity(
                _secrets("FEEDWHEEL_USER_KEY_LAYERS", _required(given, "FEEDWHEEL_USER_KEY_LAYERS").split(",")),
                *_secrets("FEEDWHEEL_SPLIT_KEY", [_required(given, "FEEDWHEEL_SPLIT_KEY")]),
            ),
            kafka=None if collector or kafka is None else KafkaAccess.of(kafka, given),
            collector=collector,
            api_key=given.get("FEEDWHEEL_API_KEY") or None,
            app_type=_one_of(given, "FEEDWHEEL_APP_TYPE", get_args(AppType), "assistant"),
            consent=_one_of(given, "FEEDWHEEL_CONSENT", get_args(Consent), "signal_only"),
            spool=Path(given.get("FEEDWHEEL_CAPTURE_SPOOL", DEFAULT_SPOOL)),
            spool_bytes=_whole(given, "FEEDWHEEL_CAPTURE_SPOOL_BYTES", DEFAULT_MAX_BYTES),
            url_key=given.get("FEEDWHEEL_URL_KEY"),
            mask_key=given.get("FEEDWHEEL_MASK_KEY"),
        )


def _required(given: Mapping[str, str], name: str) -> str:
    if not given.get(name):
        raise SettingsWrong(f"{name} is not set: capture cannot start without it")
    return given[name]


def _secrets(name: str, given: Sequence[str]) -> tuple[str, ...]:
    secrets = tuple(filter(None, given))
    if not secrets or min(map(len, secrets)) < _SECRET_CHARS:
        raise SettingsWrong(f"{name} has less than {_SECRET_CHARS} characters: who tries them all reads people's ids")
    return secrets


def _one_of(given: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> Any:
    value = given.get(name, default)
    if value not in allowed:
        raise SettingsWrong(f"{name} is {value!r}: it can be {', '.join(allowed)}")
    return value


def _whole(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name, str(default))
    if not value.isdecimal() or int(value) == 0:
        raise SettingsWrong(f"{name} is {value!r}: it must be a whole number above 0")
    return int(value)

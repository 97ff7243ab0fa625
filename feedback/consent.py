"""What a person allows of what is recorded: the consent that an event carries, and every change of mind since.

In: the consent with which an event was recorded, when it happened, and all changes of its person, in any order. Out:
what may be used of it. Pure, and a function of the set of changes (I3):

* a change holds for everything before it, and for everything after it until a later change takes its place;
* of all that holds for an event, its own consent included, the strictest counts; so a grant is never retroactive;
* a change takes the place of another only if it is later by its sender's clock and not earlier by Kafka's (which stamps
  whole batches): where they disagree about the order, both hold, for a wrong clock must not undo a withdrawal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, TypeVar, get_args

import msgspec
from feedwheel_capture.consent import without_text
from feedwheel_capture.events import Exposure, Feedback, Generation
from feedwheel_capture.vocabulary import Consent

_BY_STRICTNESS: Final[tuple[Consent, ...]] = get_args(Consent)
"""The vocabulary lists what allows more first."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_ALWAYS: Final = datetime.max.replace(tzinfo=UTC)

RecordT = TypeVar("RecordT", Generation, Feedback, Exposure)


def stricter(one: Consent, other: Consent) -> Consent:
    """The one that allows less."""
    return max(one, other, key=_BY_STRICTNESS.index)


@dataclass(frozen=True, slots=True)
class Change:
    """A person allows something else. `time`: since when, as far as can be known; `appended_at` by Kafka's clock."""

    time: datetime
    appended_at: datetime
    consent: Consent


@dataclass(frozen=True, slots=True)
class Limit:
    """All changes of one person in short: nothing of what happened before `none_until` may be used, and so on."""

    none_until: datetime = _NEVER
    signal_only_until: datetime = _NEVER

    def at(self, time: datetime) -> Consent:
        """The most that may be used of what happened at `time`."""
        if time < self.none_until:
            return "none"
        return "signal_only" if time < self.signal_only_until else "content"

    @property
    def withholds(self) -> bool:
        """Whether there ever was anything but a grant of everything."""
        return self != Limit()


def limit_of(changes: Iterable[Change]) -> Limit:
    """Fold the changes of one person: each holds until the first that takes its place.

    From the latest on backwards, `later` keeps those that can take the place of an earlier one, the nearest last: any
    other is further away, and earlier by Kafka's clock.
    """
    until = dict.fromkeys(_BY_STRICTNESS, _NEVER)
    later = list[Change]()
    latest_first = sorted(sorted(changes, key=attrgetter("appended_at")), key=attrgetter("time"), reverse=True)
    for _, at_once in groupby(latest_first, key=attrgetter("time")):
        simultaneous = list(at_once)
        for change in simultaneous:
            while later and later[-1].appended_at < change.appended_at:
                later.pop()
            replaced_at = later[-1].time if later else _ALWAYS
            until[change.consent] = max(until[change.consent], replaced_at)
        later.append(simultaneous[-1])
    return Limit(until["none"], until["signal_only"])


def as_allowed(data: RecordT, limit: Consent) -> RecordT | None:
    """The record as its own consent and `limit` allow it: whole, without text, or not at all (None)."""
    consent = stricter(data.consent, limit)
    if consent == "none":
        return None
    return data if consent == "content" else without_text(msgspec.structs.replace(data, consent=consent))

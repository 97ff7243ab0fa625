"""Where each application stands: the fold of its control records, and since when.

In: control events in the order of the log. Out: one standing per application. Pure; the rules of the fold are
`feedback.rollout`'s, which the pipelines read too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from feedwheel_capture.events import Control, Decision, Event

from feedback.rollout import Rollout

_UNKNOWN: Final = Rollout()


@dataclass(frozen=True, slots=True)
class Standing:
    """`since` is when the trial under way was proposed, or shown to people; `last` the latest decision that counted."""

    rollout: Rollout = _UNKNOWN
    since: datetime | None = None
    last: Decision | None = None

    def after(self, event: Event[Control]) -> Self:
        """The standing after one more event."""
        rollout = self.rollout.after(event.data)
        if rollout == self.rollout:
            return self
        if rollout.trial is not None and rollout.trial != self.rollout.trial:
            return replace(self, rollout=rollout, since=event.time)
        if isinstance(event.data, Decision):
            return replace(self, rollout=rollout, since=None, last=event.data)
        return replace(self, rollout=rollout)


def standings(events: Iterable[Event[Control]]) -> dict[str, Standing]:
    """The standing of every application that the log names."""
    result: dict[str, Standing] = {}
    for event in events:
        result[event.data.app] = result.get(event.data.app, Standing()).after(event)
    return result


def not_yet_in(known: dict[str, Standing], events: Iterable[Event[Control]]) -> list[Event[Control]]:
    """Those of `events` that would still change something, one after the other."""
    standing, kept = dict(known), list[Event[Control]]()
    for event in events:
        before = standing.get(event.data.app, Standing())
        standing[event.data.app] = after = before.after(event)
        if after != before:
            kept.append(event)
    return kept

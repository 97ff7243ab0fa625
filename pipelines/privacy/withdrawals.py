"""What is withheld now: the stored events of everybody who withdrew something, and the conversations they are part of.

In: `bronze/privacy` and narrow columns of bronze. Out: what every later step works from, whatever was done before: a
run that was killed is done again by the same.
"""

import hashlib
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pipelines.consents import Consents, Horizon, WithheldEvent, people_behind, withheld_events
from pipelines.io.lake import Lake
from pipelines.runs import canonical_json


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """Withheld events of one application; `people_of` has the people behind them by conversation."""

    consents: Consents
    events: tuple[WithheldEvent, ...]
    people_of: Mapping[str, AbstractSet[str]]

    def conversations_unknown_to(self, horizon: Horizon) -> frozenset[str]:
        """Conversations of which something is withheld that whoever has read so far took for allowed."""
        unknown = self.consents.unknown_to(horizon)
        return frozenset(name for name, people in self.people_of.items() if people & unknown)

    def digest(self, not_extracted: Collection[str]) -> int:
        """52 bits over what is withheld from whom, and of whom silver does not show it yet.

        What silver holds words of is withheld later only where this changes: by a change of somebody's consent, by a
        layer of keys that shows whose an event was, or by extract, where it had not taken a change.
        """
        limits = sorted(
            (person, limit.none_until, limit.signal_only_until) for person, limit in self.consents.limits.items()
        )
        seen = canonical_json([len(self.consents.keys.layers), limits, sorted(not_extracted)])
        return int(hashlib.sha256(seen.encode()).hexdigest()[:13], 16)


def find(lake: Lake, app: str, consents: Consents) -> Withdrawals:
    """Everything that is withheld."""
    events = tuple(withheld_events(lake, app, consents, consents.limits.keys()))
    return Withdrawals(consents, events, people_behind(lake, app, events))

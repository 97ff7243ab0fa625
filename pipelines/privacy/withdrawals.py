"""What is withheld now: the stored events of everybody who withdrew something, and the conversations they are part of.

In: `bronze/privacy` and narrow columns of bronze. Out: what every later step works from, whatever was done before: a
run that was killed is done again by the same.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pipelines.consents import Consents, Horizon, WithheldEvent, people_behind, withheld_events
from pipelines.io.lake import Lake


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


def find(lake: Lake, app: str, consents: Consents) -> Withdrawals:
    """Everything that is withheld."""
    events = tuple(withheld_events(lake, app, consents, consents.limits.keys()))
    return Withdrawals(consents, events, people_behind(lake, app, events))

"""A challenger that nobody sees yet: it is given requests that the champion has answered, and shown to people after.

Rules, the first that applies:
 1. ROLLBACK by rules 1 to 4 of `serving.rollout.decide`: errors, latency, form; over people, by a request that both
    were given.
 2. NODATA while there are fewer than `min_users_per_arm` such people.
 3. PROMOTE, which here is to the canary, if none of these harms explains what was seen better than none does, and when
    the time is up, a hundred times better.
 4. ROLLBACK if the time is up: no evidence, no person.
 5. RUNNING otherwise.

All of it is this process's own traffic and holds without Kafka. How good answers are, nobody has said: that is the
canary's to find out.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from feedwheel_capture.events import Proposal

from schemas.config import Canary
from serving.models import LoadedModel
from serving.rollout.decide import Harms, Ruling, harms, local_ruling
from serving.rollout.shadow import ShadowTally
from serving.rollout.traffic import Seen


@dataclass(slots=True)
class ShadowTrial:
    """A shadow of one application. `harms` and `ruling`: at the last look, as people are told."""

    proposal: Proposal
    since: datetime
    model: LoadedModel
    tally: ShadowTally = field(default_factory=ShadowTally)
    harms: Harms | None = None
    ruling: Ruling = field(default_factory=lambda: Ruling("NODATA", "in the shadow, which has replied to nobody yet"))

    def judge(self, rules: Canary, now: datetime, *, publishing: bool) -> Ruling:
        """Apply the rules to what is known now. `publishing` or not: nothing of it went through Kafka."""
        seen, time_is_up = self.tally.seen(), now - self.since > timedelta(seconds=rules.max_duration_s)
        self.harms = harms(seen, rules)
        ruling = shadow_ruling(seen, self.harms, rules, time_is_up=time_is_up)
        # A promotion to the canary is none to champion, which is how a report would be read.
        self.ruling = Ruling("RUNNING", ruling.rationale) if ruling.state == "PROMOTE" else ruling
        return ruling

    def evidence(self) -> dict[str, Any]:
        """What the shadow has shown so far, as plain values."""
        return {"shadow": msgspec.to_builtins(self.tally.counts()), "harms": msgspec.to_builtins(self.harms)}

    def end(self) -> None:
        """Nothing is open."""


def shadow_ruling(seen: Seen, found: Harms, rules: Canary, *, time_is_up: bool) -> Ruling:
    """What is to happen with a shadow, and why."""
    harm = local_ruling(seen, found, rules)
    if harm is not None:
        return Ruling(harm.state, f"{harm.rationale}, in the shadow")
    people = f"{found.errors.n} of {rules.min_users_per_arm} people in the shadow"
    has_enough = found.errors.n >= rules.min_users_per_arm
    suspect = found.suspect(time_is_up=time_is_up)
    if has_enough and suspect is None:
        return Ruling("PROMOTE", f"no harm: {people}")
    doubt = f"; {suspect} may be worse" if suspect else ""
    if time_is_up:
        return Ruling("ROLLBACK", f"no evidence when the time was up: {people}{doubt}")
    return Ruling("RUNNING" if has_enough else "NODATA", f"{people}{doubt}")

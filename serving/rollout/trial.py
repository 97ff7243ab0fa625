"""One test under way: a challenger, the evidence on both arms, and what the rules make of it now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.events import Proposal

from schemas.config import Canary
from serving.models import LoadedModel
from serving.rollout.decide import Comparison, Harms, Ruling, compare, harms, local_ruling, quality_ruling
from serving.rollout.evidence import Evidence, Outcomes
from serving.rollout.reader import EvidenceReader
from serving.rollout.shadow_trial import ShadowTrial
from serving.rollout.state import Standing
from serving.rollout.traffic import Traffic

_NOTHING_SEEN: Final = compare(Outcomes(), alpha=1.0)
_WORTH_A_LOOK: Final = 1.01
_UNREAD: Final = Ruling("NODATA", "no evidence has been read yet")
_PAUSED: Final = Ruling("NODATA", "Kafka is out of reach: quality is not judged until it is back")


@dataclass(slots=True)
class Trial:
    """A test of one application. `comparison`: of both arms, when `answers` had matured; `harms`: at the last look."""

    proposal: Proposal
    since: datetime
    model: LoadedModel
    reader: EvidenceReader
    traffic: Traffic
    answers: int = 0
    comparison: Comparison = _NOTHING_SEEN
    harms: Harms | None = None
    ruling: Ruling = _UNREAD

    def judge(self, rules: Canary, now: datetime, *, publishing: bool) -> Ruling:
        """Apply the rules to what is known now. `publishing`: this process's own events reach Kafka."""
        self.ruling = self._judge(rules, now, publishing=publishing)
        return self.ruling

    def _judge(self, rules: Canary, now: datetime, *, publishing: bool) -> Ruling:
        seen = self.traffic.snapshot(self.proposal.release_id)
        self.harms = harms(seen, rules)
        if (ruling := local_ruling(seen, self.harms, rules)) is not None:
            return ruling
        if not (self.reader.current and publishing):
            return _PAUSED
        time_is_up = now - self.since > timedelta(seconds=rules.max_duration_s)
        difference = self._look(rules.alpha).difference
        suspect = self.harms.suspect(time_is_up=time_is_up)
        return quality_ruling(difference, self.proposal.verdict, rules, time_is_up=time_is_up, suspect=suspect)

    def _look(self, alpha: float) -> Comparison:
        """Both arms; the intervals are computed anew only where more answers have matured since, of many one in 100.

        A later look sees all that an earlier one would have, and so looks cost no more than answers, however many come.
        """
        outcomes = self.reader.outcomes()
        if outcomes.answers > _WORTH_A_LOOK * self.answers:
            self.answers = outcomes.answers
            self.comparison = compare(outcomes, alpha)
        return self.comparison

    def evidence(self) -> dict[str, Any]:
        """What both arms have shown so far, as plain values."""
        seen = self.traffic.snapshot(self.proposal.release_id)
        said = {"champion": self.comparison.champion, "challenger": self.comparison.challenger}
        counted = {"champion": seen.champion, "challenger": seen.challenger}
        return {
            "arms": {arm: {**msgspec.to_builtins(said[arm]), **msgspec.to_builtins(counted[arm])} for arm in said},
            "difference": msgspec.to_builtins(self.comparison.difference),
            "harms": msgspec.to_builtins(self.harms),
        }

    def end(self) -> None:
        """Stop reading, and forget what was counted."""
        self.reader.close()
        self.traffic.forget(self.proposal.release_id)


def open_trial(
    proposal: Proposal,
    since: datetime,
    model: LoadedModel,
    traffic: Traffic,
    *,
    maturity_s: float,
    kafka: KafkaAccess,
    clock: Callable[[], datetime],
) -> Trial:
    """Begin to read the evidence on a proposal that was made at `since`."""
    evidence = Evidence(proposal.app, proposal.release_id, timedelta(seconds=maturity_s))
    reader = EvidenceReader(kafka, evidence, since, clock)
    reader.start()
    traffic.begin(proposal.release_id)
    return Trial(proposal, since, model, reader, traffic)


def rollout_report(app: str, standing: Standing, trial: Trial | ShadowTrial | None) -> dict[str, Any]:
    """A rollout for people and for the pipelines: of the test under way, else of the last one decided."""
    report: dict[str, Any] = {
        "app": app,
        "champion": msgspec.to_builtins(standing.rollout.champion),
        "release_id": None,
        "state": None,
        "rationale": None,
        "by": None,
        "challenger": None,
        "verdict": None,
        "since": None,
        "arms": {},
        "difference": None,
        "harms": None,
        "shadow": None,
        "decisions": dict(standing.rollout.endings),
    }
    if trial is not None:
        return report | _of_trial(trial)
    if (last := standing.last) is not None:
        decided = {name: getattr(last, name) for name in ("release_id", "state", "rationale", "by")}
        return report | decided | last.evidence
    return report


def _of_trial(trial: Trial | ShadowTrial) -> dict[str, Any]:
    return {
        "release_id": trial.proposal.release_id,
        "state": trial.ruling.state,
        "rationale": trial.ruling.rationale,
        "challenger": msgspec.to_builtins(trial.proposal.model),
        "verdict": trial.proposal.verdict,
        "since": trial.since.isoformat(),
        "shadow": trial.proposal.evidence.get("shadow"),
        **trial.evidence(),
    }

"""The one who acts: holds the models that the control log names, and ends a test when its rules say so.

In: standings of the control log, evidence of the test under way, this process's own traffic. Out: a lineup per
application, and decisions. It runs on one thread; the request path only ever reads the lineup in force, so a switch is
the replacement of one reference, and a model is dropped when it has answered what it had accepted.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from feedwheel_capture.access import KafkaAccess
from feedwheel_capture.events import Decision, ModelRef, Proposal
from feedwheel_capture.vocabulary import FinalState

from schemas.config import Config
from serving.models import LoadedModel, ModelPool
from serving.rollout.arms import Challenger, Lineup, Shadow
from serving.rollout.control_log import ControlLog
from serving.rollout.decide import Ruling
from serving.rollout.loader import PatientLoader
from serving.rollout.shadow_trial import ShadowTrial
from serving.rollout.state import Standing
from serving.rollout.traffic import Traffic
from serving.rollout.trial import Trial, open_trial, rollout_report

_LOG: Final = logging.getLogger(__name__)
_TICK_S: Final = 0.5
"""A decision takes effect within about a second."""
_LOADS: Final = 3
"""Of a challenger, before it is given up: where a process is overloaded or has no slot free, that may pass."""


@dataclass(frozen=True, slots=True)
class RolloutServices:
    """What the supervisor works with."""

    config: Config
    kafka: KafkaAccess
    replica: str
    pool: ModelPool
    control: ControlLog
    traffic: Traffic
    publishing: Callable[[], bool]
    """Whether this process's own events reach Kafka: evidence that lacks them is not judged."""
    clock: Callable[[], datetime]


class RolloutSupervisor:
    """Keeps lineups in step with the control log."""

    def __init__(self, services: RolloutServices) -> None:
        self._services = services
        self.switches = 0
        self._lineups: dict[str, Lineup] = {}
        self._trials: dict[str, Trial | ShadowTrial] = {}
        self._champions = PatientLoader(services.pool, "champion")
        self._challengers = PatientLoader(services.pool, "challenger")
        self._reports: dict[str, dict[str, Any]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feedwheel-rollout", daemon=True)

    @property
    def lineups(self) -> Mapping[str, Lineup]:
        """The lineup in force of every application that has a champion."""
        return self._lineups

    @property
    def faults(self) -> dict[str, str]:
        """Why the named champion of an application does not answer; another may meanwhile."""
        return {app: str(failure.error) for app, failure in self._champions.failures.items()}

    def report(self, app: str) -> dict[str, Any]:
        """State, arms, intervals, last decision: for people and for the pipelines."""
        return self._reports.get(app) or rollout_report(app, Standing(), None)

    def start(self) -> None:
        """Load what the mirror names, then begin to act."""
        self._thread.start()

    def close(self) -> None:
        """Stop acting; what is loaded stays."""
        self._stopping.set()
        self._thread.join()
        for trial in self._trials.values():
            trial.end()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.tick()
            except Exception:  # whatever it is, the models that serve go on serving
                _LOG.exception("the rollout stumbled; it tries again")
            self._stopping.wait(_TICK_S)

    def tick(self) -> None:
        """One round: champions, challengers, rulings, and then the models that nobody needs any more."""
        standings = self._services.control.standings()
        known = {app: standing for app, standing in standings.items() if app in self._services.config.apps}
        for app, standing in known.items():
            try:
                self._follow(app, standing)
            except Exception:  # the other applications' rollouts go on
                _LOG.exception("the rollout of %s stumbled; it tries again", app)
        self._services.control.send()
        self._services.pool.keep(self._wanted(known))

    def _follow(self, app: str, standing: Standing) -> None:
        rollout = standing.rollout
        self._end_old_trial(app, rollout.trial)
        is_led = rollout.champion is not None and self._load_champion(app, rollout.champion)
        if is_led and rollout.trial is not None and standing.since is not None:
            self._pursue(app, rollout.trial, standing.since)
        self._reports = {**self._reports, app: rollout_report(app, standing, self._trials.get(app))}

    def _wanted(self, standings: Mapping[str, Standing]) -> set[ModelRef]:
        """Champions, the ones a rollback returns to, challengers, and whatever answers now."""
        wanted = {reign.model for standing in standings.values() for reign in standing.rollout.reigns[-2:]}
        for lineup in self._lineups.values():
            wanted |= {lineup.champion.ref}
            wanted |= {tried.model.ref for tried in (lineup.challenger, lineup.shadow) if tried}
        return wanted

    def _load_champion(self, app: str, ref: ModelRef) -> bool:
        """Make `ref` the champion in force; whether it is."""
        current = self._lineups.get(app)
        if current is not None and current.champion.ref == ref:
            self._champions.forget(app)  # another that was named meanwhile is of no concern any more
            return True
        champion = self._champions.load(app, ref)
        if champion is None:
            return False
        self._line_up(app, champion)
        self.switches += 1
        _LOG.info("champion in force", extra={"app": app, "version": ref.version})
        return True

    def _line_up(self, app: str, champion: LoadedModel) -> None:
        """Put a champion, and the challenger on trial if there is one, into force."""
        lineup = Lineup(champion)
        match self._trials.get(app):
            case Trial(proposal, _, model):
                lineup = Lineup(champion, Challenger(proposal.release_id, proposal.share, model))
            case ShadowTrial(proposal, _, model, tally):
                lineup = Lineup(champion, shadow=Shadow(proposal.release_id, proposal.shadow_share, model, tally))
        self._lineups = {**self._lineups, app: lineup}

    def _end_old_trial(self, app: str, proposal: Proposal | None) -> None:
        trial = self._trials.get(app)
        if trial is None or trial.proposal == proposal:
            return
        trial.end()
        del self._trials[app]
        self._line_up(app, self._lineups[app].champion)

    def _pursue(self, app: str, proposal: Proposal, since: datetime) -> None:
        """Begin a test, or look whether its rules end it."""
        if app not in self._trials and not self._begin(app, proposal, since):
            return
        services, trial = self._services, self._trials[app]
        rules = services.config.canary_of(app)
        ruling = trial.judge(rules, services.clock(), publishing=services.publishing())
        if ruling.state == "PROMOTE" and proposal.shadow_share:
            self._show(proposal, ruling, trial.evidence())
        elif ruling.state in ("PROMOTE", "ROLLBACK"):
            self._decide(proposal, ruling, trial.evidence())

    def _begin(self, app: str, proposal: Proposal, since: datetime) -> bool:
        model = self._challengers.load(app, proposal.model)
        if model is None:
            failure = self._challengers.failures[app]
            if not failure.error.retryable or failure.times >= _LOADS:
                self._challengers.forget(app)
                self._decide(proposal, Ruling("ROLLBACK", f"the challenger does not load: {failure.error}"), {})
            return False
        self._trials[app] = self._opened(proposal, since, model)
        self._line_up(app, self._lineups[app].champion)
        share, shadow_share = proposal.share, proposal.shadow_share
        about = {"app": app, "release": proposal.release_id, "share": share, "shadow_share": shadow_share}
        _LOG.info("test begins", extra=about)
        return True

    def _opened(self, proposal: Proposal, since: datetime, model: LoadedModel) -> Trial | ShadowTrial:
        services = self._services
        if proposal.shadow_share:
            return ShadowTrial(proposal, since, model)
        return open_trial(
            proposal,
            since,
            model,
            services.traffic,
            maturity_s=services.config.canary_of(proposal.app).maturity_s,
            kafka=services.kafka,
            clock=services.clock,
        )

    def _show(self, proposal: Proposal, ruling: Ruling, evidence: dict[str, Any]) -> None:
        """Let people be drawn to what the shadow found no harm in."""
        # As the log will give it back, where nan is null: a trial is known by its proposal, and must not begin anew.
        evidence = msgspec.json.decode(msgspec.json.encode(evidence))
        shown = msgspec.structs.replace(proposal, shadow_share=0.0, rationale=ruling.rationale, evidence=evidence)
        self._services.control.decide(shown)
        _LOG.info("shown to people", extra={"app": proposal.app, "release": proposal.release_id})

    def _decide(self, proposal: Proposal, ruling: Ruling, evidence: dict[str, Any]) -> None:
        state: FinalState = "PROMOTE" if ruling.state == "PROMOTE" else "ROLLBACK"
        decision = Decision(
            app=proposal.app,
            release_id=proposal.release_id,
            state=state,
            by=self._services.replica,
            rationale=ruling.rationale,
            evidence=evidence,
        )
        self._services.control.decide(decision)
        _LOG.info("decided", extra={"app": proposal.app, "release": proposal.release_id, "state": state})

"""Who is champion and who is on trial: a fold of the control log, the same for every reader (design, section 5).

In: the control records of one application, in the order of the log. Out: the state they add up to. A record that is not
valid where it stands changes nothing, so every replica may append, and the first valid decision wins. One trial at a
time: a proposal that comes during another's, or whose gate did not allow it, is void; propose again afterwards. After a
promotion only an operator's rollback counts, or a slower replica's view would undo it; it ends a trial against the
champion that it takes away, which would prove nothing against another. A trial that begins in the shadow is shown to
people when it is proposed again without one, and never goes back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

import msgspec
from feedwheel_capture.events import Baseline, Control, Decision, ModelRef, Proposal
from feedwheel_capture.vocabulary import FinalState, GateVerdict

OPERATOR: Final = "operator"
"""Author of a decision that a person made."""
ALLOWED: Final[frozenset[GateVerdict]] = frozenset({"PASS", "MARGINAL", "WAIVED"})
"""Verdicts that a proposal can stand on (I6): evidence for it, approved evidence, or a recorded waiver."""


@dataclass(frozen=True, slots=True)
class Reign:
    """A champion, and the release that made it so; None for the baseline."""

    model: ModelRef
    release_id: str | None


@dataclass(frozen=True, slots=True)
class Rollout:
    """`reigns` are the champions that a rollback can return to, the present one last.

    `trial` is the proposal that people are being drawn to, or, while it has a `shadow_share`, that is given what the
    champion answers. `endings` holds every release that was decided and how.
    """

    reigns: tuple[Reign, ...] = ()
    trial: Proposal | None = None
    endings: tuple[tuple[str, FinalState], ...] = ()

    @classmethod
    def of(cls, records: Iterable[Control]) -> Self:
        """The state after all `records`."""
        state = cls()
        for record in records:
            state = state.after(record)
        return state

    @property
    def champion(self) -> ModelRef | None:
        """The model that serves everyone who is not drawn to a challenger; None before the baseline."""
        return self.reigns[-1].model if self.reigns else None

    def after(self, record: Control) -> Self:
        """The state after one more record."""
        match record:
            case Baseline() if not self.reigns:
                return replace(self, reigns=(Reign(record.model, None),))
            case Proposal() if self.reigns and self.trial is None and self._may_be_tried(record):
                return replace(self, trial=record)
            case Proposal() if self.trial is not None and _shows(self.trial, record):
                # What was proposed is what is tried: the second record adds evidence, and can change nothing else.
                return replace(
                    self, trial=msgspec.structs.replace(self.trial, shadow_share=0.0, evidence=record.evidence)
                )
            case Decision():
                return self._decided(record)
        return self

    def _decided(self, decision: Decision) -> Self:
        ended = (*self.endings, (decision.release_id, decision.state))
        if self.trial is not None and self.trial.release_id == decision.release_id:
            promoted = (Reign(self.trial.model, self.trial.release_id),) if decision.state == "PROMOTE" else ()
            return replace(self, reigns=(*self.reigns, *promoted), trial=None, endings=ended)
        reigning = bool(self.reigns) and self.reigns[-1].release_id == decision.release_id
        if reigning and decision.state == "ROLLBACK" and decision.by == OPERATOR:
            against_it: tuple[tuple[str, FinalState], ...] = ()
            if self.trial is not None:
                against_it = ((self.trial.release_id, "ROLLBACK"),)
            return replace(self, reigns=self.reigns[:-1], trial=None, endings=(*ended, *against_it))
        return self

    def _may_be_tried(self, proposal: Proposal) -> bool:
        known = proposal.release_id in (release_id for release_id, _ in self.endings)
        return not known and proposal.verdict in ALLOWED


def _shows(trial: Proposal, again: Proposal) -> bool:
    """Whether a second proposal ends the shadow of a first."""
    return trial.release_id == again.release_id and trial.shadow_share > 0 and again.shadow_share == 0

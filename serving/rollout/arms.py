"""Who is answered by which model."""

from dataclasses import dataclass

from feedwheel_capture.identity import Person
from feedwheel_capture.vocabulary import Arm

from feedback.split import arm_of, unit_draw
from serving.models import LoadedModel
from serving.rollout.shadow import ShadowTally


@dataclass(frozen=True, slots=True)
class Assignment:
    """The model that answers one request, and under which name that counts."""

    model: LoadedModel
    arm: Arm
    release_id: str | None


@dataclass(frozen=True, slots=True)
class Challenger:
    """A model on trial; `share` of the people are drawn to it, the same ones throughout."""

    release_id: str
    share: float
    model: LoadedModel


@dataclass(frozen=True, slots=True)
class Shadow:
    """A model that is given `share` of the requests which the champion has answered. It answers nobody."""

    release_id: str
    share: float
    model: LoadedModel
    tally: ShadowTally

    def is_drawn(self, response_id: str) -> bool:
        """Whether it is to be given the request of an answer."""
        return unit_draw("shadow", self.release_id, response_id) < self.share


@dataclass(frozen=True, slots=True)
class Lineup:
    """The models of one application. It is replaced whole, so a request sees one state of the rollout."""

    champion: LoadedModel
    challenger: Challenger | None = None
    shadow: Shadow | None = None

    def assign(self, person: Person | None, conversation_id: str) -> Assignment:
        """Draw the arm of a person, or of a conversation whose person is not known."""
        trial = self.challenger
        if trial is None:
            return Assignment(self.champion, "champion", None)
        unit = person.user_key if person and person.user_key else conversation_id
        arm = arm_of(trial.release_id, unit, trial.share)
        return Assignment(trial.model if arm == "challenger" else self.champion, arm, trial.release_id)

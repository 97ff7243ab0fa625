"""What people's feedback says about the two arms of one test: pure, fed with events in any order.

In: generation and feedback events. Out: per arm, one outcome per person, in the order in which outcomes became final,
and the same people in pairs, one of each arm.

A person counts once: by their first answer of this test that was judged within the maturity window. The value is final
when the window closes and never changes again, which is what an interval that may be looked at any time needs; a mean
over all answers of a person would go on moving.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from feedwheel_capture.events import Event, Feedback, Generation
from feedwheel_capture.vocabulary import Arm, Fallback

from feedback.pairing import Paired
from feedback.polarity import Circumstances
from feedback.quality import Said, answer_quality
from feedback.statistics import Floats

_ORPHANS_KEPT: Final = timedelta(minutes=10)
"""Feedback whose answer is not known waits so long for it; after that its answer is not of this test."""
_ANSWERED_BY_OTHERS: Final[frozenset[Fallback]] = frozenset({"champion", "cached", "person"})
"""What people say of these they do not say of their arm's model. A refusal is what came of its own answer."""


@dataclass(slots=True)
class ArmOutcomes:
    """One arm's people. `quality`: 0..1, one per judged person. `responded`: 1 if their first answer was judged."""

    quality: list[float] = field(default_factory=list)
    responded: list[float] = field(default_factory=list)
    answers: int = 0
    judged_answers: int = 0

    def quality_values(self) -> Floats:
        """float64 [judged people], 0..1, oldest first."""
        return np.array(self.quality, np.float64)

    def responded_values(self) -> Floats:
        """float64 [people], 0 or 1, oldest first."""
        return np.array(self.responded, np.float64)


@dataclass(slots=True)
class Outcomes:
    """Both arms' people, and their values in pairs, challenger minus champion."""

    arms: dict[Arm, ArmOutcomes] = field(
        default_factory=lambda: {"champion": ArmOutcomes(), "challenger": ArmOutcomes()}
    )
    quality: Paired = field(default_factory=Paired)
    responses: Paired = field(default_factory=Paired)

    @property
    def answers(self) -> int:
        """Answers that are final, of both arms."""
        return sum(arm.answers for arm in self.arms.values())

    def respond(self, arm: Arm, *, judged: bool) -> None:
        """One more person: whether they judged their first answer."""
        self.arms[arm].responded.append(float(judged))
        self.responses.add(float(judged), treated=arm == "challenger")

    def judge(self, arm: Arm, quality: float) -> None:
        """One more judged person: what they said, 0..1."""
        self.arms[arm].quality.append(quality)
        self.quality.add(quality, treated=arm == "challenger")


@dataclass(frozen=True, slots=True)
class _Answered:
    time: datetime
    generation: Generation

    @property
    def unit(self) -> str:
        """The person, or the conversation of one who is not known."""
        return self.generation.user_key or self.generation.conversation_id


@dataclass(slots=True)
class Evidence:
    """The test of one release. `settle` decides what is final; everything before it is only collected."""

    app: str
    release_id: str
    maturity: timedelta
    outcomes: Outcomes = field(default_factory=Outcomes)
    _open: dict[str, _Answered] = field(default_factory=dict)
    _said: defaultdict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    _settled: set[str] = field(default_factory=set)
    _seen_people: set[str] = field(default_factory=set)
    _judged_people: set[str] = field(default_factory=set)

    def add(self, event: Event[Any]) -> None:
        """Take one event; those of other applications and releases are no evidence, nor are repeats."""
        match event.data:
            case Generation(app=self.app, release_id=self.release_id, response_id=response, fallback=fallback):
                if response not in self._settled and fallback not in _ANSWERED_BY_OTHERS:
                    self._open.setdefault(response, _Answered(event.time, event.data))
            case Feedback(app=self.app, response_id=str(response)):
                if response not in self._settled:
                    self._said[response].append(Said(event.time, event.data))

    def settle(self, now: datetime) -> None:
        """Close the window of every answer that is older than the maturity time."""
        mature = [answer for answer in self._open.values() if answer.time + self.maturity <= now]
        for answer in sorted(mature, key=lambda answer: (answer.time, answer.generation.response_id)):
            self._close(answer)
        old = now - self.maturity - _ORPHANS_KEPT
        for response in [response for response, said in self._said.items() if said[-1].time < old]:
            if response not in self._open:
                del self._said[response]

    def _close(self, answer: _Answered) -> None:
        response, name = answer.generation.response_id, answer.generation.arm
        arm = self.outcomes.arms[name]
        self._settled.add(response)
        del self._open[response]
        quality = self._quality(answer, self._said.pop(response, []))
        arm.answers += 1
        arm.judged_answers += quality is not None
        if answer.unit not in self._seen_people:
            self._seen_people.add(answer.unit)
            self.outcomes.respond(name, judged=quality is not None)
        if quality is not None and answer.unit not in self._judged_people:
            self._judged_people.add(answer.unit)
            self.outcomes.judge(name, quality)

    def _quality(self, answer: _Answered, said: list[Said]) -> float | None:
        """By what its own person said in time: nobody judges an answer that another person got."""
        generation = answer.generation
        own = [
            one
            for one in said
            if one.time <= answer.time + self.maturity and one.feedback.user_key == generation.user_key
        ]
        return answer_quality(own, Circumstances(generation.app_type, generation.response_id, generation.output))

"""The decision on a challenger: pure, from evidence to a ruling.

Rules, the first that applies:
 1. ROLLBACK if the challenger's requests fail: the lower bound of its error rate is above `max_error_rate`.
 2. ROLLBACK if it is slow: its median latency is above `max_latency_ratio` times the champion's.
 3. ROLLBACK if it is worse: the upper bound of the difference in quality is below 0.
 4. NODATA while an arm has fewer than `min_users_per_arm` judged people.
 5. PROMOTE if it is better: the lower bound is above 0.
 6. PROMOTE if it is not worse (lower bound above -margin, estimate not negative) and either its gate found it better
    (verdict PASS), so that live traffic only has to rule out harm, or the time is up.
 7. ROLLBACK if the time is up: no evidence, no release.
 8. RUNNING otherwise.

Rules 1 and 2 need this process's own traffic only and hold without Kafka. The bounds are always valid, however often
they are looked at, with error rate alpha. Where the two arms' people respond at different rates (the interval of that
difference lacks 0), the people that one arm lacks are taken to be the worst for the challenger: the lower bound sinks
by the difference of the rates.
"""

from dataclasses import dataclass
from typing import Final

from feedwheel_capture.vocabulary import GateVerdict, RolloutState

from feedback.statistics import Interval, difference_at_any_time, mean_at_any_time
from schemas.config import Canary
from serving.rollout.evidence import ArmOutcomes
from serving.rollout.traffic import ArmTraffic

_LEAST_REQUESTS: Final = 20
"""Of each arm before medians of latency are compared: below, one slow start decides."""


@dataclass(frozen=True, slots=True)
class ArmView:
    """What people said of one arm. `quality` and `responded` are means over people, with intervals to look at."""

    people: int
    answers: int
    judged_answers: int
    quality: Interval
    responded: Interval


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both arms, and the interval of challenger minus champion that decides; its `n` counts pairs of judged people."""

    champion: ArmView
    challenger: ArmView
    difference: Interval


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to happen, and why."""

    state: RolloutState
    rationale: str


def compare(champion: ArmOutcomes, challenger: ArmOutcomes, alpha: float) -> Comparison:
    """Both arms as they are now. Raises ValueError if a value is outside 0..1."""
    return Comparison(
        _arm_view(champion, alpha), _arm_view(challenger, alpha), quality_difference(champion, challenger, alpha)
    )


def _arm_view(outcomes: ArmOutcomes, alpha: float) -> ArmView:
    return ArmView(
        people=len(outcomes.responded),
        answers=outcomes.answers,
        judged_answers=outcomes.judged_answers,
        quality=mean_at_any_time(outcomes.quality_values(), alpha),
        responded=mean_at_any_time(outcomes.responses(), alpha),
    )


def quality_difference(champion: ArmOutcomes, challenger: ArmOutcomes, alpha: float) -> Interval:
    """Challenger minus champion, the lower bound lowered where the arms respond at different rates."""
    difference = difference_at_any_time(champion.quality_values(), challenger.quality_values(), alpha)
    gap = difference_at_any_time(champion.responses(), challenger.responses(), alpha)
    if gap.low <= 0 <= gap.high:
        return difference
    return Interval(difference.estimate, max(-1.0, difference.low - abs(gap.estimate)), difference.high, difference.n)


def local_ruling(champion: ArmTraffic, challenger: ArmTraffic, rules: Canary) -> Ruling | None:
    """Rules 1 and 2; None where neither applies."""
    if challenger.errors > rules.max_error_rate * challenger.requests:
        errors = mean_at_any_time(challenger.failures(), rules.alpha)
        if errors.low > rules.max_error_rate:
            share = f"{challenger.errors} of {challenger.requests} requests"
            return Ruling("ROLLBACK", f"errors: {share} failed, at most {rules.max_error_rate:.0%} may")
    before, after = champion.median_latency_ms, challenger.median_latency_ms
    enough = min(champion.requests - champion.errors, challenger.requests - challenger.errors) >= _LEAST_REQUESTS
    if enough and before and after and after > rules.max_latency_ratio * before:
        return Ruling(
            "ROLLBACK",
            f"latency: median {after:.0f} ms against {before:.0f} ms, at most {rules.max_latency_ratio} times",
        )
    return None


def quality_ruling(difference: Interval, verdict: GateVerdict, rules: Canary, *, time_is_up: bool) -> Ruling:
    """Rules 3 to 8, by the difference in quality."""
    bounds = f"difference {difference.estimate:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    judged = difference.n
    if judged and difference.high < 0:
        return Ruling("ROLLBACK", f"worse: {bounds}")
    if judged < rules.min_users_per_arm:
        if time_is_up:
            return Ruling("ROLLBACK", f"no evidence: {judged} judged people in an arm when the time was up")
        return Ruling("NODATA", f"{judged} of {rules.min_users_per_arm} judged people in an arm")
    if difference.low > 0:
        return Ruling("PROMOTE", f"better: {bounds}")
    not_worse = difference.low > -rules.margin and difference.estimate >= 0
    if not_worse and (verdict == "PASS" or time_is_up):
        return Ruling("PROMOTE", f"not worse by {rules.margin}: {bounds}")
    if time_is_up:
        return Ruling("ROLLBACK", f"no evidence when the time was up: {bounds}")
    return Ruling("RUNNING", bounds)

"""The decision on a challenger: pure, from evidence to a ruling.

Rules, the first that applies:
 1. ROLLBACK if it is dead: its last 20 requests, of several people, all failed, and not all of the champion's last 20.
 2. ROLLBACK if more people meet an error than with the champion.
 3. ROLLBACK if it is slow: its latency is above `max_latency_ratio` times the champion's.
 4. ROLLBACK if more answers lack the form that was asked for than the champion's.
 5. ROLLBACK if it is worse: the upper bound of the difference in quality is below 0.
 6. NODATA while there are fewer than `min_users_per_arm` pairs of judged people.
 7. PROMOTE if it is better: the lower bound is above 0.
 8. PROMOTE if it is not worse: when the time is up, where the lower bound is above -margin. Before, only what its gate
    found better (verdict PASS), so that live traffic only has to rule out harm, and only where waiting could hardly
    show more: the lower bound is above -margin and the estimate not negative, or it is above -margin/2.
 9. ROLLBACK if the time is up: no evidence, no release.
10. RUNNING otherwise.

Rules 7 and 8 wait while one of the harms of rules 2 to 4 explains what was seen better than none does, and when the
time is up, a hundred times better: quality may be known long before a rate of 5 % errors is.

Rules 1 to 4 need this process's own traffic only and hold without Kafka. Every comparison is over pairs of people, one
of each arm who came at about the same time, each counted once. The tests are always valid, however often they are
looked at, and share `alpha`: half of it is the chance that a challenger no better than the champion is ever called
better, the other half that one no worse is ever rolled back by any of rules 2 to 5, a quarter of that for each
(Bonferroni).
Where the two arms' people respond at different rates (a test of its own, at `alpha`), the interval widens by what the
silent ones may hide (`_hidden`).
"""

from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
from feedwheel_capture.vocabulary import GateVerdict, RolloutState

from feedback.statistics import Excess, Interval, Tails, difference_at_any_time, excess_at_any_time, mean_at_any_time
from schemas.config import Canary
from serving.rollout.evidence import ArmOutcomes, Outcomes
from serving.rollout.traffic import Seen

_HARMS: Final = 4
"""Rules that can roll back an equal challenger by chance: 2 to 5."""
_DECISIVE: Final = 100.0
"""Evidence that is called so (Jeffreys, Theory of Probability, appendix B). In one test of nine of equal arms some rate
looks a little worse at the end, which alone must not end them; in one of 200, ten times as likely worse as not.
"""
_SELECTIVE: Final = 0.25
"""How much of a difference in response rates, in logarithms, may come from who is content: an assumption, which no
feedback can check. All of it would leave nothing of a margin of 0.1 where one arm responds half as often again; none of
it would trust a model that makes people silent to silence all alike. docs/benchmarks.md has what it costs and misses.
"""
_LARGEST_RATIO: Final = log(8)
"""Latencies further apart count as eight times: one request that hung must not decide, and tests need a bound."""


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
class Harms:
    """How much worse the challenger's requests are, over pairs of people.

    `errors` and `form`: share of people, challenger minus champion. `latency`: mean logarithm of the ratio to
    `max_latency_ratio` times the champion's. `most_p`: the p-value at which one of them ends the test.
    """

    errors: Excess
    latency: Excess
    form: Excess
    most_p: float

    def suspect(self, *, time_is_up: bool) -> str | None:
        """A harm that stands against a promotion, though it may not be sure."""
        most_e = _DECISIVE if time_is_up else 1.0
        return next((name for name in ("errors", "latency", "form") if getattr(self, name).e_value > most_e), None)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to happen, and why."""

    state: RolloutState
    rationale: str


def compare(outcomes: Outcomes, alpha: float) -> Comparison:
    """Both arms as they are now. Raises ValueError if a value is outside 0..1."""
    champion, challenger = (_arm_view(outcomes.arms[arm], alpha) for arm in ("champion", "challenger"))
    return Comparison(champion, challenger, quality_difference(outcomes, alpha))


def _arm_view(outcomes: ArmOutcomes, alpha: float) -> ArmView:
    return ArmView(
        people=len(outcomes.responded),
        answers=outcomes.answers,
        judged_answers=outcomes.judged_answers,
        quality=mean_at_any_time(outcomes.quality_values(), alpha),
        responded=mean_at_any_time(outcomes.responded_values(), alpha),
    )


def quality_difference(outcomes: Outcomes, alpha: float) -> Interval:
    """Challenger minus champion, wider where the arms respond at different rates."""
    found = difference_at_any_time(outcomes.quality.differences(), Tails(alpha / 2, _of_one_harm(alpha)))
    hidden = _hidden(outcomes, alpha)
    return Interval(found.estimate, max(-1.0, found.low - hidden), min(1.0, found.high + hidden), found.n)


def _hidden(outcomes: Outcomes, alpha: float) -> float:
    """How far those who keep silent may move the difference; 0 where both arms' people respond alike.

    How much more readily who is not content speaks may differ between the arms by a factor of the ratio of their rates
    to the power _SELECTIVE. If by none, the odds of content among those who speak differ as among all (Prentice and
    Pyke, "Logistic disease incidence models and case-control studies", Biometrika 1979), and equal arms look equal
    whatever their rates. A factor moves the mean of a value in 0..1 by at most a quarter of its logarithm.
    """
    gap = outcomes.responses.differences()
    if min(excess_at_any_time(gap).p_value, excess_at_any_time(-gap).p_value) > alpha / 2:
        return 0.0
    fewer, more = sorted(float(arm.responded_values().mean()) for arm in outcomes.arms.values())
    return _SELECTIVE * log(more / fewer) / 4 if fewer else 1.0


def harms(seen: Seen, rules: Canary) -> Harms:
    """What rules 2 to 4 look at.

    Of latency: if the challenger's, divided by the ratio, is distributed like the champion's, the difference of the
    logarithms is as often above 0 as below, by as much; cut at both ends alike, its mean is 0, whatever the tails.
    """
    slower = np.clip(seen.log_latencies - log(rules.max_latency_ratio), -_LARGEST_RATIO, _LARGEST_RATIO)
    return Harms(
        errors=excess_at_any_time(seen.failures),
        latency=excess_at_any_time(slower, _LARGEST_RATIO),
        form=excess_at_any_time(seen.broken),
        most_p=_of_one_harm(rules.alpha),
    )


def _of_one_harm(alpha: float) -> float:
    return alpha / 2 / _HARMS


def local_ruling(seen: Seen, found: Harms, rules: Canary) -> Ruling | None:
    """Rules 1 to 4; None where none applies."""
    if seen.challenger.is_dead and not seen.champion.is_dead:
        return Ruling("ROLLBACK", "errors: its last requests all failed, and not the champion's")
    if found.errors.p_value <= found.most_p:
        return Ruling("ROLLBACK", f"errors: {_share(found.errors)} more people meet one")
    if found.latency.p_value <= found.most_p:
        medians = f"median {seen.challenger.median_latency_ms:.0f} ms against {seen.champion.median_latency_ms:.0f} ms"
        sure = f"p = {found.latency.p_value:.1g}, {found.latency.n} pairs of people"
        return Ruling("ROLLBACK", f"latency: above {rules.max_latency_ratio} times the champion's ({sure}), {medians}")
    if found.form.p_value <= found.most_p:
        return Ruling("ROLLBACK", f"form: {_share(found.form)} more people get an answer without the form asked for")
    return None


def _share(excess: Excess) -> str:
    return f"{excess.estimate:+.1%} (p = {excess.p_value:.1g}, {excess.n} pairs of people)"


def quality_ruling(
    difference: Interval, verdict: GateVerdict, rules: Canary, *, time_is_up: bool, suspect: str | None = None
) -> Ruling:
    """Rules 5 to 10, by the difference in quality. `suspect`: a harm that stands against a promotion."""
    bounds = f"difference {difference.estimate:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    judged = difference.n
    if judged and difference.high < 0:
        return Ruling("ROLLBACK", f"worse: {bounds}")
    if judged < rules.min_users_per_arm:
        if time_is_up:
            return Ruling("ROLLBACK", f"no evidence: {judged} judged people in an arm when the time was up")
        return Ruling("NODATA", f"{judged} of {rules.min_users_per_arm} judged people in an arm")
    merit = _merit(difference, rules.margin, is_trusted=verdict == "PASS", time_is_up=time_is_up)
    if merit is not None and suspect is None:
        return Ruling("PROMOTE", f"{merit}: {bounds}")
    doubt = f"; {suspect} may be worse" if suspect else ""
    if time_is_up:
        return Ruling("ROLLBACK", f"no evidence when the time was up: {bounds}{doubt}")
    return Ruling("RUNNING", f"{bounds}{doubt}")


def _merit(difference: Interval, margin: float, *, is_trusted: bool, time_is_up: bool) -> str | None:
    """What speaks for a promotion, if anything."""
    if difference.low > 0:
        return "better"
    least = -margin if time_is_up or difference.estimate >= 0 else -margin / 2
    return f"not worse by {margin}" if difference.low > least and (is_trusted or time_is_up) else None

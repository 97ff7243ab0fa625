"""The bias report of a data set: for each bias, what was found and what is left of it after its correction.

In: what was observed. Out: a `BiasReport` that holds at least one figure for every bias; where the data do not allow
one, its note says what they lack. Figures are for people to read: no example is changed by them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal, get_args

import numpy as np
from msgspec import Struct

from feedback.bias.duels import Duels, duels
from feedback.bias.latency import at_equal_latency, latency_slope
from feedback.bias.length import length_controlled
from feedback.bias.leniency import leniency, people_share, without_leniency
from feedback.bias.likelihood import Codes, mean_interval, ratio_interval
from feedback.bias.loop import concentration, own_share
from feedback.bias.observed import Observed, Shown
from feedback.bias.order import order_balanced
from feedback.bias.randomness import agreement, is_considered
from feedback.bias.response import reweighted
from feedback.bias.traffic import may_train, traffic_of
from feedback.statistics import Floats, Interval

Bias = Literal["leniency", "randomness", "position", "order", "length", "response", "latency", "traffic", "loop"]

LEAST: Final = 10
"""People (or choices) below whom a model with several coefficients says nothing; a figure then says what is lacking."""


class BiasFigure(Struct, frozen=True, kw_only=True):
    """One measure as it is (`raw`) and `corrected`, None where there is none; `low` to `high` is the 95 % interval.

    The interval is of the corrected value, else of the raw one; `n` counts what `counted` names. `before` is the same
    measure, corrected or else raw, in the data set before.
    """

    bias: Bias
    measure: str
    raw: float | None = None
    corrected: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    counted: str = "people"
    before: float | None = None
    note: str | None = None

    @property
    def value(self) -> float | None:
        """The corrected value if there is one, else the raw one."""
        return self.raw if self.corrected is None else self.corrected


class BiasReport(Struct, frozen=True, kw_only=True):
    """Figures of every bias over `answers` shown to `people`."""

    answers: int
    people: int
    figures: list[BiasFigure]

    @property
    def missing(self) -> list[Bias]:
        """The biases that it is silent about: none, or it is no report."""
        told = {figure.bias for figure in self.figures}
        return [bias for bias in get_args(Bias) if bias not in told]


def bias_report(observed: Observed, before: BiasReport | None) -> BiasReport:
    """The report; `before`: that of the data set before, if there is one."""
    figures = [figure for section in _SECTIONS for figure in section(observed)]
    known = {(figure.bias, figure.measure): figure.value for figure in before.figures} if before else {}
    return BiasReport(
        answers=len(observed.shown),
        people=len({answer.owner for answer in observed.shown}),
        figures=[_with_before(figure, known.get((figure.bias, figure.measure))) for figure in figures],
    )


def _with_before(figure: BiasFigure, before: float | None) -> BiasFigure:
    fields = {name: getattr(figure, name) for name in figure.__struct_fields__}
    return BiasFigure(**{**fields, "before": before})


def _leniency(observed: Observed) -> Iterator[BiasFigure]:
    """Of the kind of rating that is most frequent: a thumb and a star are not lenient alike."""
    kinds = Counter(rating.kind for rating in observed.ratings)
    kind = max(kinds, key=lambda name: (kinds[name], name), default=None)
    ratings = [rating for rating in observed.ratings if rating.kind == kind]
    if len({rating.owner for rating in ratings}) < 2:
        yield _lacks("leniency", "mean rating", "ratings of two people")
        return
    places = np.array([rating.place for rating in ratings])
    people = _codes(rating.owner for rating in ratings)
    found = leniency(places, people)
    yield _figure("leniency", "mean rating, 0 to 1", found.mean, raw=float(places.mean()), note=kind)
    yield BiasFigure(
        bias="leniency",
        measure="share of the variance of ratings that is people's",
        raw=people_share(places, people),
        corrected=people_share(without_leniency(places, people), people),
        n=len(found.offsets),
    )


def _randomness(observed: Observed) -> Iterator[BiasFigure]:
    judged = _judged(observed.shown)
    if len({answer.owner for answer in judged}) < 2:
        yield _lacks("randomness", "satisfied share of votes", "votes of two people")
        return
    votes, owners = _votes(judged), _owners(judged)
    dwell = np.array([np.nan if answer.dwell_ms is None else answer.dwell_ms for answer in judged])
    considered = is_considered(dwell, np.array([float(answer.characters) for answer in judged]))
    # What nobody else can agree with is an item of its own.
    items = _codes(
        answer.item if answer.item and is_read else f"vote {place}"
        for place, (answer, is_read) in enumerate(zip(judged, considered, strict=True))
    )
    found = agreement(votes, owners, items)
    weights = np.where(considered, found.weights[owners], 0.0)
    yield _figure(
        "randomness",
        "satisfied share of votes",
        ratio_interval(weights * votes, weights, owners),
        raw=float(votes.mean()),
        note=f"{int((~considered).sum())} votes faster than reading, of {int((~np.isnan(dwell)).sum())} timed; "
        f"{found.shared} answers judged by several",
    )


def _position(observed: Observed) -> Iterator[BiasFigure]:
    options = [(choice, option) for choice in observed.choices for option in choice.options]
    first = [option.chosen for _, option in options if option.position == 0]
    if not first or len(first) == len(options):
        yield _lacks("position", "chosen when shown first", "choices between two positions")
        return
    owners = _codes(choice.owner for choice, option in options if option.position == 0)
    fair = sum(1 / len(choice.options) for choice in observed.choices) / len(observed.choices)
    yield _figure(
        "position",
        "chosen when shown first",
        mean_interval(np.array(first, dtype=float), owners),
        note=f"{fair:.2f} if the place did not count",
        is_raw=True,
    )
    if found := duels(observed.choices):
        measure = _wins(found, "choices by how often their place is looked at")
        silent = any(option.propensity is None for _, option in options)
        note = "chances of places not logged: taken to be even" if silent else None
        yield _figure("position", measure, found.position_corrected(), raw=float(found.won.mean()), note=note)


def _order(observed: Observed) -> Iterator[BiasFigure]:
    found = duels(observed.choices)
    balanced = found and order_balanced(found.won, found.shown_first, found.owners)
    if not found or not balanced:
        yield _lacks("order", "win rate of one model over another", "comparisons of two models in both orders")
        return
    yield _figure("order", _wins(found, "both orders alike"), balanced, raw=float(found.won.mean()))


def _length(observed: Observed) -> Iterator[BiasFigure]:
    found = duels(observed.choices)
    if found is None or len(np.unique(found.owners)) < LEAST:
        yield _lacks("length", "win rate at equal length", f"comparisons of the same two models by {LEAST} people")
        return
    controlled = length_controlled(found.won, found.length_difference, found.owners)
    yield _figure("length", _wins(found, "equal length"), controlled, raw=float(found.won.mean()))


def _response(observed: Observed) -> Iterator[BiasFigure]:
    shown = [answer for answer in observed.shown if answer.policy is not None and answer.propensity]
    heard = [answer for answer in shown if answer.policy == "normal" and answer.liked is not None]
    if len({answer.owner for answer in heard}) < LEAST:
        yield _lacks("response", "satisfied share", f"{LEAST} people who judged an answer with an exposure event")
        return
    found = reweighted(
        satisfied=np.array([float(answer.liked or False) for answer in shown]),
        answered=np.array([float(answer.liked is not None) for answer in shown]),
        offered=np.array([float(answer.policy == "normal") for answer in shown]),
        propensities=np.array([answer.propensity or 1.0 for answer in shown]),
        features=_features(shown),
        owners=_owners(shown),
    )
    note = f"{len(heard)} of {len(shown)} answers judged; corrected: what all would say"
    for name, interval in (
        ("doubly robust", found.doubly_robust),
        ("self-normalised inverse propensity", found.self_normalised),
        ("inverse propensity", found.inverse_propensity),
    ):
        yield _figure("response", f"satisfied share, {name}", interval, raw=found.answered.estimate, note=note)


def _latency(observed: Observed) -> Iterator[BiasFigure]:
    judged = _judged(observed.shown)
    if len({answer.owner for answer in judged}) < LEAST or len({answer.latency_ms for answer in judged}) < 2:
        yield _lacks("latency", "log-odds of satisfied by doubled latency", f"votes of {LEAST} people, or latencies")
        return
    votes, owners = _votes(judged), _owners(judged)
    latencies = np.array([answer.latency_ms for answer in judged])
    slope = latency_slope(votes, latencies, owners)
    yield _figure("latency", "log-odds of satisfied by doubled latency", slope, is_raw=True)
    versions = Counter(answer.model_version for answer in judged).most_common(2)
    if len(versions) == 2:
        first, second = sorted(version for version, _ in versions)
        rows = np.array([answer.model_version in (first, second) for answer in judged])
        is_second = np.array([float(answer.model_version == second) for answer in judged])
        found = at_equal_latency(votes[rows], is_second[rows], latencies[rows], owners[rows])
        if found is not None:
            note = f"{found.compared:.0%} of the votes have a like in the other model's latency"
            measure = f"satisfied share of {second} less that of {first}"
            yield _figure("latency", measure, found.stratified, raw=found.raw.estimate, note=note)


def _traffic(observed: Observed) -> Iterator[BiasFigure]:
    judged = _judged(observed.shown)
    drawn = [answer for answer in judged if answer.policy == "gate"]
    yield (
        _figure("traffic", "satisfied share of gate draws", mean_interval(_votes(drawn), _owners(drawn)), is_raw=True)
        if drawn
        else _lacks("traffic", "satisfied share of gate draws", "answered gate draws")
    )
    training = [member for member in observed.members if member.use != "eval"]
    kinds = [traffic_of(member.policy, member.arm, member.split) for member in training]
    for measure, count in (
        ("training examples of holdout answers", sum(not may_train(kind) for kind in kinds)),
        ("training examples of exploration answers", kinds.count("exploration")),
    ):
        share = count / len(kinds) if kinds else None
        yield BiasFigure(bias="traffic", measure=f"share of {measure}", raw=share, n=len(kinds), counted="examples")


def _loop(observed: Observed) -> Iterator[BiasFigure]:
    members = observed.members
    own = [member.is_own for member in members if member.is_own is not None]
    for measure, value, n in (
        ("chance that two examples ask the same", concentration(member.question for member in members), len(members)),
        ("chance that two answers are the same", concentration(member.answer for member in members), len(members)),
        ("chance that two are near-duplicates", concentration(member.topic for member in members), len(members)),
        ("share of answers to imitate that the model wrote", own_share(own), len(own)),
    ):
        yield BiasFigure(bias="loop", measure=measure, raw=value, n=n, counted="examples")


def _wins(found: Duels, how: str) -> str:
    return f"wins of {found.second} over {found.first}, {how}"


def _judged(shown: Iterable[Shown]) -> list[Shown]:
    """The answers that somebody judged on purpose."""
    return [answer for answer in shown if answer.liked is not None]


def _votes(judged: Iterable[Shown]) -> Floats:
    return np.array([float(answer.liked or False) for answer in judged])


def _owners(shown: Iterable[Shown]) -> Codes:
    return _codes(answer.owner for answer in shown)


def _codes(names: Iterable[str]) -> Codes:
    """Numbers from 0, one for each name."""
    codes: Codes = np.unique(list(names), return_inverse=True)[1]
    return codes


def _features(shown: Sequence[Shown]) -> Floats:
    """What may decide who speaks up, float64 [n, 5]: place, length, latency, a person's answers, implicit signals."""
    busy = Counter(answer.owner for answer in shown)
    return np.array(
        [
            (
                answer.turn_index,
                np.log1p(answer.characters),
                np.log1p(answer.latency_ms),
                np.log(busy[answer.owner]),
                answer.implicit,
            )
            for answer in shown
        ]
    )


def _figure(
    bias: Bias,
    measure: str,
    found: Interval,
    *,
    raw: float | None = None,
    note: str | None = None,
    is_raw: bool = False,
) -> BiasFigure:
    """What was found is the corrected value, or `is_raw` where a bias is only measured."""
    estimate, low, high = (found.estimate, found.low, found.high) if np.isfinite(found.estimate) else (None, None, None)
    return BiasFigure(
        bias=bias,
        measure=measure,
        raw=estimate if is_raw else raw,
        corrected=None if is_raw else estimate,
        low=low,
        high=high,
        n=found.n,
        note=note,
    )


def _lacks(bias: Bias, measure: str, what: str) -> BiasFigure:
    return BiasFigure(bias=bias, measure=measure, note=f"lacks {what}")


_SECTIONS: Final[tuple[Callable[[Observed], Iterable[BiasFigure]], ...]] = (
    _leniency,
    _randomness,
    _position,
    _order,
    _length,
    _response,
    _latency,
    _traffic,
    _loop,
)

"""The report says something of every bias, whatever was observed, and names what it lacks."""

from typing import get_args

import msgspec
import numpy as np
import pytest

from feedback.bias.logistic import sigmoid
from feedback.bias.observed import Choice, Member, Observed, Option, Rating, Shown
from feedback.bias.report import Bias, BiasReport, bias_report

NOTHING = Observed(shown=[], ratings=[], choices=[], members=[])


def shown(owner: str, **facts) -> Shown:
    defaults = {
        "model_version": "one",
        "policy": "normal",
        "propensity": 1.0,
        "arm": "champion",
        "split": "train",
        "turn_index": 0,
        "latency_ms": 500.0,
        "characters": 300,
        "item": None,
        "liked": None,
        "dwell_ms": None,
        "implicit": 0.0,
    }
    return Shown(owner=owner, **{**defaults, **facts})


def a_busy_application() -> Observed:
    """Impatient people speak up and dislike; everybody chooses what is shown first."""
    draw = np.random.default_rng(5)
    answers, ratings, choices = [], [], []
    for number in range(1200):
        person, version = f"p{number % 150}", ("one", "two")[number % 2]
        latency = float(1000 * 2 ** (draw.normal() + (version == "two")))
        liked = bool(draw.random() < sigmoid(np.array(1.5 - np.log2(latency / 500))))
        speaks = draw.random() < (0.25 if liked else 0.75)
        answers.append(
            shown(
                person,
                model_version=version,
                latency_ms=latency,
                item=f"i{number // 8}",
                liked=liked if speaks else None,
                implicit=float(liked) - 0.5 + draw.normal(0, 0.5),
                dwell_ms=100.0 if number % 10 == 0 else 9000.0,
                policy="gate" if number % 3 == 0 else "normal",
                propensity=1 / 3 if number % 3 == 0 else 2 / 3,
            )
        )
        if speaks:
            ratings.append(Rating(owner=person, kind="thumbs", place=float(liked)))
        first = bool(draw.random() < 0.7)
        options = [
            Option(model_version="one", characters=100, position=0, propensity=0.5, chosen=first),
            Option(
                model_version="two",
                characters=int(draw.integers(50, 400)),
                position=1,
                propensity=0.5,
                chosen=not first,
            ),
        ]
        if number % 4 == 0:
            options = [msgspec.structs.replace(option, position=1 - option.position) for option in options]
        choices.append(Choice(owner=person, options=options))
    member = Member(
        use="sft", arm="challenger", policy="normal", split="train", question="q", answer="a", topic="t", is_own=True
    )
    return Observed(shown=answers, ratings=ratings, choices=choices, members=[member] * 4)


@pytest.mark.parametrize("observed", [NOTHING, a_busy_application()], ids=["nothing", "busy"])
def test_every_bias_is_reported_and_what_is_stored_is_read_back(observed):
    report = bias_report(observed, None)
    assert report.missing == []
    assert msgspec.json.decode(msgspec.json.encode(report), type=BiasReport) == report
    for figure in report.figures:
        assert figure.value is not None or figure.n == 0
        if figure.low is not None:
            assert figure.low <= figure.high


def test_nothing_observed_is_said_to_lack_and_is_no_number():
    report = bias_report(NOTHING, None)
    assert {figure.bias for figure in report.figures} == set(get_args(Bias))
    assert [figure.measure for figure in report.figures if figure.value is not None] == []
    assert all(figure.note for figure in report.figures if figure.bias not in ("traffic", "loop"))


def test_what_is_bent_is_straightened_and_compared_with_the_set_before():
    first = bias_report(a_busy_application(), None)
    figures = {(figure.bias, figure.measure): figure for figure in first.figures}
    speaking = figures["response", "satisfied share, doubly robust"]
    assert speaking.low > speaking.raw, "the silent are more satisfied"
    version = figures["latency", "satisfied share of two less that of one"]
    assert abs(version.corrected) < abs(version.raw)
    assert figures["latency", "log-odds of satisfied by doubled latency"].high < 0
    assert figures["position", "chosen when shown first"].low > 0.5
    assert figures["loop", "chance that two answers are the same"].raw == 1.0
    assert figures["traffic", "share of training examples of exploration answers"].raw == 1.0
    again = bias_report(a_busy_application(), first)
    assert all(figure.before == figure.value for figure in again.figures)

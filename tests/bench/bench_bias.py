"""Bias corrections on data where the truth is known: logged bandits, and people whose leniency is real.

* `DIR/obd`: clicks on items that a Thompson sampler placed, with its propensities, and on items placed at random. The
  value of the random policy is estimated from the sampler's log, and compared with what the random policy got.
* `DIR/topical_chat`: two people rate each other's messages. Their leniency is fitted on every other rating of each, and
  judged on the rest.

Without DIR only a report on generated answers is timed, at two sizes.

    python tests/bench/bench_bias.py --data DIR
"""

import argparse
import csv
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from feedback.bias.leniency import leniency, people_share, without_leniency
from feedback.bias.likelihood import mean_interval
from feedback.bias.observed import Choice, Observed, Option, Rating, Shown
from feedback.bias.position import examination
from feedback.bias.propensity import doubly_robust, inverse_propensity, self_normalised, weights_of
from feedback.bias.report import bias_report
from feedback.statistics import Floats, Interval
from tests.logged_clicks import held_out_rates

ITEMS, POSITIONS, FOLDS = 34, 3, 5
"""Of the campaign; folds are every fifth row."""
PLACES = {"Poor": 0.0, "Not Good": 0.25, "Passable": 0.5, "Good": 0.75, "Excellent": 1.0}


def read_clicks(path: Path) -> tuple[Floats, Floats, Floats, Floats]:
    """Clicks, propensities, items and positions (from 0) of one policy's log."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = ("click", "propensity_score", "item_id", "position")
    clicks, logged, items, positions = (np.array([float(row[name]) for row in rows]) for name in columns)
    return clicks, logged, items.astype(np.int64), positions.astype(np.int64) - 1


def random_policy(clicks: Floats, logged: Floats, items: Floats) -> dict[str, Interval]:
    """The value of placing items at random, from the log of another policy, by three estimators."""
    rows = np.arange(len(clicks))
    weights = weights_of(np.full(len(clicks), 1 / ITEMS), logged)
    rates = held_out_rates(clicks, items, rows % FOLDS, ITEMS)
    return {
        "IPS": inverse_propensity(clicks, weights, rows),
        "SNIPS": self_normalised(clicks, weights, rows),
        "DR": doubly_robust(clicks, weights, rates[rows, items], rates.mean(axis=1), rows),
    }


def bandit(folder: Path) -> None:
    clicks, logged, items, _ = read_clicks(folder / "bts" / "men.csv")
    truth, uniform, _, places = read_clicks(folder / "random" / "men.csv")
    known = mean_interval(truth, np.arange(len(truth)))
    print(f"random policy: {show(known)} ({int(truth.sum())} clicks)")
    print(f"logged policy as it is: {clicks.mean():.5f} ({int(clicks.sum())} clicks)")
    for name, found in random_policy(clicks, logged, items).items():
        contains = found.low <= known.estimate <= found.high
        print(f"{name:6} {show(found)} contains the random policy's value: {contains}")
    weighted = clicks / logged / ITEMS
    error = 1.96 * weighted.std() / np.sqrt(len(weighted))
    print(f"IPS by the normal approximation: {weighted.mean() - error:.5f} to {weighted.mean() + error:.5f}")
    print("looked at, by position, from the random policy:", np.round(examination(truth, places, uniform), 2))


def read_ratings(folder: Path) -> list[tuple[tuple[str, str], Floats]]:
    """(conversation, rater) and what they rated the other's messages, in order, on 0..1."""
    found = dict[tuple[str, str], list[float]]()
    for path in sorted(folder.glob("*_*.json")):
        for name, conversation in json.loads(path.read_text(encoding="utf-8")).items():
            for turn in conversation["content"]:
                if turn["turn_rating"] in PLACES:
                    found.setdefault((f"{path.stem}/{name}", turn["agent"]), []).append(PLACES[turn["turn_rating"]])
    return [(who, np.array(places)) for who, places in found.items() if len(places) > 1]


def ratings(folder: Path) -> None:
    people = read_ratings(folder)
    everything = np.concatenate([places for _, places in people])
    who = codes(people, lambda places: places)
    print(f"{len(everything)} ratings by {len(people)} people, people's share: {people_share(everything, who):.3f}")
    raw = {who: places.mean() for who, places in people}
    both = np.array([(raw[one], raw[two]) for one, two in pairwise(sorted(raw)) if one[0] == two[0]])
    print(f"correlation of the two people's means in {len(both)} conversations: {np.corrcoef(both.T)[0, 1]:.3f}")
    known, rest = (np.concatenate([places[start::2] for _, places in people]) for start in (0, 1))
    who_known, who_rest = (codes(people, lambda places, start=start: places[start::2]) for start in (0, 1))
    fitted = leniency(known, who_known)
    own = np.bincount(who_known, weights=known) / np.bincount(who_known)
    guesses = {
        "the mean of all": np.full(len(people), known.mean()),
        "the person's mean": own,
        "shrunken": fitted.mean.estimate + fitted.offsets,
    }
    for name, guess in guesses.items():
        errors = (rest - guess[who_rest]) ** 2
        print(f"squared error of held-out ratings by {name}: {show(mean_interval(errors, who_rest))}")
    left = people_share(rest - fitted.offsets[who_rest], who_rest)
    print(f"held-out share of the variance that is people's: {people_share(rest, who_rest):.3f} -> {left:.3f}")
    for size in (1, 2, 4):
        means = np.array([places[::2][:size].mean() for _, places in people])
        ratio = fitted.between / (fitted.between + fitted.within / size)
        shrunken = fitted.mean.estimate + ratio * (means - fitted.mean.estimate)
        errors = [((rest - guess[who_rest]) ** 2).mean() for guess in (means, shrunken)]
        print(f"the same from {size} ratings a person: person's mean {errors[0]:.5f}, shrunken {errors[1]:.5f}")
    kept = without_leniency(everything, who)
    print(f"standard deviation of ratings {everything.std():.3f} -> {kept.std():.3f}")


def generated(count: int) -> Observed:
    """Answers of two models, ten to each person, half of them judged, each with a comparison."""
    draw = np.random.default_rng(2)
    latencies = draw.lognormal(7, 1, count)
    judged, liked, first = draw.random((3, count)) < 0.5
    shown = [
        Shown(
            owner=f"p{number % (count // 10)}",
            model_version=f"m{number % 2}",
            policy="normal",
            propensity=0.5,
            arm="champion",
            split="train",
            turn_index=number % 4,
            latency_ms=float(latencies[number]),
            characters=number % 700,
            item=f"i{number // 3}",
            liked=bool(liked[number]) if judged[number] else None,
            dwell_ms=2000.0,
            implicit=0.0,
        )
        for number in range(count)
    ]
    choices = [
        Choice(
            owner=answer.owner,
            options=[
                Option(model_version=f"m{place}", characters=300 + place, position=place, propensity=0.5, chosen=won)
                for place, won in ((0, bool(first[number])), (1, not first[number]))
            ],
        )
        for number, answer in enumerate(shown)
    ]
    rated = [Rating(owner=one.owner, kind="thumbs", place=float(one.liked)) for one in shown if one.liked is not None]
    return Observed(shown=shown, ratings=rated, choices=choices, members=[])


def codes(people: list[tuple[tuple[str, str], Floats]], part: Callable[[Floats], Floats]) -> Floats:
    """The number of the person for each of the ratings of a part."""
    return np.repeat(np.arange(len(people)), [len(part(places)) for _, places in people])


def show(found: Interval) -> str:
    return f"{found.estimate:.5f} ({found.low:.5f} to {found.high:.5f}), n {found.n}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, help="Folder that holds obd and topical_chat.")
    if data := arguments.parse_args().data:
        bandit(data / "obd")
        ratings(data / "topical_chat")
    for answers in (10_000, 100_000):
        observed, started = generated(answers), time.process_time()
        bias_report(observed, None)
        print(f"report on {answers} answers: {time.process_time() - started:.2f} s of core")


if __name__ == "__main__":
    main()

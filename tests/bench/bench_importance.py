"""What importance brings a budget, where a training takes no time: a linear model over sentence vectors.

The wheel turns twice: people send messages of 20 topics of a bank's customers, first to a model that knows nothing,
then to one that was trained on what the first said. A quarter and a half of all wanted answers are then drawn, by each
of some rules, and a model is trained on each draw: the test messages of all topics are the same for all. Differences
are paired with the draw by label confidence alone. Of curation only the label's confidence and the budget are here, so
nobody lies; `bench_budget` has the rest, and the model that is really trained.

Rules: `importance` as shipped; `half` and `all`, where need moves half of the weight and all of it; `failures twice`,
where what was said of the newer model's mistakes has twice the weight.

    python -m tests.bench.bench_importance [--seeds 60] [--first-seed 201]
"""

import argparse
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final
from unittest.mock import patch

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression

from feedback.budget import Item, within_budget
from feedback.coverage import length_band
from feedback.importance import Example, Judgement, weighted
from feedback.meaning import meanings
from feedback.taxonomy import TAXONOMY
from feedback.topics import topics
from pipelines.simulate.behaviour import Act, population, react, sender
from pipelines.simulate.messages import LabelledMessage
from schemas.signals import SignalKind
from tests.people import messages

SHARES: Final = (0.25, 0.5)
TOPICS: Final = 20
PEOPLE: Final = 120
_KINDS: Final[Mapping[Act, tuple[SignalKind, bool]]] = {
    "edit": ("edit", False),
    "correct": ("correction", False),
    "rephrase": ("rephrase", False),
    "thumbs_down": ("thumbs", False),
    "thumbs_up": ("thumbs", True),
    "accept": ("action", True),
    "thank": ("positive", True),
}
"""What people do, as the signal it is, and whether it says that they liked the answer."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Messages of both turns, and whether half of the topics come up in the second only."""

    name: str
    first: int
    second: int
    new_topics: bool = False


SCENARIOS: Final = (
    Scenario("little known", 250, 500),
    Scenario("much known", 1_000, 1_000),
    Scenario("half of the topics new, few messages since", 500, 250, new_topics=True),
    Scenario("half of the topics new, many messages since", 500, 700, new_topics=True),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said of one answer; `wanted` is the topic they named, if they did."""

    said_id: str
    text: str
    newer: bool
    liked: bool
    confidence: float
    wanted: str | None


def talk(sent: Sequence[LabelledMessage], shown: Sequence[str], seed: int, *, newer: bool) -> Iterator[Said]:
    """What people say of the answers `shown`."""
    people, names = [one for one in population(PEOPLE) if not one.hostile], sorted({message.topic for message in sent})
    for message, answer in zip(sent, shown, strict=True):
        draw = random.Random(f"{seed}/{message.text}")
        reaction = react(sender(people, draw), message.topic, answer, asked=False, topics=names, draw=draw)
        if reaction.act in _KINDS:
            kind, liked = _KINDS[reaction.act]
            wanted = reaction.topic if reaction.act == "edit" else None
            confidence = TAXONOMY[kind].weight.confidence
            yield Said(f"{seed}/{message.message_id}", message.text, newer, liked, confidence, wanted)


def trained(said: Sequence[Said]) -> Callable[[Sequence[LabelledMessage]], list[str]]:
    """A model that was trained on the wanted answers."""
    weights = [each.confidence for each in said]
    model = LogisticRegression(C=10, max_iter=200).fit(
        [vector(each.text) for each in said], [each.wanted for each in said], sample_weight=weights
    )
    return lambda asked: model.predict([vector(message.text) for message in asked]).tolist()


@cache
def _vectors() -> Mapping[str, np.ndarray]:
    texts = sorted({message.text for split in ("train", "test") for message in messages(TOPICS, split)})
    return dict(zip(texts, meanings(texts), strict=True))


def vector(text: str) -> np.ndarray:
    """float64 [dimensions]."""
    return _vectors()[text]


def order(scenario: Scenario, seed: int) -> tuple[list[LabelledMessage], list[LabelledMessage]]:
    """The messages of both turns."""
    everything = messages(TOPICS, seed=seed)
    if not scenario.new_topics:
        return everything[: scenario.first], everything[scenario.first :][: scenario.second]
    names = sorted({message.topic for message in everything})
    old = set(random.Random(seed).sample(names, TOPICS // 2))
    first = [message for message in everything if message.topic in old][: scenario.first]
    rest = sorted(set(everything) - set(first), key=lambda message: message.message_id)
    random.Random(seed).shuffle(rest)
    return first, rest[: scenario.second]


def differences(scenario: Scenario, seed: int) -> dict[float, dict[str, float]]:
    """By budget: accuracy by label confidence alone, and by how much each rule differs."""
    sent, sent_next = order(scenario, seed)
    said = list(talk(sent, ["I do not know."] * len(sent), seed, newer=False))
    model = trained([each for each in said if each.wanted])
    said += talk(sent_next, model(sent_next), seed, newer=True)
    topic_of = dict(zip((each.said_id for each in said), topics([each.text for each in said]), strict=True))
    wanted = [each for each in said if each.wanted]
    tests = messages(TOPICS, split="test")
    found = dict[float, dict[str, float]]()
    for share in SHARES:
        right = dict[str, float]()
        for rule, weights in rules(wanted, said, topic_of).items():
            kept = within_budget(items(wanted, weights, topic_of), round(share * len(wanted)))
            answers = trained([each for each in wanted if each.said_id in kept])(tests)
            right[rule] = statistics.fmean(
                answer == message.topic for answer, message in zip(answers, tests, strict=True)
            )
        found[share] = {rule: value - (right[CONFIDENCE] if rule != CONFIDENCE else 0) for rule, value in right.items()}
    return found


CONFIDENCE: Final = "confidence"


def rules(wanted: Sequence[Said], said: Sequence[Said], topic_of: Mapping[str, int]) -> dict[str, list[float]]:
    """The weights that each rule gives."""
    examples = [Example(topic_of[each.said_id], each.confidence) for each in wanted]
    judgements = [Judgement(topic_of[each.said_id], not each.liked, each.confidence) for each in said if each.newer]
    moved = dict[str, list[float]]()
    for name, share in (("half", 0.5), ("all", 1.0)):
        with patch("feedback.importance._DEFENSIVE_SHARE", 1 - share):
            moved[name] = weighted(examples, judgements)
    return {
        CONFIDENCE: [each.confidence for each in wanted],
        "importance": weighted(examples, judgements),
        **moved,
        "failures twice": [each.confidence * (2 if each.newer else 1) for each in wanted],
    }


def items(wanted: Sequence[Said], weights: Sequence[float], topic_of: Mapping[str, int]) -> list[Item]:
    """What the budget is drawn from, in the groups that curation has; who names a topic here has edited."""
    return [
        Item(
            each.said_id,
            weight,
            {
                "topic": str(topic_of[each.said_id]),
                "model": "newer" if each.newer else "base",
                "length": length_band(each.text),
                "language": "en",
                "rule": "edited",
            },
        )
        for each, weight in zip(wanted, weights, strict=True)
    ]


def main() -> None:
    """Print for each scenario and budget the accuracy by confidence, and the paired differences from it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--first-seed", type=int, default=201, help="the shipped share was chosen on 101 to 180")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    for scenario in SCENARIOS:
        found = [differences(scenario, seed) for seed in seeds]
        for share in SHARES:
            by_rule = {rule: [of_seed[share][rule] for of_seed in found] for rule in found[0][share]}
            plain = statistics.fmean(by_rule.pop(CONFIDENCE))
            compared = "; ".join(f"{rule} {interval(values)}" for rule, values in by_rule.items())
            print(f"{scenario.name}, budget {share:.0%}: {100 * plain:.1f} %; {compared}", flush=True)


def interval(values: Sequence[float]) -> str:
    """Mean in points of a hundred, and its 95 % interval (Student's t)."""
    mean = 100 * statistics.fmean(values)
    half = 100 * stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:+.1f} ({mean - half:+.1f} to {mean + half:+.1f})"


if __name__ == "__main__":
    main()

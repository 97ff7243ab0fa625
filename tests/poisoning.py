"""Simulated attacks on training labels: real messages with known topics, people of stated habits, some of them hostile.

Everything between a reaction and an example is the product's own: label rules, checks, selection. Assumptions:

* messages of 20 topics of a bank's customers, each sent once, by people of log-normal activity (sigma 1: the busiest
  tenth of the people writes 38 % of everything);
* the model is right about half of the messages; its mistakes are topics drawn at random;
* honest people act as `pipelines.simulate.behaviour` states: they react to half of the right and to 80 % of the wrong
  answers with something that can label, 4 % of the topics they name are wrong, 6 % of their thumbs;
* hostile people always lie and always react, as often as others write, unless an attack says otherwise;
* nobody evaluates (evaluation people train nothing), everybody speaks by one surface.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Literal
from unittest.mock import patch

from feedback.labels import Answer, Evidence, Message
from feedback.taxonomy import TAXONOMY
from feedback.trust.claims import Claim
from feedback.trust.standing import Standing
from pipelines.curate.evidence import conversation_table
from pipelines.curate.examples import examples_of
from pipelines.curate.steps import decide
from pipelines.simulate.behaviour import Person, Reaction, is_right, react, sender
from pipelines.simulate.messages import LabelledMessage, choose_topics
from schemas.config import Config
from tests.events import APP, START

Attack = Literal["liars", "same lies", "sleepers", "one topic", "coordinated text", "throwaway accounts"]
"""liars: each lies in its own way. same lies: all name the same wrong topic for a topic. sleepers: honest in the first
half of all messages, then liars. one topic: hostile people write of one topic only, and name the same wrong one.
coordinated text: they send one text, a letter or a word changed, in a burst in the middle, for the same wrong topic.
throwaway accounts: same lies, each from an account of its own that says nothing else."""

RIGHT: Final = 0.5
"""Share of the model's answers that are right."""
SIGMA: Final = 1.0
EVERYBODY_TRAINS: Final = 9_999


@dataclass(frozen=True, slots=True)
class Scene:
    """One simulation: `hostile` share of `people`, `messages` of them all."""

    attack: Attack
    hostile: float
    people: int = 200
    messages: int = 2_000
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What training gets: examples, how many are right, how many hostile people said, drops by reason."""

    examples: int
    right: int
    by_hostile: int
    drops: dict[str, int]

    @property
    def accuracy(self) -> float:
        """Share of the examples that say the truth."""
        return self.right / self.examples


def outcome(scene: Scene, messages: Sequence[LabelledMessage], config: Config, *, defended: bool = True) -> Outcome:
    """Play a scene and curate it, with `feedback.trust` or without."""
    truth, hostile, turns, signals = dict[str, str](), set[str](), list[dict[str, Any]](), list[dict[str, Any]]()
    for said in _conversations(scene, messages):
        answer, evidence = said.rows()
        truth[answer["response_id"]] = said.message.topic
        if said.lies:
            hostile.add(answer["response_id"])
        turns.append(answer)
        signals += evidence
    table = examples_of(conversation_table(turns, signals), config.split.eval_share, config.curation)
    rows = [row for row in table.to_pylist() if row["step"] is None]
    rows.sort(key=lambda row: row["example_id"])
    with nullcontext() if defended else patch("feedback.select.standings", _everybody_is_believed):
        decide(rows, config)
    kept = [row for row in rows if row["step"] is None]
    reasons = [row["reason"] for row in rows if row["step"] is not None]
    return Outcome(
        examples=len(kept),
        right=sum(_is_true(row, truth[row["response_id"]]) for row in kept),
        by_hostile=sum(row["response_id"] in hostile for row in kept),
        drops={reason: reasons.count(reason) for reason in sorted(set(reasons))},
    )


def _everybody_is_believed(claims: Sequence[Claim]) -> dict[str, Standing]:
    return {claim.claim_id: Standing(1.0, False, None, None) for claim in claims}


def _is_true(row: dict[str, Any], topic: str) -> bool:
    return is_right(row["completion"], topic) == (row["liked"] is not False)


@dataclass(frozen=True, slots=True)
class _Said:
    """One message, its answer, and what somebody did about it."""

    number: int
    person: Person
    message: LabelledMessage
    shown: str
    reaction: Reaction
    lies: bool

    def rows(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """As silver holds them."""
        name, time = f"c{self.number:05d}", START + timedelta(minutes=self.number)
        answer = Answer(
            app=APP,
            user_key=self.person.raw_id,
            user_key_id=1,
            split_bucket=EVERYBODY_TRAINS,
            simulated=True,
            conversation_id=name,
            response_id=f"r-{name}",
            turn_index=0,
            turn_time=time,
            model_version="base",
            event_id=f"e-{name}",
            prompt=[Message("user", self.message.text)],
            output=self.shown,
            exposure_policy="normal",
        )
        row = {field: getattr(answer, field) for field in answer.__struct_fields__}
        return row | {"prompt": [{"role": "user", "content": self.message.text}]}, list(self._signals(name, time))

    def _signals(self, name: str, time: Any) -> Iterator[dict[str, Any]]:
        kinds = {"edit": ("edit", -1), "thumbs_up": ("thumbs", 1), "thumbs_down": ("thumbs", -1)}
        kinds |= {"confirm": ("solved", 1), "accept": ("action", 1)}
        kinds |= {"correct": ("correction", -1), "thank": ("positive", 1), "rephrase": ("rephrase", -1)}
        if self.reaction.act not in kinds:
            return
        kind, polarity = kinds[self.reaction.act]
        evidence = Evidence(
            signal_id=f"s-{name}",
            response_id=f"r-{name}",
            kind=kind,
            explicit=TAXONOMY[kind].explicit,
            polarity=polarity,
            confidence=TAXONOMY[kind].weight.confidence,
            signal_time=time,
            edited_output=self.reaction.topic if self.reaction.act == "edit" else None,
            event_ids=[f"f-{name}"],
            surface="answer",
        )
        yield {field: getattr(evidence, field) for field in evidence.__struct_fields__} | {"conversation_id": name}


def _conversations(scene: Scene, messages: Sequence[LabelledMessage]) -> Iterator[_Said]:
    """What everybody says, in order of time."""
    draw = random.Random(scene.seed)
    topics = choose_topics(messages)
    asked = [message for message in messages if message.topic in topics and message.split == "train"]
    draw.shuffle(asked)
    people = [Person(f"person-{n:04d}", activity=draw.lognormvariate(0, SIGMA)) for n in range(scene.people)]
    hostile = {person.raw_id for person in draw.sample(people, round(scene.hostile * scene.people))}
    same_lie = {topic: draw.choice([other for other in topics if other != topic]) for topic in topics}
    burst = range(scene.messages // 2, scene.messages // 2 + round(scene.hostile * scene.messages))
    for number, message in enumerate(asked[: scene.messages]):
        person = sender(people, draw)
        shown = message.topic if draw.random() < RIGHT else same_lie[draw.choice(topics)]
        lies = person.raw_id in hostile
        match scene.attack:
            case "sleepers":
                lies = lies and number >= scene.messages // 2
            case "one topic":
                lies = lies and message.topic == topics[0]
            case "coordinated text":
                lies = number in burst
            case "throwaway accounts":
                lies = draw.random() < scene.hostile
                person = replace(person, raw_id=f"throwaway-{number:05d}") if lies else person
            case _:
                pass
        if lies and scene.attack == "coordinated text":
            person = replace(person, raw_id=f"caller-{number % max(1, round(scene.hostile * scene.people)):04d}")
            message = replace(message, text=f"{CAMPAIGN} {_TYPOS[number % len(_TYPOS)]}", topic=topics[0])
        reaction = react(replace(person, hostile=lies), message.topic, shown, asked=False, topics=topics, draw=draw)
        if lies and scene.attack != "liars" and reaction.act == "edit":
            reaction = replace(reaction, topic=same_lie[message.topic])
        yield _Said(number, person, message, shown, reaction, lies)


CAMPAIGN: Final = "my new card was sent two weeks ago and still is not here where does it stay"
_TYPOS: Final = ("please", "thanks", "!", "help me", "hello", "now")
"""What tells the texts of a campaign apart."""

"""Selection: which of the labelled examples stay, decided over all of them.

In: every candidate of one application. Out: those that stay, with their cluster, and each one that goes with its step
and reason. Evaluation items all stay: they are a sample of what people ask, and taking out what is asked often would
bend it. Who is trusted, and what is a campaign, is decided first, for training examples alone (`feedback.trust`): it
drops examples and weighs votes, and changes none. Pure and independent of the order of the candidates (I3, I5, I10).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np

from feedback.budget import Item, within_budget
from feedback.decontamination import containing, touching
from feedback.grounding import stands_in
from feedback.importance import Example, Judgement, weighted
from feedback.minhash import Signatures, sign
from feedback.near_duplicates import clusters, normalise
from feedback.paraphrases import middles
from feedback.topics import topics
from feedback.trust.claims import Claim
from feedback.trust.standing import Standing, standings
from feedback.trust.voice import Vote, voice
from schemas.examples import TRAINING_USES, ExampleUse, Split

Step = Literal[
    "coordination",
    "trust",
    "grounding",
    "conflicts",
    "exact duplicates",
    "near duplicates",
    "paraphrases",
    "decontamination",
    "user cap",
    "generated share",
    "budget",
]
Reason = Literal[
    "coordinated",
    "distrusted",
    "contradicted",
    "unconfirmed",
    "ungrounded",
    "conflict",
    "duplicate",
    "near_duplicate",
    "paraphrase",
    "benchmark",
    "eval_neighbour",
    "user_cap",
    "generated",
    "over_budget",
]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What selection needs to know of an example.

    `prompt` is all the model saw, `text` what the person wrote, both normalised; `owner` is the person, or the
    conversation of an anonymous one. `source`: where it was said. `written`: the answer as the person wrote it, if
    they wrote one, normalised. `wants`: whether it says which answer is right, not only which is good or better.
    `generated`: whether a model wrote the wanted answer. `groups`: by dimension, what it is one of.
    `context`: what the application gave the model beside the conversation, normalised. `is_english`: whether the person
    writes English, as far as it can be told.
    """

    example_id: str
    use: ExampleUse
    split: Split
    owner: str
    source: str
    time: datetime
    response_id: str
    prompt: str
    text: str
    written: str | None
    completion: str
    liked: bool | None
    weight: float
    rejected: str | None
    wants: bool
    context: str
    only_liked: bool
    generated: bool
    groups: Mapping[str, str]
    is_english: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """The decisions of the section [curation] that selection applies."""

    near_duplicate_jaccard: float
    max_examples_per_user: int
    max_generated_share: float = 1.0
    max_examples: int | None = None
    paraphrase_cosine: float | None = None


@dataclass(frozen=True, slots=True)
class Reserved:
    """Texts beside the candidates that nothing may train on, normalised.

    `benchmarks`: questions of public benchmarks. `evaluated`: what earlier versions evaluated with.
    """

    benchmarks: Sequence[str] = ()
    evaluated: Sequence[str] = ()


NOTHING_RESERVED: Final = Reserved()


@dataclass(frozen=True, slots=True)
class Selection:
    """`cluster_of` the kept examples; `dropped` maps the others to their step and reason."""

    cluster_of: Mapping[str, str]
    dropped: Mapping[str, tuple[Step, Reason]]


def select(candidates: Sequence[Candidate], limits: Limits, reserved: Reserved = NOTHING_RESERVED) -> Selection:
    """Apply the steps in order."""
    texts = [candidate.text for candidate in candidates]
    signatures = sign(texts)
    names = clusters(texts, signatures, limits.near_duplicate_jaccard)
    cluster_of = {candidate.example_id: name for candidate, name in zip(candidates, names, strict=True)}
    themes = _themes(candidates, names, limits.near_duplicate_jaccard)
    standing = _standing(candidates, themes)
    near = _Touching(candidates, signatures, limits.near_duplicate_jaccard)
    kept = sorted(candidates, key=lambda candidate: candidate.example_id)
    dropped = dict[str, tuple[Step, Reason]]()
    steps: tuple[tuple[Step, Reason, Callable[[list[Candidate]], set[str]]], ...] = (
        ("coordination", "coordinated", lambda left: _all_but_one_of_a_campaign(left, standing)),
        ("trust", "distrusted", lambda left: _whose(left, standing, lambda one: one.is_distrusted)),
        ("trust", "contradicted", lambda left: _whose(left, standing, lambda one: one.is_contradicted)),
        ("trust", "unconfirmed", lambda left: _whose(left, standing, lambda one: one.is_unconfirmed)),
        ("grounding", "ungrounded", lambda left: _ungrounded(left, cluster_of)),
        ("conflicts", "conflict", lambda left: _outvoted(left, standing)),
        ("exact duplicates", "duplicate", _exact_duplicates),
        ("near duplicates", "near_duplicate", lambda left: _near_duplicates(left, cluster_of)),
        ("paraphrases", "paraphrase", lambda left: _paraphrases(left, limits.paraphrase_cosine)),
        ("decontamination", "benchmark", lambda left: _benchmarked(left, near, reserved.benchmarks)),
        (
            "decontamination",
            "eval_neighbour",
            lambda left: _eval_neighbours(left, cluster_of, near, reserved),
        ),
        ("user cap", "user_cap", lambda left: _above_cap(left, limits.max_examples_per_user)),
        ("generated share", "generated", lambda left: _above_generated_share(left, limits.max_generated_share)),
        ("budget", "over_budget", lambda left: _over_budget(left, limits.max_examples)),
    )
    for step, reason, decide in steps:
        goes = decide(kept)
        dropped.update(dict.fromkeys(goes, (step, reason)))
        kept = [candidate for candidate in kept if candidate.example_id not in goes]
    return Selection({candidate.example_id: cluster_of[candidate.example_id] for candidate in kept}, dropped)


_MIN_OWN_WORDS: Final = 5
"""Words of an answer that two people do not write alike by chance; the name of a topic they do."""


def _training(candidates: Iterable[Candidate]) -> Iterable[Candidate]:
    return (candidate for candidate in candidates if candidate.use in TRAINING_USES)


def _claim(candidate: Candidate) -> Hashable:
    """What an example says about its prompt: the wanted or the preferred answer, or whether one was liked."""
    return candidate.liked if candidate.use == "kto" else candidate.completion


def _themes(candidates: Sequence[Candidate], clusters_of_texts: Sequence[str], threshold: float) -> dict[str, str]:
    """What each example is alike in: the words people wrote as the answer, if many; else question and claim."""
    written = [candidate.written or "" for candidate in candidates]
    return {
        candidate.example_id: f"{candidate.use} {own}"
        if len(said.split()) >= _MIN_OWN_WORDS
        else f"{candidate.use} {asked} {candidate.liked} {candidate.completion}"
        for candidate, said, own, asked in zip(
            candidates, written, clusters(written, sign(written), threshold), clusters_of_texts, strict=True
        )
    }


def _standing(candidates: Sequence[Candidate], themes: Mapping[str, str]) -> dict[str, Standing]:
    """Of each training example. Several that rest on one thing said are one claim: an edit wants, and prefers."""
    said = defaultdict[Hashable, list[Candidate]](list)
    for candidate in sorted(_training(candidates), key=lambda candidate: candidate.example_id):
        said[candidate.owner, candidate.response_id, candidate.completion, candidate.liked, candidate.wants].append(
            candidate
        )
    found = standings([_as_claim(same[0], themes[same[0].example_id]) for same in said.values()])
    return {candidate.example_id: found[same[0].example_id] for same in said.values() for candidate in same}


def _as_claim(candidate: Candidate, theme: str) -> Claim:
    return Claim(
        claim_id=candidate.example_id,
        owner=candidate.owner,
        source=candidate.source,
        time=candidate.time,
        answer_id=candidate.response_id,
        text=candidate.text,
        value=candidate.completion,
        affirms=candidate.liked is not False,
        wants=candidate.wants,
        theme=theme,
    )


def _all_but_one_of_a_campaign(candidates: list[Candidate], standing: Mapping[str, Standing]) -> set[str]:
    """Of a campaign the heaviest example stays: what people say at once may be true, but is said once."""
    members = [candidate for candidate in _training(candidates) if standing[candidate.example_id].campaign]
    return _all_but_best(members, lambda candidate: standing[candidate.example_id].campaign)


def _whose(candidates: list[Candidate], standing: Mapping[str, Standing], goes: Callable[[Standing], bool]) -> set[str]:
    """Training examples whose standing says that they go."""
    return {candidate.example_id for candidate in _training(candidates) if goes(standing[candidate.example_id])}


def _ungrounded(candidates: list[Candidate], cluster_of: Mapping[str, str]) -> set[str]:
    """Wanted answers that were only liked: nobody else said that they are right, and no context has them."""
    said = defaultdict[Hashable, set[str]](set)
    for candidate in _training(candidates):
        if candidate.use == "sft" and not candidate.only_liked:
            said[cluster_of[candidate.example_id], candidate.completion].add(candidate.owner)
    return {
        candidate.example_id
        for candidate in candidates
        if candidate.only_liked
        and not said[cluster_of[candidate.example_id], candidate.completion] - {candidate.owner}
        and not stands_in(candidate.completion, candidate.context)
    }


def _outvoted(candidates: list[Candidate], standing: Mapping[str, Standing]) -> set[str]:
    """Of examples that contradict each other about one prompt, those whose claim has less voice behind it."""
    votes = defaultdict[Hashable, defaultdict[Hashable, list[Vote]]](lambda: defaultdict(list))
    for candidate in _training(candidates):
        votes[_question(candidate)][_claim(candidate)].append(_vote(candidate, standing[candidate.example_id]))
    winners = {
        question: max(said, key=lambda claim: (voice(said[claim]), str(claim))) for question, said in votes.items()
    }
    return {
        candidate.example_id
        for candidate in _training(candidates)
        if _claim(candidate) != winners[_question(candidate)]
    }


def _vote(candidate: Candidate, standing: Standing) -> Vote:
    return Vote(
        party=standing.campaign or candidate.owner,
        source=candidate.source,
        weight=candidate.weight * standing.trust,
        is_stranger=standing.is_stranger,
    )


def _question(candidate: Candidate) -> Hashable:
    """What two examples must share to contradict or repeat each other."""
    if candidate.wants:
        return "wanted", candidate.prompt
    compared = {candidate.completion, candidate.rejected} if candidate.use == "dpo" else {candidate.completion}
    return candidate.use, candidate.prompt, frozenset(compared)


def _exact_duplicates(candidates: list[Candidate]) -> set[str]:
    return _all_but_best(
        candidates, lambda candidate: (candidate.use, candidate.rejected, _question(candidate), _claim(candidate))
    )


def _near_duplicates(candidates: list[Candidate], cluster_of: Mapping[str, str]) -> set[str]:
    """Near-equal texts with the same answer; with another answer they show where two topics part, and stay."""
    return _all_but_best(
        candidates,
        lambda candidate: (
            candidate.use,
            cluster_of[candidate.example_id],
            candidate.completion,
            candidate.liked,
            candidate.rejected,
        ),
    )


def _paraphrases(candidates: list[Candidate], cosine: float | None) -> set[str]:
    """Texts that say the same in other words, with answers that do: English ones, the only ones that can be told."""
    if cosine is None:
        return set()
    compared = [candidate for candidate in _training(candidates) if candidate.is_english]
    texts = [(candidate.text, candidate.completion, candidate.rejected or "") for candidate in compared]
    found = middles(texts, cosine, [(candidate.use, candidate.liked) for candidate in compared])
    middle_of = {candidate.example_id: row for candidate, row in zip(compared, found.tolist(), strict=True)}
    return _all_but_best(compared, lambda candidate: middle_of[candidate.example_id])


def _all_but_best(candidates: Iterable[Candidate], key: Callable[[Candidate], Hashable]) -> set[str]:
    """Training examples that share a key with a heavier one; of equals the smaller id stays."""
    seen, goes = set[Hashable](), set[str]()
    for candidate in sorted(_training(candidates), key=_heaviest_first):
        if key(candidate) in seen:
            goes.add(candidate.example_id)
        seen.add(key(candidate))
    return goes


def _heaviest_first(candidate: Candidate) -> tuple[float, str]:
    return -candidate.weight, candidate.example_id


class _Touching:
    """Which training examples touch texts: near to one, or with words in a row of one."""

    def __init__(self, candidates: Sequence[Candidate], signatures: Signatures, threshold: float) -> None:
        self._signature_of = dict(zip((candidate.text for candidate in candidates), signatures, strict=True))
        self._threshold = threshold

    def to(self, candidates: Iterable[Candidate], others: Iterable[str]) -> set[str]:
        """Training examples among `candidates` that touch one of `others`."""
        training = list(_training(candidates))
        texts, reserved = sorted({candidate.text for candidate in training}), sorted(set(others))
        if not texts or not reserved:
            return set()
        signatures = np.stack([self._signature_of[text] for text in texts])
        touched = touching(texts, signatures, reserved, sign(reserved), self._threshold)
        return {candidate.example_id for candidate in training if candidate.text in touched}


def _benchmarked(candidates: list[Candidate], near: _Touching, questions: Sequence[str]) -> set[str]:
    """Training examples that touch a question of a benchmark, or whose answer has its words."""
    answers = {candidate.example_id: normalise(candidate.completion) for candidate in _training(candidates)}
    quoting = containing(answers.values(), questions)
    return near.to(candidates, questions) | {name for name, answer in answers.items() if answer in quoting}


def _eval_neighbours(
    candidates: list[Candidate], cluster_of: Mapping[str, str], near: _Touching, reserved: Reserved
) -> set[str]:
    """Training examples whose cluster or whose words touch an evaluation item, of this version or an earlier (I5)."""
    evaluation = [candidate for candidate in candidates if candidate.use == "eval"]
    taken = {cluster_of[candidate.example_id] for candidate in evaluation}
    touched = near.to(candidates, [*reserved.evaluated, *(candidate.text for candidate in evaluation)])
    return touched | {
        candidate.example_id for candidate in _training(candidates) if cluster_of[candidate.example_id] in taken
    }


def _above_cap(candidates: list[Candidate], limit: int) -> set[str]:
    """One person's training examples of one use beyond the limit, the lightest first."""
    counts, goes = Counter[tuple[str, str]](), set[str]()
    for candidate in sorted(_training(candidates), key=_heaviest_first):
        counts[candidate.owner, candidate.use] += 1
        if counts[candidate.owner, candidate.use] > limit:
            goes.add(candidate.example_id)
    return goes


def _above_generated_share(candidates: list[Candidate], share: float) -> set[str]:
    """Wanted answers that models wrote, beyond their share of all wanted answers."""
    wanted = [candidate for candidate in candidates if candidate.use == "sft"]
    generated = [candidate for candidate in wanted if candidate.generated]
    if share == 1:
        return set()
    most = int(share / (1 - share) * (len(wanted) - len(generated)))
    if len(generated) <= most:
        return set()
    return _beyond(generated, [candidate.weight for candidate in generated], _topics(generated), most)


def _over_budget(candidates: list[Candidate], budget: int | None) -> set[str]:
    """Training examples of each use beyond the budget; those that the model needs more stay more often."""
    training = list(_training(candidates))
    of_uses = [[candidate for candidate in training if candidate.use == use] for use in sorted(TRAINING_USES)]
    if budget is None or all(len(of_use) <= budget for of_use in of_uses):
        return set()
    topic_of = _topics(training)
    judgements = _judgements(training, topic_of)
    goes = set[str]()
    for of_use in of_uses:
        examples = [Example(topic_of[candidate.example_id], candidate.weight) for candidate in of_use]
        goes |= _beyond(of_use, weighted(examples, judgements), topic_of, budget)
    return goes


def _topics(candidates: Sequence[Candidate]) -> dict[str, int]:
    texts = [candidate.text for candidate in candidates]
    return dict(zip((candidate.example_id for candidate in candidates), topics(texts), strict=True))


def _judgements(candidates: Iterable[Candidate], topic_of: Mapping[str, int]) -> list[Judgement]:
    """Of the newest model's answers: what an older one could not do, this one may."""
    judged = [candidate for candidate in candidates if candidate.liked is not None]
    newest = max(judged, key=lambda candidate: (candidate.time, candidate.example_id), default=None)
    return [
        Judgement(topic_of[candidate.example_id], not candidate.liked, candidate.weight)
        for candidate in judged
        if newest and candidate.groups.get("model") == newest.groups.get("model")
    ]


def _beyond(
    candidates: Sequence[Candidate], weights: Sequence[float], topic_of: Mapping[str, int], budget: int
) -> set[str]:
    items = [
        Item(candidate.example_id, weight, {**candidate.groups, "topic": str(topic_of[candidate.example_id])})
        for candidate, weight in zip(candidates, weights, strict=True)
    ]
    return {item.item_id for item in items} - within_budget(items, budget)

"""Labelled conversations of published corpora, in one form.

In: a folder that holds them as published (each in a folder of its own). Out: conversations with, for each answer, the
share of annotators who were dissatisfied, and how satisfied people were with the whole, as far as the corpus says so.
None of them is shipped; which may train shipped weights is stated with each.
"""

import csv
import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from feedback.transcript import Message
from schemas.errors import UsageError


@dataclass(frozen=True, slots=True)
class Labelled:
    """A conversation and what people said of it.

    `dissatisfied`: by index of the message, 0..1. `satisfied`: of the whole, 0..1; None where nobody was asked.
    `system`: whose answers these are.
    """

    conversation_id: str
    system: str
    messages: list[Message]
    dissatisfied: Mapping[int, float] = field(default_factory=dict)
    satisfied: float | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """A published corpus. `trains_weights`: whether its licence lets weights be trained on it and be shipped."""

    name: str
    trains_weights: bool
    read: Callable[[Path], Iterator[Labelled]]


def may_be_shipped(names: Iterable[str]) -> bool:
    """Whether weights that were trained on these corpora may be given to others."""
    return all(corpus.trains_weights for corpus in CORPORA if corpus.name in names)


def load(data: Path, names: Sequence[str] | None = None) -> dict[str, list[Labelled]]:
    """Corpora below `data`, all that are there or those named. Raises UsageError."""
    wanted = [corpus for corpus in CORPORA if names is None or corpus.name in names]
    there = [corpus for corpus in wanted if (data / corpus.name).is_dir()]
    if missing := set(names or ()) - {corpus.name for corpus in there}:
        known = ", ".join(corpus.name for corpus in CORPORA)
        raise UsageError(f"{data} has no folder {', '.join(sorted(missing))}; corpora that can be read are {known}")
    if not there:
        raise UsageError(f"{data} holds none of {', '.join(corpus.name for corpus in CORPORA)}, each as a folder")
    return {corpus.name: sorted(corpus.read(data / corpus.name), key=_identity) for corpus in there}


def _identity(conversation: Labelled) -> tuple[str, str]:
    return conversation.system, conversation.conversation_id


def _dbdc3(folder: Path) -> Iterator[Labelled]:
    """Dialogue Breakdown Detection Challenge 3, English: O (fine), T (possible breakdown) or X (breakdown)."""
    weight = {"O": 0.0, "T": 0.5, "X": 1.0}
    for path in sorted(folder.rglob("*.log.json")):
        turns = json.loads(path.read_text())["turns"]
        marks = {n: [weight[mark["breakdown"]] for mark in turn["annotations"]] for n, turn in enumerate(turns)}
        yield Labelled(
            path.name.removesuffix(".log.json"),
            path.parent.name,
            [_message(turn["utterance"], by_bot=turn["speaker"] == "S") for turn in turns],
            {n: statistics.fmean(each) for n, each in marks.items() if each},
        )


def _conture(folder: Path) -> Iterator[Labelled]:
    """ConTurE: impression of each answer, 0 (dislike) to 2 (like), by majority."""
    for dialog in json.loads((folder / "data.json").read_text()):
        messages = list[Message]()
        dissatisfied = dict[int, float]()
        for turn in dialog["turns"]:
            messages.append(_message(turn["user"].removeprefix("User: "), by_bot=False))
            dissatisfied[len(messages)] = 1 - turn["overall impression"] / 2
            messages.append(_message(turn["chatbot"].removeprefix("Chatbot: "), by_bot=True))
        overall = statistics.fmean(each["human (overall)"] for each in dialog["dialog_ratings"])
        yield Labelled(str(dialog["dialog_id"]), "dstc9", messages, dissatisfied, _scaled(overall, 1, 5))


def _convai2018(folder: Path) -> Iterator[Labelled]:
    """ConvAI2, in the wild: one score of 1 to 5 for the bot; it is the participant whose profile is the bot's."""
    for path in sorted(folder.glob("*.json")):
        for dialog in json.loads(path.read_text()):
            said = dialog["dialog"]
            senders = {line["sender"] for line in said}
            if dialog["eval_score"] is None or len(senders) < 2:
                continue
            bot = _bot_of(said)
            messages = [_message(line["text"], by_bot=line["sender"] == bot) for line in said]
            yield Labelled(dialog["dialog_id"], path.stem, messages, {}, _scaled(dialog["eval_score"], 1, 5))


def _bot_of(said: Sequence[Mapping[str, Any]]) -> str:
    """The participant who never writes twice in a row; people do."""
    twice = {here["sender"] for before, here in pairwise(said) if before["sender"] == here["sender"]}
    return "participant1" if "participant2" in twice and "participant1" not in twice else "participant2"


def _ab_redial(folder: Path) -> Iterator[Labelled]:
    """ABA-ReDial: satisfaction with turns and with dialogues, 1 to 5 by three or more annotators."""
    turns = defaultdict[tuple[str, ...], list[dict[str, str]]](list)
    with (folder / "annotated_turns.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            turns[tuple(row[f"utterance{n}"] for n in range(12))].append(row)
    for number, (utterances, rows) in enumerate(turns.items()):
        for part in range(3):
            scores = [_scaled(row[f"overall{part + 1}"], 1, 5) for row in rows]
            known = [score for score in scores if score is not None]
            messages = [_spoken(text) for text in utterances[part * 4 : part * 4 + 4] if text]
            if known and len(messages) == 4 and messages[2].role == "assistant":
                name = f"{rows[0]['ConvId']}-{number}-{part}"
                yield Labelled(name, "redial", messages, {2: 1 - statistics.fmean(known)})
    dialogues = defaultdict[tuple[str, ...], list[float]](list)
    with (folder / "annotated_dialogues.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            score = _scaled(row["dialogue-overall"], 1, 5)
            if score is not None:
                dialogues[tuple(row[f"utterance{n}"] for n in range(22) if row[f"utterance{n}"])].append(score)
    for number, (utterances, scores_of) in enumerate(dialogues.items()):
        whole = [_spoken(text) for text in utterances]
        yield Labelled(f"dialogue-{number}", "redial", whole, {}, statistics.fmean(scores_of))


def _spoken(text: str) -> Message:
    role, _, said = text.partition("\t")
    return _message(said or role, by_bot=role.strip() == "SYSTEM")


def _uss(folder: Path) -> Iterator[Labelled]:
    """User Satisfaction Simulation: the person's satisfaction as they write, 1 to 5; of the whole in a last line."""
    for path in sorted(folder.glob("*.txt")):
        for number, session in enumerate(path.read_text(encoding="utf-8").split("\n\n")):
            if lines := [line.split("\t") for line in session.splitlines() if line.strip()]:
                yield _session(f"{path.stem}-{number}", path.stem.lower(), lines)


def _session(name: str, system: str, lines: Sequence[Sequence[str]]) -> Labelled:
    messages = list[Message]()
    dissatisfied, satisfied = dict[int, float](), None
    for role, text, _, scores, *_ in (line if len(line) > 3 else [*line, "", "", ""] for line in lines):
        known = [score for each in scores.split(",") if (score := _scaled(each, 1, 5)) is not None]
        if role == "USER" and text == "OVERALL":
            satisfied = statistics.fmean(known) if known else None
            continue
        messages.append(_message(text, by_bot=role == "SYSTEM"))
        answer = next((n for n in range(len(messages) - 2, -1, -1) if messages[n].role == "assistant"), None)
        if role == "USER" and known and answer is not None:
            dissatisfied[answer] = 1 - statistics.fmean(known)
    return Labelled(name, system, messages, dissatisfied, satisfied)


def _message(text: str, *, by_bot: bool) -> Message:
    return Message("assistant" if by_bot else "user", text.strip())


def _scaled(score: Any, low: float, high: float) -> float | None:
    """A score as 0..1 of its scale; None where it is no number on it."""
    try:
        number = float(score)
    except (TypeError, ValueError):
        return None
    return (number - low) / (high - low) if low <= number <= high else None


CORPORA: Final = (
    Corpus("dbdc3", trains_weights=False, read=_dbdc3),
    Corpus("convai2018", trains_weights=False, read=_convai2018),
    Corpus("conture", trains_weights=True, read=_conture),
    Corpus("ab_redial", trains_weights=True, read=_ab_redial),
    Corpus("uss", trains_weights=False, read=_uss),
)

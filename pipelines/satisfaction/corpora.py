"""Labelled conversations of published corpora, in one form.

In: a folder that holds them as published (each in a folder of its own). Out: conversations with, for each answer, the
share of annotators who were dissatisfied, and how satisfied people were with the whole, as far as a corpus says so.
None of them is shipped; which may train shipped weights is stated with each.
"""

import csv
import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from feedwheel_capture.vocabulary import AppType, Role

from feedback.dissatisfaction.features import Exchange
from schemas.errors import UsageError


@dataclass(frozen=True, slots=True)
class Labelled:
    """A conversation, and what people said of it.

    `dissatisfied`: of answers, by place, 0..1. `satisfied`: with the whole, 0..1; None where nobody was asked.
    `system`: whose answers these are.
    """

    conversation_id: str
    system: str
    messages: Exchange
    dissatisfied: Mapping[int, float]
    satisfied: float | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """A published corpus. `trains_weights`: whether its licence lets weights be trained on it and be shipped.

    `app_type`: what the people in it were there for.
    """

    name: str
    app_type: AppType
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


def app_type_of(name: str) -> AppType:
    """What the people in a corpus were there for."""
    return next(corpus.app_type for corpus in CORPORA if corpus.name == name)


def _identity(conversation: Labelled) -> tuple[str, str]:
    return conversation.system, conversation.conversation_id


def _dbdc3(folder: Path) -> Iterator[Labelled]:
    """Dialogue Breakdown Detection Challenge 3, English: O (fine), T (possible breakdown) or X (breakdown).

    The whole: the share of marks that are no breakdowns.
    """
    weight = {"O": 0.0, "T": 0.5, "X": 1.0}
    for path in sorted(folder.rglob("*.log.json")):
        turns = json.loads(path.read_text())["turns"]
        marks = {n: [weight[mark["breakdown"]] for mark in turn["annotations"]] for n, turn in enumerate(turns)}
        every = [mark for each in marks.values() for mark in each]
        yield Labelled(
            path.name.removesuffix(".log.json"),
            path.parent.name,
            [_message(turn["utterance"], by_bot=turn["speaker"] == "S") for turn in turns],
            {n: statistics.fmean(each) for n, each in marks.items() if each},
            1 - statistics.fmean(every) if every else None,
        )


def _conture(folder: Path) -> Iterator[Labelled]:
    """ConTurE: impression of each answer, 0 (dislike) to 2 (like), by majority; of the whole, 1 to 5, by three."""
    for dialog in json.loads((folder / "data.json").read_text()):
        messages = Exchange()
        dissatisfied = dict[int, float]()
        for turn in dialog["turns"]:
            messages.append(_message(turn["user"].removeprefix("User: "), by_bot=False))
            dissatisfied[len(messages)] = 1 - turn["overall impression"] / 2
            messages.append(_message(turn["chatbot"].removeprefix("Chatbot: "), by_bot=True))
        overall = statistics.fmean(each["human (overall)"] for each in dialog["dialog_ratings"])
        yield Labelled(str(dialog["dialog_id"]), "dstc9", messages, dissatisfied, _of_five(overall))


def _convai2018(folder: Path) -> Iterator[Labelled]:
    """ConvAI2 with people: 1 to 5 for a conversation by the person in it; thumbs for single answers in its later files.

    Without those in which the person wrote nothing: there is no conversation to judge.
    """
    for path in sorted(folder.glob("*.json")):
        for number, dialog in enumerate(json.loads(path.read_text())):
            said = dialog["dialog"]
            by_bot = [_is_bot(line) for line in said]
            if all(by_bot):
                continue
            thumbs = {n: line.get("evaluation_score") for n, line in enumerate(said) if by_bot[n]}
            yield Labelled(
                str(dialog.get("dialog_id", f"{path.stem}-{number}")),
                "tolokers" if path.stem.startswith("export") else path.stem.removeprefix("data_"),
                [_message(line["text"], by_bot=bot) for line, bot in zip(said, by_bot, strict=True)],
                {n: 1.0 - thumb for n, thumb in thumbs.items() if thumb is not None},
                _of_five(dialog["eval_score"]),
            )


def _is_bot(line: Mapping[str, Any]) -> bool:
    """Whose message it is; where that is not said, people are participant 1 (their profiles' words are in it)."""
    by_name = "Human" if line["sender"] == "participant1" else "Bot"
    return bool(line.get("sender_class", by_name) == "Bot")


def _ab_redial(folder: Path) -> Iterator[Labelled]:
    """ABA-ReDial: satisfaction with turns and with dialogues, 1 to 5 by three or more annotators."""
    turns = defaultdict[tuple[str, ...], list[dict[str, str]]](list)
    with (folder / "annotated_turns.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            turns[tuple(row[f"utterance{n}"] for n in range(12))].append(row)
    for number, (utterances, rows) in enumerate(turns.items()):
        for part in range(3):
            scores = [_of_five(row[f"overall{part + 1}"]) for row in rows]
            known = [score for score in scores if score is not None]
            messages = [_spoken(text) for text in utterances[part * 4 : part * 4 + 4] if text]
            if known and len(messages) == 4 and messages[2][0] == "assistant":
                name = f"{rows[0]['ConvId']}-{number}-{part}"
                yield Labelled(name, "redial", messages, {2: 1 - statistics.fmean(known)})
    yield from _ab_redial_dialogues(folder)


def _ab_redial_dialogues(folder: Path) -> Iterator[Labelled]:
    scores = defaultdict[tuple[str, ...], list[float]](list)
    with (folder / "annotated_dialogues.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            if (score := _of_five(row["dialogue-overall"])) is not None:
                scores[tuple(text for n in range(22) if (text := row[f"utterance{n}"]))].append(score)
    for number, (utterances, known) in enumerate(scores.items()):
        yield Labelled(f"dialogue-{number}", "redial", list(map(_spoken, utterances)), {}, statistics.fmean(known))


def _spoken(text: str) -> tuple[Role, str]:
    role, _, said = text.partition("\t")
    return _message(said or role, by_bot=role.strip() == "SYSTEM")


def _uss(folder: Path) -> Iterator[Labelled]:
    """User Satisfaction Simulation: the person's satisfaction as they write, 1 to 5; with the whole in a last line."""
    for path in sorted(folder.glob("*.txt")):
        for number, session in enumerate(path.read_text(encoding="utf-8").split("\n\n")):
            if lines := [line.split("\t") for line in session.splitlines() if line.strip()]:
                yield _session(f"{path.stem}-{number}", path.stem.lower(), lines)


def _session(name: str, system: str, lines: Sequence[Sequence[str]]) -> Labelled:
    messages, dissatisfied, satisfied = Exchange(), dict[int, float](), None
    for role, text, _, scores, *_ in (line if len(line) > 3 else [*line, "", "", ""] for line in lines):
        known = [score for each in scores.split(",") if (score := _of_five(each)) is not None]
        if role == "USER" and text == "OVERALL":
            satisfied = statistics.fmean(known) if known else None
            continue
        messages.append(_message(text, by_bot=role == "SYSTEM"))
        answer = next((n for n in range(len(messages) - 2, -1, -1) if messages[n][0] == "assistant"), None)
        if role == "USER" and known and answer is not None:
            dissatisfied[answer] = 1 - statistics.fmean(known)
    return Labelled(name, system, messages, dissatisfied, satisfied)


def _message(text: str, *, by_bot: bool) -> tuple[Role, str]:
    return "assistant" if by_bot else "user", text.strip()


def _of_five(score: str | float | None) -> float | None:
    """A score of 1 to 5 as 0..1; None where it is none."""
    try:
        number = float(score or "")
    except ValueError:
        return None
    return (number - 1) / 4 if 1 <= number <= 5 else None


CORPORA: Final = (
    Corpus("dbdc3", "companion", trains_weights=False, read=_dbdc3),
    Corpus("convai2018", "companion", trains_weights=False, read=_convai2018),
    Corpus("conture", "companion", trains_weights=True, read=_conture),
    Corpus("ab_redial", "task", trains_weights=True, read=_ab_redial),
    Corpus("uss", "task", trains_weights=False, read=_uss),
)

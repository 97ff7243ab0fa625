"""Whether a data set can be trained on and served: by the tokenizer and the chat template of the base model.

In: rows in TRL's formats. Out: a report; or an error, if the template refuses a row, writes an answer otherwise than
after its prompt, or if what is served is written otherwise than what is trained on.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import TemplateError

from pipelines import base_model
from pipelines.context import Context
from pipelines.dataset.rows import ANSWERS, TrainingRow
from schemas.errors import CheckFailed

_NAMED: Final = 3
"""Examples that an error names."""

Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class TemplateReport:
    """`checked` rows; tokens of the longest; rows `too_long` for `max_length`, which training leaves out.

    `served`: the artefact whose tokens were compared with those of training; None if none has been exported yet.
    """

    checked: int
    longest: int
    max_length: int
    too_long: int
    served: str | None


def without_control_tokens(context: Context, rows: Sequence[TrainingRow]) -> list[TrainingRow]:
    """The rows without a control token in any text: training would read it as one, serving breaks it up."""
    names = sorted(_tokenizer(base_model.torch_dir(context)).all_special_tokens, key=len, reverse=True)
    control = re.compile("|".join(map(re.escape, names)))
    return [row for row in rows if not any(control.search(message["content"]) for message in _messages(row))]


def check_template(context: Context, rows: Sequence[TrainingRow], served: Path | None = None) -> TemplateReport:
    """Check every row. `served`: the artefact to compare with, else the base model's. Raises CheckFailed."""
    artefact = served or base_model.served_dir(context)
    trained_by, served_by = _tokenizer(base_model.torch_dir(context)), _tokenizer(artefact) if artefact else None
    limit, lengths, faults = context.config.training.max_length, list[int](), dict[str, list[str]]()
    for row in rows:
        try:
            lengths.append(_length(row, trained_by, served_by))
        except _Fault as fault:
            faults.setdefault(str(fault), []).append(row["example_id"])
    if faults:
        raise CheckFailed("; ".join(_complaint(fault, ids) for fault, ids in faults.items()) + _ADVICE)
    too_long = sum(length > limit for length in lengths)
    return TemplateReport(len(rows), max(lengths, default=0), limit, too_long, str(artefact) if artefact else None)


class _Fault(Exception):
    """What is wrong with one row."""


def _length(row: TrainingRow, trained_by: Any, served_by: Any) -> int:
    """Tokens of the prompt with its longest answer. Raises _Fault."""
    try:
        prompt = _tokens(trained_by, row["prompt"], asks=True)
        wholes = [_tokens(trained_by, [*row["prompt"], *answer], asks=False) for answer in _answers(row)]
        in_serving = _tokens(served_by, row["prompt"], asks=True) if served_by else prompt
    except TemplateError as error:
        raise _Fault(f"the chat template refuses them ({type(error).__name__})") from None
    if any(whole[: len(prompt)] != prompt for whole in wholes):
        raise _Fault("their answer does not follow their prompt")
    if in_serving != prompt:
        raise _Fault("serving writes their prompt otherwise than training")
    return max(map(len, wholes))


_ADVICE: Final = (
    ": training and serving must write a conversation alike: export the model again with the tokenizer it was trained "
    "with, or give another base_model"
)


def _complaint(reason: str, ids: Sequence[str]) -> str:
    return f"{len(ids)} examples ({', '.join(name[:12] for name in ids[:_NAMED])}): {reason}"


@cache
def _tokenizer(directory: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(directory)


def _tokens(tokenizer: Any, messages: Messages, *, asks: bool) -> list[int]:
    thread = [dict(message) for message in messages]
    tokens: list[int] = tokenizer.apply_chat_template(
        thread, add_generation_prompt=asks, tokenize=True, return_dict=False
    )
    return tokens


def _answers(row: TrainingRow) -> Iterator[Messages]:
    return (row[name] for name in ANSWERS if name in row)


def _messages(row: TrainingRow) -> Iterator[Mapping[str, str]]:
    yield from row["prompt"]
    for answer in _answers(row):
        yield from answer

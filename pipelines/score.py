"""Score: conversations as text, one JSON object per line, judged by the detectors in use.

In: a file of `feedback.transcript.Transcript` lines. Out: a file with one line for each of them, in order: its score,
or an error with the line's number and what is wrong, without what it says. Holds one line in memory.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from feedback.dissatisfaction.model import model_in
from feedback.judge import Judge
from feedback.taxonomy import weights
from feedback.transcript import Score, Transcript, score
from schemas.config import Config
from schemas.errors import UsageError

_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_DECODER: Final = msgspec.json.Decoder(Transcript)


class BadLine(msgspec.Struct, frozen=True):
    """In place of a score: the line, counted from 1, and what is wrong with it."""

    line: int
    error: str


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """How many lines were scored, in how many of them words were not read, and which were no conversations."""

    scored: int
    bad_lines: list[int]
    unread_languages: int


def run(config: Config, app: str | None, source: Path, target: Path, weights_folder: Path | None = None) -> ScoreReport:
    """Score every line of `source` into `target`; `app` gives the application's type. Raises UsageError.

    Without it they are read as an assistant's, for whom a long conversation may be good or bad.
    `weights_folder`: weights to judge words by, in place of those of the configuration.
    """
    model = model_in(str(weights_folder) if weights_folder else config.extraction.weights)
    app_type = config.app(app).type if app else "assistant"
    judge = partial(score, app_type=app_type, judge=Judge(weights(config.signals), model=model))
    scored, unread, bad = 0, 0, list[int]()
    try:
        with source.open("rb") as lines, target.open("wb") as out:
            for number, line in enumerate(lines, start=1):
                for result in _judged(number, line, judge):
                    out.write(msgspec.json.encode(result) + b"\n")
                    if isinstance(result, BadLine):
                        bad.append(number)
                    else:
                        scored += 1
                        unread += result.unread_language is not None
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}: name a file that can be read or written") from None
    return ScoreReport(scored, bad, unread)


def _judged(number: int, line: bytes, judge: "partial[Score]") -> Iterator[Score | BadLine]:
    """The score of a line, or its error; nothing for an empty line."""
    if not line.strip():
        return
    try:
        yield judge(_DECODER.decode(line))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        yield BadLine(number, _QUOTED.sub("'…'", str(error)) or type(error).__name__)

"""Score: conversations as text, one JSON object per line, judged by the detectors in use.

In: a file of `feedback.transcript.Transcript` lines. Out: a file with one line for each of them, in order: its score,
or an error with the line's number and what is wrong, without what it says. Holds one line in memory.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from feedback.dissatisfaction.model import model_in
from feedback.judge import Judge
from feedback.taxonomy import weights
from feedback.transcript import Score, Transcript, score
from pipelines.json_lines import BadLine, bad_line, read_lines, usable_files
from schemas.config import Config


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
    with usable_files(), target.open("wb") as out:
        for number, transcript in read_lines(source, Transcript):
            result = transcript if isinstance(transcript, BadLine) else _judged(number, transcript, judge)
            out.write(msgspec.json.encode(result) + b"\n")
            if isinstance(result, BadLine):
                bad.append(number)
            else:
                scored += 1
                unread += result.unread_language is not None
    return ScoreReport(scored, bad, unread)


def _judged(number: int, transcript: Transcript, judge: "partial[Score]") -> Score | BadLine:
    try:
        return judge(transcript)
    except (ValueError, RecursionError) as error:
        return bad_line(number, error)

"""One calibration of one application: what its explicit labels say about its other signals.

In: the admitted revisions of silver. Out: a row of ops/calibrations, if it says something new. The steps, numbered as
in the code:

1. find by what calibration silver was judged, and that it was by the rules of now;
2. of every answer that its person judged on purpose take the judgement, and what else was known of it, as it would be
   without any calibration; people whom the newest curation did not trust are left out;
3. estimate (`feedback.reestimate`), and write what differs from the newest: the next extract judges all anew by it.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from feedback.calibration import Calibration, Calibrations
from feedback.detectors.base import certainty, tempered
from feedback.judge import Judge
from feedback.reestimate import Rated, reestimate
from feedback.satisfaction import evidence_by_kind, log_odds
from feedback.taxonomy import Weights
from pipelines.context import Context
from pipelines.curate.record import newest_curation
from pipelines.io.lake import Lake
from pipelines.judging import judge_behind, newest_calibrations
from pipelines.people import UserKeys, lifted, owner_of
from pipelines.runs import canonical_json, stage_run
from pipelines.silver import admitted_revisions, rows_of
from schemas.errors import NothingToDo
from schemas.languages import Language
from schemas.signals import Polarity, SignalKind

_SIGNAL: Final = ("response_id", "kind", "explicit", "polarity", "strength", "confidence", "signal_time")
_TURN: Final = ("response_id", "user_key", "user_key_id", "turn_time", "exposure_policy", "shift")
_UNTRUSTED: Final = frozenset({"coordinated", "distrusted"})
"""Reasons for which curation drops what a person said because of who said it."""
NOT_OF_THE_ANSWER: Final[frozenset[SignalKind]] = frozenset({"nps"})
"""Explicit, but about the product."""


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of signal in one language: the confidence that was stated, and the one that labels speak for."""

    language: str
    kind: SignalKind
    stated: float
    estimated: float


@dataclass(frozen=True, slots=True)
class CalibrateReport:
    """What was learned, by language, `*` for those without labels enough of their own.

    `labels`: judged answers. `disliked`: the share that is assumed before anything is known. `words`: how far the model
    of words is believed, 1 as it says.
    """

    run_id: str
    version: str
    seconds: float
    labels: dict[str, int]
    disliked: dict[str, float]
    words: dict[str, float]
    confidences: list[Change]


@dataclass(frozen=True, slots=True)
class _Said:
    """A signal as it would be without calibration."""

    kind: SignalKind
    polarity: Polarity
    strength: float
    confidence: float


def run(context: Context, app: str) -> CalibrateReport:
    """Calibrate. Raises NothingToDo if labels say nothing new, InfrastructureError if extract has to run first."""
    context.config.app(app)
    started = time.monotonic()
    with stage_run(context, app, "calibrate") as stage:
        admitted = admitted_revisions(context.lake, app)
        judge = judge_behind(context, app, admitted)  # 1
        rated = list(_rated(context, app, admitted, judge))  # 2
        if not rated:
            raise NothingToDo(f"no admitted answer of {app} was judged on purpose: `feedwheel validate` admits answers")
        found = reestimate(rated, judge.weights)  # 3
        if found.is_like(newest_calibrations(context.lake, app)):
            raise NothingToDo(f"{len(rated)} answers were judged on purpose, and they confirm what is believed")
        stage.counts.taken["rated answers"] = stage.counts.given["rated answers"] = len(rated)
        row = {"run_id": stage.run_id, "app": app, "calibrated_at": context.clock()}
        row |= {"version": found.version, "calibrations": canonical_json(found)}
        context.lake.append("ops/calibrations", [row])
    named = _named(found)
    return CalibrateReport(
        run_id=stage.run_id,
        version=found.version,
        seconds=time.monotonic() - started,
        labels={name: one.labels for name, one in named.items()},
        disliked={name: one.disliked for name, one in named.items()},
        words={name: one.words for name, one in named.items()},
        confidences=list(_changes(named, judge.weights)),
    )


def _rated(context: Context, app: str, admitted: pa.Table, judge: Judge) -> Iterator[Rated]:
    """Step 2, in the order of the log."""
    lake, of = context.lake, judge.calibrations
    conversations = rows_of(lake, "silver/conversations", app, admitted, ["language"]).to_pylist()
    language_of: dict[str, Language | None] = {row["conversation_id"]: row["language"] for row in conversations}
    about = defaultdict[str, list[dict[str, Any]]](list)
    judging = (pc.field("polarity") != 0) & pc.field("response_id").is_valid()
    for row in rows_of(lake, "silver/signals", app, admitted, _SIGNAL, judging).to_pylist():
        about[row["response_id"]].append(row)
    rows = lifted(rows_of(lake, "silver/turns", app, admitted, _TURN), UserKeys(context.settings.user_keys)).to_pylist()
    turns = [turn for turn in rows if any(map(_is_label, about[turn["response_id"]]))]
    suspect = _conversations_of_untrusted(lake, app)
    untrusted = {owner_of(turn) for turn in rows if turn["conversation_id"] in suspect}
    newest = max((turn["turn_time"] for turn in turns), default=None)
    for turn in turns:
        if owner_of(turn) in untrusted:
            continue
        signals = about[turn["response_id"]]
        language = language_of[turn["conversation_id"]]
        in_force = of.of(language).apply(judge.weights)
        said = [_as_stated(row, judge.weights, in_force) for row in signals if not row["explicit"]]
        yield Rated(
            disliked=max(filter(_is_label, signals), key=_weight)["polarity"] < 0,
            asked=turn["exposure_policy"] == "gate",
            person=owner_of(turn),
            age=(newest - turn["turn_time"]) / timedelta(days=1),
            language=language,
            shift=turn["shift"] or 0.0,
            evidence=evidence_by_kind(said),
        )


def _conversations_of_untrusted(lake: Lake, app: str) -> frozenset[str]:
    """In which the newest curation found somebody whom it did not trust."""
    curation = newest_curation(lake, app)
    if curation is None:
        return frozenset()
    where = (pc.field("run_id") == curation.run_id) & pc.field("reason").isin(sorted(_UNTRUSTED))
    return frozenset(lake.read("gold/dropped", ["conversation_id"], where).column("conversation_id").to_pylist())


def _is_label(signal: Mapping[str, Any]) -> bool:
    return signal["explicit"] and signal["kind"] not in NOT_OF_THE_ANSWER


def _weight(label: Mapping[str, Any]) -> tuple[float, Any]:
    """Of several judgements the strongest counts, then the newest."""
    return label["strength"] * log_odds(label["confidence"]), label["signal_time"]


def _as_stated(row: Mapping[str, Any], stated: Weights, in_force: Weights) -> _Said:
    kind: SignalKind = row["kind"]
    doubt = certainty(row["confidence"], in_force[kind].confidence)
    return _Said(kind, row["polarity"], row["strength"], tempered(stated[kind].confidence, doubt))


def _named(found: Calibrations) -> dict[str, Calibration]:
    named: dict[str, Calibration] = {"*": found.others}
    return named | {str(language): calibration for language, calibration in found.languages.items()}


def _changes(named: Mapping[str, Calibration], stated: Weights) -> Iterator[Change]:
    for language, calibration in named.items():
        for kind, confidence in sorted(calibration.confidences.items()):
            yield Change(language, kind, stated[kind].confidence, confidence)

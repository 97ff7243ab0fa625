"""The report page of a turn: one HTML file with its plots inside, readable without a network.

In: the summary of a turn and the records of all turns. Out: the path of the page. Whatever text it shows is escaped.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup

from feedback.statistics import Interval
from pipelines.context import Context
from pipelines.gates import GateRecord
from pipelines.simulate import plots
from pipelines.simulate.summary import Summary
from pipelines.simulate.turn import TurnRecord

_TEMPLATE = Path(__file__).with_name("report.html.j2")


def write_report(context: Context, summary: Summary, turns: Sequence[TurnRecord]) -> Path:
    """Write the page of a turn and give its path."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(_facts(context, summary, turns))
    record = summary.record
    path = context.settings.home / "reports" / f"{record.app}-turn-{record.turn:04d}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path.absolute()


def _facts(context: Context, summary: Summary, turns: Sequence[TurnRecord]) -> dict[str, Any]:
    record, gate = summary.record, summary.model_gate
    interval, config = gate_interval(gate), context.config
    return {
        "record": record,
        "minutes": sum(record.seconds.values()) / 60,
        "sentence": sentence(summary),
        "accuracy_before": percent(record.accuracy_before),
        "accuracy_after": percent(record.accuracy_after),
        "verdict": gate.verdict if gate else "none",
        "rollout_state": record.rollout.get("state", "none"),
        "funnel": summary.funnel,
        "accounts": summary.accounts,
        "funnel_svg": Markup(plots.funnel(summary.funnel)),  # noqa: S704 - SVG of our own making
        "gate_svg": gate and interval and Markup(plots.difference(interval, config.gate.margin, gate.verdict)),  # noqa: S704 - as above
        "gate_note": gate and describe_gate(gate),
        "arms": record.rollout.get("arms", {}),
        "canary_note": describe_canary(record),
        "interval": describe_mean,
        "accuracy_svg": Markup(plots.accuracy(accuracy_points(turns))),  # noqa: S704 - as above
        "acts": sorted(record.acts.items(), key=lambda item: -item[1]),
        "levers": [(of, describe_mean(msgspec.to_builtins(of.share))) for of in summary.levers],
        "times_svg": Markup(plots.times(summary.times)),  # noqa: S704 - as above
        "links": summary.links,
    }


def gate_interval(gate: GateRecord | None) -> Interval | None:
    """The interval that a gate's verdict rests on, if it had one."""
    found = gate.evidence.get("difference") if gate else None
    return Interval(**found) if found else None


def describe_gate(gate: GateRecord) -> str:
    """A gate's evidence in a sentence."""
    interval = gate_interval(gate)
    if interval is None:
        return f"{gate.verdict}."
    return (
        f"{gate.verdict}: challenger minus champion {interval.estimate:+.3f}, "
        f"95 % interval [{interval.low:+.3f}, {interval.high:+.3f}], {interval.n} people"
    )


def describe_mean(found: dict[str, Any]) -> str:
    """A mean of a rollout's report, with its interval; "-" where nothing was observed."""
    return f"{found['estimate']:.2f} [{found['low']:.2f}, {found['high']:.2f}]" if found["n"] else "-"


def accuracy_points(turns: Sequence[TurnRecord]) -> list[tuple[str, Interval]]:
    """True accuracy before the first turn and after each."""
    points = [("base model", turns[0].accuracy_before)] if turns else []
    points += [(f"turn {turn.turn}", turn.accuracy_after) for turn in turns]
    return [(name, interval) for name, interval in points if interval is not None]


def percent(interval: Interval | None) -> str:
    """An accuracy as people read it."""
    return "-" if interval is None else f"{interval.estimate:.1%}"


def sentence(summary: Summary) -> str:
    """The turn in a sentence."""
    record, gate = summary.record, summary.model_gate
    state = record.rollout.get("state")
    moved = f"true accuracy {percent(record.accuracy_before)} → {percent(record.accuracy_after)}"
    if gate is None:
        return f"No new model was made: {_why_none(summary)}. {moved.capitalize()}."
    if state is None and gate.verdict == "MARGINAL":
        return (
            f"The gate said MARGINAL: `feedwheel promote` approves the new model if you want it. {moved.capitalize()}."
        )
    if state is None:
        return f"The gate said {gate.verdict}, so the champion stays. {moved.capitalize()}."
    ending = {"PROMOTE": "it is the champion now", "ROLLBACK": "it was rolled back"}
    still = "it is still on trial, and the next turn goes on with it"
    return f"The gate said {gate.verdict}, the canary {state}: {ending.get(state, still)}; {moved}."


def _why_none(summary: Summary) -> str:
    """What kept the wheel from a new model."""
    refused = next((gate for gate in summary.gates if gate.stage == "validate" and gate.verdict == "FAIL"), None)
    if refused is None:
        return "nothing new was worth a training"
    broken = [
        f"{fact['expectation']} observed {fact['observed']:.3g}"
        for fact in refused.evidence.get("expectations", [])
        if not fact["success"] and fact["observed"] is not None
    ]
    return f"the data gate refused the batch ({'; '.join(broken) or 'see `feedwheel validate`'})"


def describe_canary(record: TurnRecord) -> str | None:
    """What a rollout rests on, None where nothing was tried."""
    rationale = record.rollout.get("rationale")
    return f"{record.rollout['state']}: {rationale}" if rationale else None

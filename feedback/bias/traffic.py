"""Traffic: what was drawn to measure or to explore is kept apart from what the model's own success brought about.

In: what exposure events say of one answer. Out: which kind of traffic it is. A wheel that learns from the answers that
its own model made likely, and measures itself on them, confirms itself (degenerate feedback loop); so people of the
evaluation split and gate draws never train, and the answers of a challenger, whose people were drawn, are counted.
"""

from typing import Literal

from feedwheel_capture.vocabulary import Arm, ExposurePolicy

from schemas.examples import Split

Traffic = Literal["holdout", "exploration", "normal"]


def traffic_of(policy: ExposurePolicy | None, arm: Arm, split: Split) -> Traffic:
    """Kind of traffic of one answer; `policy` None if no exposure event came."""
    if policy == "gate" or split == "eval":
        return "holdout"
    return "exploration" if arm == "challenger" else "normal"


def may_train(traffic: Traffic) -> bool:
    """Whether an example of such an answer may be trained on."""
    return traffic != "holdout"

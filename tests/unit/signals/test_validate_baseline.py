"""How unusual a batch's size is, and what counts as known."""

import pytest

from pipelines.stack.paths import REPOSITORY
from pipelines.validate.baseline import Baseline, Entry, baseline_of
from pipelines.validate.suites import thresholds
from schemas.config import parse
from tests.unit.test_config import TEXT

HOUR = 3600.0
VALIDATION = parse(TEXT, "feedwheel.toml").validation


def entry(turns: int, hours: float, **mix: dict[str, dict[str, int]]) -> Entry:
    return Entry(turns, hours * HOUR, None, None, 0, mix)


@pytest.mark.parametrize(
    ("turns", "hours", "ratio"),
    [
        (100, 4, 1.0),
        (2000, 4, 20.0),
        (5, 4, 20.0),
        (2000, 23, 1.0),  # twenty hours' worth after a pause of twenty hours
        (5, 3.05, 1.0),  # three minutes' worth after three minutes
        (4000, 23, 2.0),  # a pause explains half of it
    ],
)
def test_volume_is_unusual_by_batch_and_by_hour_or_not_at_all(turns: int, hours: float, ratio: float) -> None:
    baseline = Baseline([entry(100, hour) for hour in (1, 2, 3)], {})
    assert baseline.volume_ratio(entry(turns, hours)) == pytest.approx(ratio)


def test_the_baseline_is_the_newest_batches_and_what_any_had_is_known() -> None:
    few = VALIDATION.model_copy(update={"baseline_batches": 2})
    versions = ("base-1", "tuned-1", "tuned-2")
    evidence = [{"batch": vars_of(entry(9, hour, model_version={"": {name: 9}}))} for hour, name in enumerate(versions)]
    baseline = baseline_of([{"facts": {}}, *evidence], few)
    assert [found.mix["model_version"][""] for found in baseline.entries] == [{"tuned-1": 9}, {"tuned-2": 9}]
    assert baseline.known["model_version"] == set(versions)


def vars_of(entry: Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in entry.__struct_fields__}


def test_every_bound_of_the_reviewed_suite_is_a_setting_with_a_remedy() -> None:
    for bound in thresholds(VALIDATION):
        assert bound.setting in type(VALIDATION).model_fields
        assert bound.remedy, bound.fact


def test_the_guide_names_every_setting_and_every_figure_against_the_baseline() -> None:
    guide = (REPOSITORY / "docs" / "validation.md").read_text(encoding="utf-8")
    settings = list(type(VALIDATION).model_fields)
    drifts = [bound.fact for bound in thresholds(VALIDATION) if bound.setting == "max_drift"]
    assert [name for name in (*settings, *drifts, "volume_ratio", "undeclared_share") if f"`{name}`" not in guide] == []


def test_a_flood_that_was_waived_does_not_become_the_rule() -> None:
    usual, flood = {"language": {"": {"en": 90, "de": 10}}}, {"language": {"": {"xx": 9_000}}}
    entries = [entry(100, 1, **usual), entry(100, 2, **usual), entry(9_000, 3, **flood)]
    assert Baseline(entries, {}).mix["language"][""] == {"en": 180, "de": 20, "xx": 200}

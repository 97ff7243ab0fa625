"""docs/datasets.md names every column, field and reason there is."""

import re

import pytest

from pipelines.dataset.manifest import Manifest
from pipelines.dataset.selection import COLUMNS
from pipelines.stack.paths import REPOSITORY

TEXT = (REPOSITORY / "docs" / "datasets.md").read_text(encoding="utf-8")


def first_cells(heading: str) -> set[str]:
    """Code spans of the first column of the table below a header."""
    table = TEXT.partition(heading)[2].split("\n\n")[0]
    return {word for line in table.splitlines()[2:] for word in re.findall(r"`([^`]+)`", line.split("|")[1])}


def test_every_column_that_can_be_asked_by():
    assert first_cells("| column | of the example |") == set(COLUMNS)


def test_every_field_of_a_manifest():
    identity = {"dataset_id", "app", "built_at", "curation_run_id"}
    assert first_cells("| field | what |") == set(Manifest.__struct_fields__) - identity


def test_every_reason():
    source = (REPOSITORY / "pipelines" / "dataset" / "changes.py").read_text(encoding="utf-8")
    returned = set(re.findall(r'return "([a-z ]+)"|else "([a-z ]+)"', source.partition('"""')[2]))
    reasons = {first or second for first, second in returned} | {
        "new feedback",
        "newer feedback",
        "judged anew",
        "code",
    }
    assert first_cells("| reason | the example |") - {"dropped: STEP: REASON"} == reasons


@pytest.mark.parametrize(("people", "difference"), [(20, 0.61), (60, 0.30), (300, 0.10)])
def test_the_table_of_power(people, difference):
    from feedback.power import detectable_difference

    assert detectable_difference(people, 0.05) == pytest.approx(difference, abs=0.01)

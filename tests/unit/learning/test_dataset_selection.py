"""What --since, --until and --where take."""

from datetime import timedelta

import pyarrow as pa
import pytest

from pipelines.dataset.selection import Selection
from schemas.errors import UsageError
from tests.events import START

ROWS = pa.table(
    {
        "rule": ["edited", "disliked", "disliked"],
        "weight": [0.9, 0.7, 0.8],
        "liked": [None, False, False],
        "example_time": [START + timedelta(days=day) for day in range(3)],
    }
)


@pytest.mark.parametrize(
    ("selection", "weights"),
    [
        (Selection(), [0.9, 0.7, 0.8]),
        (Selection(where="rule=disliked"), [0.7, 0.8]),
        (Selection(where="rule = 'disliked' and weight >= 0.8"), [0.8]),
        (Selection(where="liked=false"), [0.7, 0.8]),
        (Selection(where="rule!=disliked"), [0.9]),
        (Selection(since=START + timedelta(days=1)), [0.7, 0.8]),
        (Selection(until=START + timedelta(days=1)), [0.9]),
    ],
)
def test_rows_taken(selection, weights):
    assert ROWS.filter(selection.expression()).column("weight").to_pylist() == weights


@pytest.mark.parametrize("where", ["rule", "nothing=1", "weight=heavy", "=1"])
def test_what_means_nothing_is_refused(where):
    with pytest.raises(UsageError, match="--where"):
        Selection(where=where).expression()


def test_a_value_may_hold_anything_it_is_compared_and_never_run():
    assert ROWS.filter(Selection(where="rule=a or rule=disliked; drop").expression()).num_rows == 0

"""What --since, --until and --where take."""

from contextlib import suppress
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dataset.selection import COLUMNS, Selection
from schemas.errors import UsageError
from tests.events import START

TEXTS = ["Wo ist meine Karte, ich habe sie nicht", "where is my card and what is the fee", "ok"]
ROWS = pa.table(
    {
        "rule": ["edited", "disliked", "disliked"],
        "weight": [0.9, 0.7, 0.8],
        "liked": [None, False, False],
        "example_time": [START + timedelta(days=day) for day in range(3)],
        "model_version": ["base", "cats and 'dogs'", "b"],
        "prompt": [[{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}] for text in TEXTS],
    }
)


def weights(selection: Selection) -> list[float]:
    return selection.of(ROWS, "task").column("weight").to_pylist()


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), [0.9, 0.7, 0.8]),
        (Selection(where="rule=disliked"), [0.7, 0.8]),
        (Selection(where="rule = 'disliked' and weight >= 0.8"), [0.8]),
        (Selection(where="liked=false"), [0.7, 0.8]),
        (Selection(where="rule!=disliked"), [0.9]),
        (Selection(where="language=de"), [0.9]),
        (Selection(where="language != unknown and words > 5 and turns = 1"), [0.9, 0.7]),
        (Selection(where="app_type=task and weight<0.8"), [0.7]),
        (Selection(where="app_type=assistant"), []),
        (Selection(where="model_version=\"cats and 'dogs'\" and rule=disliked"), [0.7]),
        (Selection(where="model_version=''"), []),
        (Selection(since=START + timedelta(days=1)), [0.7, 0.8]),
        (Selection(until=START + timedelta(days=1)), [0.9]),
    ],
)
def test_rows_taken(selection, taken):
    assert weights(selection) == taken


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("rule", "columns: use, rule, liked, weight"),
        ("nothing=1", "language, turns, words; operators: = != >= <= > <"),
        ("weight=heavy", "weight holds double"),
        ("=1", "write `column operator value`"),
        ("rule=edited and", "rule is one of"),
        ("rule=edited or rule=liked", "rule is one of gate_corrected"),
        ("language=german", "language is one of en, cs, de"),
        ("model_version='open", "write `column operator value`"),
        ("words=1 and words", "--where 'words'"),
    ],
)
def test_what_means_nothing_is_refused_and_what_can_be_said_is_listed(where, says):
    with pytest.raises(UsageError, match="--where") as refused:
        Selection(where=where).expression()
    assert says in str(refused.value)


def test_a_value_may_hold_anything_it_is_compared_and_never_run():
    assert weights(Selection(where="model_version=a or rule=disliked; drop")) == []


@given(st.text(max_size=40))
def test_any_text_selects_or_is_refused(where):
    with suppress(UsageError):  # and no other error
        Selection(where=where).expression()


@given(st.sampled_from(sorted(COLUMNS)), st.text(alphabet=st.characters(exclude_characters="'"), max_size=20))
def test_what_is_quoted_is_one_value(column, value):
    where = f"{column}!='{value}'"
    message = ""
    try:
        Selection(where=f"{where} and {where}").expression()
    except UsageError as refused:
        message = str(refused)
    assert "write `column" not in message


def test_a_selection_is_told_without_whom_or_whose_words_it_is_about():
    selection = Selection(where="rule=edited and user_key='3f a' and completion=secret and words>3")
    assert selection.told == "rule = edited and user_key = … and completion = … and words > 3"

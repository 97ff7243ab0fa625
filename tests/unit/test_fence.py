"""The fence of an application in a table: who began before words were taken out appends nothing, others are free."""

from typing import Any

import pytest

from pipelines.io import lake as lakes
from pipelines.io.fence import fence_off, fenced
from pipelines.io.lake import Lake
from schemas.errors import InfrastructureError
from tests.unit.test_lake import admission

TABLE = "silver/admissions"


def conversations(lake: Lake) -> list[str]:
    return sorted(lake.read(TABLE).column("conversation_id").to_pylist())


def test_who_began_before_is_refused_and_who_begins_now_is_not(lake: Lake) -> None:
    before = fenced(lake, "a", TABLE)
    before.append(TABLE, [admission("c-1")])
    fence_off(lake, "a", 7, TABLE)
    with pytest.raises(InfrastructureError, match=f"a: words were taken out of {TABLE} while this ran.*run it again"):
        before.append(TABLE, [admission("c-2")])
    fenced(lake, "a", TABLE).append(TABLE, [admission("c-3")])
    assert conversations(lake) == ["c-1", "c-3"]


def test_other_applications_and_what_was_taken_out_already_are_in_nobody_s_way(lake: Lake) -> None:
    fence_off(lake, "a", 7, TABLE)
    began, version = fenced(lake, "a", TABLE), lake.open(TABLE).version()
    fence_off(lake, "a", 7, TABLE)
    assert lake.open(TABLE).version() == version
    fence_off(lake, "another", 8, TABLE)
    began.append(TABLE, [admission()])
    assert conversations(lake) == ["c"]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Do something after the next look at the fence, before the rows are there."""

    def between(done: Any) -> None:
        real = lakes.write_deltalake

        def late(*args: Any, **options: Any) -> None:
            monkeypatch.setattr(lakes, "write_deltalake", real)
            done()
            real(*args, **options)

        monkeypatch.setattr(lakes, "write_deltalake", late)

    return between


def test_nothing_comes_between_the_look_and_the_rows(lake: Lake, meanwhile: Any) -> None:
    began = fenced(lake, "a", TABLE)
    meanwhile(lambda: fence_off(lake, "a", 7, TABLE))
    with pytest.raises(InfrastructureError, match="words were taken out"):
        began.append(TABLE, [admission()])
    assert conversations(lake) == []


def test_two_runs_at_once_both_append(lake: Lake, meanwhile: Any) -> None:
    one, other = fenced(lake, "a", TABLE), fenced(lake, "a", TABLE)
    meanwhile(lambda: other.append(TABLE, [admission("c-2")]))
    one.append(TABLE, [admission("c-1")])
    assert conversations(lake) == ["c-1", "c-2"]

"""Whatever files a table has, a filtered read gives the rows that match, and opens no file that cannot have any."""

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.io.lake import Lake
from tests.events import APP, START

IDS = st.sampled_from(["", "a", "b", "naïve", "z" * 70, "z" * 70 + "é", "\U0010ffff" * 70])
OFFSETS = st.integers(0, 6)
rows = st.lists(
    st.builds(
        lambda offset, response_id, user_key, hours: {
            "topic": "t",
            "topic_id": "i",
            "partition": 0,
            "offset": offset,
            "app": APP,
            "user_key": user_key,
            "response_id": response_id,
            "conversation_id": None,
            "event_id": "e",
            "as_of": START + timedelta(hours=hours),
        },
        OFFSETS,
        st.none() | IDS,
        st.none() | IDS,
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=4,
)
FILTERS = st.one_of(
    st.builds(lambda value: pc.field("offset") >= value, OFFSETS),
    st.builds(lambda values: pc.field("response_id").isin(pa.array(sorted(values), pa.string())), st.sets(IDS)),
    st.builds(lambda value: pc.field("user_key") == value, IDS),
    st.builds(lambda hours: pc.field("as_of") < START + timedelta(hours=hours), st.integers(0, 4)),
    st.sampled_from([pc.field("response_id").is_null(), pc.field("conversation_id").is_valid()]),
)


@settings(max_examples=40)
@given(files=st.lists(rows, min_size=1, max_size=4), one=FILTERS, other=FILTERS, both=st.booleans())
def test_a_filter_gives_what_matches_and_nothing_else(tmp_path_factory, files, one, other, both):
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    for written in files:
        lake.append("silver/orphans", written)
    where = one & other if both else one | other
    found, everything = lake.read("silver/orphans", where=where), lake.read("silver/orphans")
    assert everything.num_rows == sum(map(len, files))
    order = [(name, "ascending") for name in ("offset", "response_id", "user_key", "as_of")]
    assert found.sort_by(order).equals(everything.filter(where).sort_by(order))


def test_a_file_that_cannot_match_is_not_opened(tmp_path):
    lake = Lake(str(tmp_path))
    row = {"topic": "t", "topic_id": "i", "partition": 0, "app": APP, "event_id": "e", "as_of": START}
    lake.append("silver/orphans", [row | {"offset": 1}])
    (first,) = Path(lake.uri("silver/orphans")).glob("*.parquet")
    lake.append("silver/orphans", [row | {"offset": 2}])
    first.unlink()
    assert lake.read("silver/orphans", ["offset"], pc.field("offset") > 1).column(0).to_pylist() == [2]
    with pytest.raises(FileNotFoundError):
        lake.read("silver/orphans")

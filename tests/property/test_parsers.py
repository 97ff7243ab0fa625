"""Whatever bytes others send: they are read, refused with a reason, or left out with a count, and nothing else happens.

The targets are those of the coverage-guided fuzzer, tests/fuzz/fuzz_parsers.py; here they run on spoilt seeds.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, seeds


@st.composite
def spoilt(draw: st.DrawFn, target: str) -> bytes:
    """A whole input in which some stretches are cut out, doubled, or replaced by anything."""
    data = draw(st.sampled_from(seeds(target)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 30)))
        data = data[:start] + draw(st.binary(max_size=8) | st.just(data[start:end] * 2)) + data[end:]
    return data


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
def test_no_bytes_break_a_promise(target: str, data: st.DataObject) -> None:
    TARGETS[target](data.draw(spoilt(target) | st.binary(max_size=200)))

"""Which files become one: small neighbours, none that is large enough, and never so many that memory is short."""

from hypothesis import given
from hypothesis import strategies as st

from pipelines.io.table_files import StoredFile
from pipelines.maintain.plan import DECODED_BYTES, ROWS, TARGET_BYTES, Measured, merges

sizes = st.tuples(
    st.integers(1, TARGET_BYTES * 2), st.integers(1, DECODED_BYTES * 2), st.integers(1, ROWS * 2)
) | st.tuples(st.integers(1, TARGET_BYTES // 50), st.integers(1, DECODED_BYTES // 50), st.integers(1, ROWS // 50))


def share(files):
    return max(
        sum(measured.file.size for measured in files) / TARGET_BYTES,
        sum(measured.decoded for measured in files) / DECODED_BYTES,
        sum(measured.file.rows for measured in files) / ROWS,
    )


@given(st.lists(sizes, max_size=200))
def test_what_is_left_is_few_and_every_merge_fits(given_sizes):
    files = [
        Measured(StoredFile(f"f{number}", stored, rows, {}), decoded)
        for number, (stored, decoded, rows) in enumerate(given_sizes)
    ]
    of_path = {measured.file.path: measured for measured in files}
    merged = [[of_path[file.path] for file in of] for of in merges(files)]
    in_merges = [measured for of in merged for measured in of]
    assert len({measured.file.path for measured in in_merges}) == len(in_merges)
    assert all(len(of) > 1 and share(of) <= 1 for of in merged)
    assert all(share([measured]) < 0.5 for measured in in_merges)
    small = [measured for measured in files if share([measured]) < 0.5]
    left = len(small) - len(in_merges) + len(merged)
    total = sum(
        measured.file.size / TARGET_BYTES + measured.decoded / DECODED_BYTES + measured.file.rows / ROWS
        for measured in small
    )
    assert left <= 2 * total + 3


def test_a_few_small_files_are_left_alone():
    few = [Measured(StoredFile(f"f{number}", 1, 1, {}), 1) for number in range(4)]
    assert list(merges(few[:3])) == []
    assert [len(of) for of in merges(few)] == [4]

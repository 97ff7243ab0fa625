"""Times as exports write them."""

from typing import Any

import pytest

from feedback.capture.importers.times import moment


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1736155800, "2025-01-06T09:30:00+00:00"),
        (1736155800.25, "2025-01-06T09:30:00.250000+00:00"),
        (1736155800250, "2025-01-06T09:30:00.250000+00:00"),
        ("1736155800", "2025-01-06T09:30:00+00:00"),
        ("2025-01-06T09:30:00Z", "2025-01-06T09:30:00+00:00"),
        ("2025-01-06T09:30:00.123456Z", "2025-01-06T09:30:00.123456+00:00"),
        ("2025-01-06T10:30:00+01:00", "2025-01-06T09:30:00+00:00"),
        ("2025-01-06 09:30:00.25", "2025-01-06T09:30:00.250000+00:00"),
        *((value, None) for value in (None, "", "soon", True, -1, 1e30, float("nan"), float("inf"), [], "9" * 400)),
    ],
)
def test_times_of_exports(value: Any, expected: str | None) -> None:
    found = moment(value)
    assert (found and found.isoformat()) == expected

"""Durations as kubectl prints them."""

from datetime import UTC, datetime, timedelta

import pytest

from shoal.apiserver.tables.age import human_duration, since

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3600, 86400


# The cases of Kubernetes' own test of HumanDuration, and both sides of every step.
@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-3, "<invalid>"),
        (-2, "<invalid>"),
        (-1.9, "0s"),
        (-0.5, "0s"),
        (0, "0s"),
        (1, "1s"),
        (70, "70s"),
        (119.9, "119s"),
        (2 * MINUTE, "2m"),
        (3 * MINUTE + 10, "3m10s"),
        (9 * MINUTE + 59, "9m59s"),
        (10 * MINUTE + 59, "10m"),
        (3 * HOUR - 1, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 5 * MINUTE, "3h5m"),
        (8 * HOUR - 1, "7h59m"),
        (8 * HOUR + 59 * MINUTE, "8h"),
        (2 * DAY - 1, "47h"),
        (2 * DAY, "2d"),
        (2 * DAY + HOUR, "2d1h"),
        (8 * DAY - 1, "7d23h"),
        (8 * DAY + 23 * HOUR, "8d"),
        (2 * 365 * DAY - 1, "729d"),
        (2 * 365 * DAY, "2y"),
        (2 * 365 * DAY + 3 * DAY, "2y3d"),
        (8 * 365 * DAY - 1, "7y364d"),
        (9 * 365 * DAY, "9y"),
    ],
)
def test_durations_use_the_units_that_matter(seconds: float, expected: str) -> None:
    assert human_duration(timedelta(seconds=seconds)) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-01T11:59:30Z", "30s"),
        ("2026-01-01T11:58:59.500000Z", "60s"),
        ("2026-01-01T13:00:00+01:00", "0s"),
        (None, "<unknown>"),
        ("", "<unknown>"),
        ("yesterday", "<invalid>"),
        ("2026-01-01T11:59:30", "<invalid>"),
    ],
)
def test_times_are_shown_as_how_long_ago_they_were(moment: str | None, expected: str) -> None:
    assert since(moment, NOW) == expected

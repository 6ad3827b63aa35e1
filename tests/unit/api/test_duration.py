"""Lengths of time as Go writes them."""

import pytest

from shoal.api.duration import duration, format_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("15s", 15), ("1m30s", 90), ("1.5h", 5400), ("-2s", -2), ("0", 0)]
)
def test_lengths_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert duration(text).seconds == seconds


@pytest.mark.parametrize("text", ["", "5", "1d", "s", "1h!", "9999999999999h", "1" * 500 + "h"])
def test_what_is_no_length_for_go_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        duration(text)


@pytest.mark.parametrize(
    ("length_s", "text"), [(0, "0s"), (80, "1m20s"), (3600, "1h0m0s"), (90061, "25h1m1s")]
)
def test_lengths_are_written_as_go_writes_them(length_s: int, text: str) -> None:
    assert format_duration(length_s) == text
    assert duration(text).seconds == length_s

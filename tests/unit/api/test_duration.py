"""Lengths of time as Go writes them."""

import pytest

from shoal.api.duration import duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("15s", 15), ("1m30s", 90), ("1.5h", 5400), ("-2s", -2), ("0", 0)]
)
def test_lengths_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert duration(text).seconds == seconds


@pytest.mark.parametrize("text", ["", "5", "1d", "s", "1h!", "9999999999999h", "1" * 500 + "h"])
def test_what_is_no_length_for_go_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        duration(text)

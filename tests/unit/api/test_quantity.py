"""Quantities as Kubernetes writes them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api import quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500m", Decimal("0.5")),
        ("1", Decimal(1)),
        (2, Decimal(2)),
        ("1Gi", Decimal(2**30)),
        ("1.5Gi", Decimal(3 * 2**29)),
        ("1k", Decimal(1000)),
        ("1e3", Decimal(1000)),
        ("12E", Decimal(12 * 10**18)),
        ("100n", Decimal("1e-7")),
        ("-3", Decimal(-3)),
        (0.25, Decimal("0.25")),
    ],
)
def test_every_notation_has_its_exact_value(text, expected):
    assert quantity.parse(text) == expected


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "Gi", "1 Gi", "1gi", "infinity", "nan"])
def test_what_is_no_quantity_is_refused_with_the_servers_text(text):
    with pytest.raises(quantity.QuantityError, match="quantities must match the regular expr"):
        quantity.parse(text)


def test_fractions_are_rounded_up():
    assert quantity.millis("1.0001") == 1001
    assert quantity.value("100m") == 1


@given(st.integers(0, 10**9))
def test_formatted_bytes_read_back(number):
    assert quantity.value(quantity.format_bytes(number)) == number

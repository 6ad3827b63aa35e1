"""Quantities in the form in which the server answers them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.quantity import canonical, parse


@pytest.mark.parametrize(
    ("written", "answered"),
    [
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1500", "1500"),
        ("2000", "2k"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("0Gi", "0"),
        ("1e3", "1e3"),
        ("10e2", "1e3"),
        ("0.1n", "1n"),
        ("-1Gi", "-1Gi"),
        (1, "1"),
        (0.1, "100m"),
    ],
)
def test_quantities_are_answered_in_canonical_form(written, answered):
    assert canonical(written) == answered


@given(st.integers(-(10**12), 10**12), st.sampled_from(["", "m", "k", "M", "Ki", "Gi", "e3"]))
def test_the_canonical_form_means_the_same_and_stays(number, suffix):
    text = canonical(f"{number}{suffix}")
    assert parse(text) == Decimal(parse(f"{number}{suffix}"))
    assert canonical(text) == text

"""Division by weight within bounds, against an independent reference that fills drop by drop."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.scheduler.fairness.water_filling import Contender, divide


def contenders():
    bounds = st.tuples(st.integers(0, 20), st.integers(0, 40)).map(sorted)
    each = st.builds(
        lambda weight, bounds, held: Contender(weight, bounds[1], bounds[0], held),
        st.integers(1, 7),
        bounds,
        st.integers(0, 40),
    )
    return st.lists(each, min_size=1, max_size=7)


def level_of(amount: int, line: list[Contender]) -> Fraction:
    """How much each gets per weight, without regard to whole units: found by halving."""
    low, high = Fraction(0), Fraction(100)
    for _ in range(60):
        middle = (low + high) / 2
        filled = sum(min(max(each.weight * middle, each.floor), each.ceiling) for each in line)
        low, high = (middle, high) if filled <= amount else (low, middle)
    return low


@pytest.mark.parametrize(
    ("amount", "line", "parts"),
    [
        (4000, [Contender(1, 4000), Contender(3, 3000)], [1000, 3000]),
        (4000, [Contender(1, 500), Contender(1, 9000)], [500, 3500]),
        (4000, [Contender(1, 500), Contender(1, 600)], [500, 600]),
        (10, [Contender(1, 10, floor=6), Contender(1, 10), Contender(1, 10)], [6, 2, 2]),
        (10, [Contender(1, 0, floor=4), Contender(1, 10)], [4, 6]),
        (0, [Contender(1, 5)], [0]),
        (7, [], []),
    ],
)
def test_each_gets_the_same_per_weight_within_its_bounds(
    amount: int, line: list[Contender], parts: list[int]
):
    assert divide(amount, line) == parts


def test_three_devices_for_two_gangs_of_two_are_enough_for_one_of_them():
    assert divide(3, [Contender(1, 2), Contender(1, 2)]) == [2, 1]


def test_the_odd_unit_goes_to_who_lacks_least():
    assert divide(3, [Contender(1, 8), Contender(1, 2)]) == [1, 2]


def test_the_odd_unit_stays_with_who_has_it():
    assert divide(3, [Contender(1, 2, held=1), Contender(1, 2, held=2)]) == [1, 2]


def test_the_odd_unit_goes_to_the_largest_remainder_first():
    assert divide(5, [Contender(1, 9), Contender(2, 9)]) == [2, 3]


def test_floors_that_are_too_many_are_met_in_proportion():
    assert divide(6, [Contender(1, 0, floor=4), Contender(9, 9, floor=8), Contender(1, 9)]) == [
        2,
        4,
        0,
    ]


@given(st.integers(0, 150), contenders())
def test_bounds_are_kept_and_nothing_is_left_while_somebody_wants_it(
    amount: int, line: list[Contender]
):
    parts = divide(amount, line)
    wanted = sum(max(each.ceiling, each.floor) for each in line)
    assert sum(parts) == min(amount, wanted)
    assert all(
        0 <= part <= max(each.ceiling, each.floor) for part, each in zip(parts, line, strict=True)
    )
    if sum(each.floor for each in line) <= amount:
        assert all(part >= each.floor for part, each in zip(parts, line, strict=True))


@given(st.integers(0, 150), contenders())
def test_parts_are_the_max_min_fair_ones_rounded_to_whole_units(amount: int, line: list[Contender]):
    if not sum(each.floor for each in line) <= amount <= sum(each.ceiling for each in line):
        return
    level = level_of(amount, line)
    for part, each in zip(divide(amount, line), line, strict=True):
        exact = min(max(each.weight * level, each.floor), each.ceiling)
        assert abs(part - exact) <= 1


@given(st.integers(1, 10**18), st.lists(st.integers(1, 65535), min_size=1, max_size=50))
def test_large_amounts_are_divided_exactly(amount: int, weights: list[int]):
    parts = divide(amount, [Contender(each, amount) for each in weights])
    assert sum(parts) == amount
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * whole - amount * weight) < whole

"""How many items are leased at once."""

from hypothesis import given
from hypothesis import strategies as st

from shoal.work.pacing import MAX_BATCH, SHORT_S, next_batch


def test_groups_of_short_items_grow_and_those_of_long_ones_shrink() -> None:
    assert next_batch(4, SHORT_S / 2, MAX_BATCH) == 8
    assert next_batch(4, SHORT_S * 2, MAX_BATCH) == 4
    assert next_batch(4, SHORT_S * 5, MAX_BATCH) == 2


@given(st.integers(1, 1000), st.floats(0, 1e6), st.integers(1, 1000))
def test_a_group_has_an_item_at_least_and_what_is_allowed_at_most(
    now: int, took_s: float, most: int
) -> None:
    assert 1 <= next_batch(min(now, most), took_s, most) <= most

"""How items are cut into transactions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.work.chunks import (
    MAX_CHARACTERS,
    MAX_ITEMS,
    BatchMark,
    check_end,
    chunks,
    missing,
)
from shoal.work.protocol import OtherBatch

BODIES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5), max_size=20
)


@given(BODIES, st.integers(0, 300))
def test_every_body_is_in_one_run_at_its_place(bodies: list[str], copies: int) -> None:
    given = bodies * copies
    found: list[str] = []
    for start, run in chunks(given):
        assert start == len(found)
        assert 0 < len(run) <= MAX_ITEMS
        found += run
    assert found == given


def test_long_bodies_make_short_runs() -> None:
    half = "x" * (MAX_CHARACTERS // 2)
    assert [len(run) for _, run in chunks([half, half, half, half * 3, "y"])] == [2, 1, 1, 1]


def test_bodies_are_taken_as_they_are_needed() -> None:
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield "x"

    next(chunks(endless()))
    assert taken <= MAX_ITEMS + 1


def mark_of(bodies: list[str]) -> BatchMark:
    return missing(bodies, BatchMark(), BatchMark())[1]


@given(BODIES, st.integers(0, 20), st.integers(0, 20))
def test_what_is_missing_of_a_run_is_what_comes_after_those_present(
    batch: list[str], start: int, present: int
) -> None:
    start, present = min(start, len(batch)), min(present, len(batch))
    lacking, mark = missing(batch[start:], mark_of(batch[:start]), mark_of(batch[:present]))
    assert lacking == batch[max(start, present) :]
    assert mark == mark_of(batch)


@given(BODIES, BODIES)
def test_a_batch_with_other_items_is_noticed_before_anything_is_added(
    batch: list[str], other: list[str]
) -> None:
    present = mark_of(batch)
    if other[: len(batch)] == batch:
        assert missing(other, BatchMark(), present)[0] == other[len(batch) :]
        return
    with pytest.raises(OtherBatch, match="use another batch id"):
        lacking, mark = missing(other, BatchMark(), present)
        assert lacking == []
        check_end(mark, present)

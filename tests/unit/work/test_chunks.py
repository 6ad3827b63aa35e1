"""How items are cut into transactions."""

from hypothesis import given
from hypothesis import strategies as st

from shoal.work.chunks import MAX_CHARACTERS, MAX_ITEMS, chunks, missing

BODIES = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=5), max_size=20)


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


@given(BODIES, st.integers(0, 50), st.integers(0, 50))
def test_what_is_missing_of_a_run_is_what_comes_after_those_present(
    run: list[str], start: int, present: int
) -> None:
    expected = [body for place, body in enumerate(run, start) if place >= present]
    assert missing(start, run, present) == expected

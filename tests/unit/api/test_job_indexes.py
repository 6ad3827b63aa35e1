"""Sets of completion indexes behave as sets, and are written as Kubernetes writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.job_indexes import Indexes, IndexesError, count_indexes, read_indexes

some = st.sets(st.integers(0, 40))


@pytest.mark.parametrize(
    ("indexes", "text"),
    [((), ""), ((3,), "3"), ((0, 1), "0,1"), ((0, 1, 2, 5, 7, 8, 9), "0-2,5,7-9")],
)
def test_runs_are_written_as_runs_from_three_on(indexes, text):
    assert str(Indexes.of(indexes)) == text


@given(some, some)
def test_they_are_joined_and_crossed_as_sets(left, right):
    one, other = Indexes.of(left), Indexes.of(right)
    assert one | other == Indexes.of(left | right)
    assert one & other == Indexes.of(left & right)
    assert len(one) == len(left)
    assert {index for index in range(41) if index in one} == left


@given(some)
def test_what_is_written_is_read(indexes):
    written = str(Indexes.of(indexes))
    assert read_indexes(written, 41) == Indexes.of(indexes)
    assert count_indexes(written, 41) == len(indexes)


@given(some, st.integers(0, 20), st.integers(0, 50))
def test_the_first_absent_indexes_are_found(indexes, count, below):
    expected = [index for index in range(below) if index not in indexes][:count]
    assert Indexes.of(indexes).absent(count, below) == expected


def test_indexes_of_a_larger_job_are_left_out():
    assert str(read_indexes("0-4,6", 3)) == "0-2"


def test_runs_that_cannot_be_read_are_left_out():
    assert str(read_indexes("0,x,3-y,5", 10)) == "0,5"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("5", 'too large index: "5"'),
        ("0-5", 'too large index: "5"'),
        ("a", 'cannot convert string to integer for index: "a"'),
        ("2,1", "non-increasing order, previous: 2, current: 1"),
        ("2-2", "non-increasing order, previous: 2, current: 2"),
        (
            "0-1-2",
            'the fragment "0-1-2" violates the requirement that an index interval can have at most'
            " two parts separated by '-'",
        ),
    ],
)
def test_what_people_write_wrongly_is_told(text, why):
    with pytest.raises(IndexesError) as error:
        count_indexes(text, 5)
    assert str(error.value) == why

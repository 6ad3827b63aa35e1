"""The size of a pool that has no webhook."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.ploto_scaling import ScaledPool, ScaleQuestion, default_size


def a_question(**more: int) -> ScaleQuestion:
    numbers = {
        "period_seconds": 15,
        "min_executor": 2,
        "max_executor": 100,
        "total_executor": 2,
        "running_executor": 0,
        "busy_executor": 0,
        "pending_task": 0,
    }
    return ScaleQuestion(pool=ScaledPool(name="p", namespace="n"), **{**numbers, **more})


@pytest.mark.parametrize(
    ("busy", "expected"), [(0, 2), (1, 2), (2, 3), (3, 4), (4, 6), (10, 13), (11, 15)]
)
def test_the_size_is_1_3_times_the_busy_executors_rounded_up(busy: int, expected: int) -> None:
    assert default_size(a_question(busy_executor=busy)) == expected


def test_waiting_tasks_get_one_executor_more_at_a_time() -> None:
    assert default_size(a_question(min_executor=0, total_executor=0, pending_task=9)) == 1
    assert default_size(a_question(total_executor=4, pending_task=9)) == 5
    assert default_size(a_question(total_executor=4, pending_task=1)) == 2
    assert default_size(a_question(total_executor=4, running_executor=4, pending_task=1)) == 5


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 500), st.integers(0, 500))
def test_the_size_is_within_the_bounds(low: int, more: int, busy: int, pending: int) -> None:
    question = a_question(
        min_executor=low, max_executor=low + more, busy_executor=busy, pending_task=pending
    )
    assert low <= default_size(question) <= low + more

"""What `shoal explain` says of an executor pool."""

from datetime import UTC, datetime, timedelta

from shoal.api.core import Event
from shoal.api.meta import Condition, ObjectMeta
from shoal.api.ploto import (
    DynamicExecutorPool,
    DynamicExecutorPoolSpec,
    ExecutorPoolStatus,
    FixedExecutorPool,
    Task,
    TaskSpec,
    TaskStatus,
)
from shoal.cli.explain import task_story
from shoal.cli.phrases import event_line
from shoal.cli.pool_story import is_of, pool_story

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POOL = DynamicExecutorPool(
    metadata=ObjectMeta(name="pool", namespace="default"),
    spec=DynamicExecutorPoolSpec(min_executor=1, max_executor=3),
    status=ExecutorPoolStatus(total_executor=3, running_executor=1, available_executor=0),
)


def a_task(**status: object) -> Task:
    return Task(
        metadata=ObjectMeta(name="t", namespace="default"),
        spec=TaskSpec(executor_pool="pool", executor_pool_type="Dynamic"),
        status=TaskStatus(**status),
    )


WAITS = Condition(
    type="Assigned",
    status="False",
    reason="NoIdleExecutor",
    message="all are busy",
    last_transition_time=NOW - timedelta(minutes=3),
)


def test_a_pool_tells_its_sizes_what_waits_and_how_it_was_scaled_last() -> None:
    first = Event(type="Normal", reason="ScaledUp", message="from 1 to 2 executors: x", count=1)
    last = Event(
        type="Normal",
        reason="ScaledUp",
        message="from 2 to 3 executors: y",
        count=1,
        last_timestamp=NOW - timedelta(seconds=20),
    )
    assert pool_story(POOL, [a_task(conditions=[WAITS])], [first, last], NOW) == [
        "DynamicExecutorPool default/pool has 3 executors (1 to 3 allowed):"
        " 1 busy, 0 idle, 2 not ready.",
        "  1 task waits.",
        "    NoIdleExecutor for 3m: all are busy",
        "  It has as many executors as maxExecutor lets it have.",
        "  Normal ScaledUp (1 time, 20s ago): from 2 to 3 executors: y",
    ]


def test_only_tasks_that_name_a_pool_and_its_type_are_its_own() -> None:
    assert is_of(a_task(), POOL)
    assert not is_of(a_task(), FixedExecutorPool(metadata=POOL.metadata))


def test_what_happened_once_is_told_in_the_singular() -> None:
    assert "  Its executor died 1 time." in task_story(a_task(phase="Failed", failed_time=1), NOW)
    twice = Event(type="Warning", reason="ExecutorDied", message="m", count=2)
    assert event_line(twice, NOW) == "  Warning ExecutorDied (2 times): m"

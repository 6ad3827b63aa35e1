"""What `shoal explain` says of an executor pool: sizes, what waits, how it was scaled last."""

from collections.abc import Sequence
from datetime import datetime

from shoal.api.core import Event
from shoal.api.meta import find_condition
from shoal.api.ploto import (
    ASSIGNED,
    DynamicExecutorPool,
    FixedExecutorPool,
    PoolType,
    Task,
    TaskPhase,
)
from shoal.cli.phrases import condition_line, counted, event_line

_SCALINGS = {"ScaledUp", "ScaledDown"}


def is_of(task: Task, pool: DynamicExecutorPool | FixedExecutorPool) -> bool:
    """Does the task ask for this pool?"""
    pool_type = PoolType.DYNAMIC if isinstance(pool, DynamicExecutorPool) else PoolType.FIXED
    spec = task.spec
    return (spec.executor_pool, spec.executor_pool_type) == (pool.metadata.name, pool_type)


def pool_story(
    pool: DynamicExecutorPool | FixedExecutorPool,
    tasks: Sequence[Task],
    events: Sequence[Event],
    now: datetime,
) -> list[str]:
    """Sentences. `tasks` are the pool's own, `events` about it, the newest last."""
    status = pool.status
    total = status.total_executor or 0
    busy, idle = status.running_executor, status.available_executor
    lines = [
        f"{type(pool).__name__} {pool.metadata.key} has {counted(total, 'executor')}"
        f" ({_bounds(pool)}): {busy} busy, {idle} idle, {max(0, total - busy - idle)} not ready."
    ]
    waiting = [task for task in tasks if task.phase is TaskPhase.PENDING]
    verb = "waits" if len(waiting) == 1 else "wait"
    lines.append(f"  {counted(len(waiting), 'task')} {verb}." if waiting else "  No task waits.")
    for task in waiting[:1]:
        condition = find_condition(task.status.conditions, ASSIGNED)
        if condition is not None:
            lines.append(f"  {condition_line(condition, now)}")
    if isinstance(pool, DynamicExecutorPool) and waiting and total >= pool.spec.max_executor:
        lines.append("  It has as many executors as maxExecutor lets it have.")
    scalings = [event for event in events if event.reason in _SCALINGS]
    lines += [event_line(event, now) for event in scalings[-1:]]
    return lines


def _bounds(pool: DynamicExecutorPool | FixedExecutorPool) -> str:
    if isinstance(pool, FixedExecutorPool):
        return f"{pool.spec.executor} wanted"
    return f"{pool.spec.min_executor} to {pool.spec.max_executor} allowed"

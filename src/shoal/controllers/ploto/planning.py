"""What to do for one pool now: compare what its roster holds with what the pool asks for.

Pure and quick; it looks at what needs attention and at no more of the rest than it acts on. The
order of the steps matters: an executor that has to go is not given a task first.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, takewhile

from shoal.api.ploto import Task
from shoal.base.backoff import Backoff
from shoal.controllers.ploto.executor_pod import Executor
from shoal.controllers.ploto.pool_roster import (
    Concern,
    PoolRoster,
    Standing,
    is_same_executor,
)
from shoal.controllers.ploto.roster import Roster

START_BACKOFF = Backoff(initial_s=1.0, max_s=60.0)
"""Between executors that die before they had a task."""


@dataclass(slots=True)
class Plan:
    """What is to be done for the pool; all of it at once."""

    lost: list[tuple[Task, str]] = field(default_factory=list[tuple[Task, str]])
    """Tasks whose executor died, and how it died."""
    returned: list[tuple[Task, str]] = field(default_factory=list[tuple[Task, str]])
    """Tasks whose executor died before it took them, and how it died."""
    unseen: list[Task] = field(default_factory=list[Task])
    """Tasks whose executor is not known: to look for it, then they are lost."""
    deliver: list[tuple[Task, Executor]] = field(default_factory=list[tuple[Task, Executor]])
    """Assigned, but the executor was not told."""
    bury: list[Executor] = field(default_factory=list[Executor])
    """Dead executors to remove."""
    retire: list[Executor] = field(default_factory=list[Executor])
    """Living executors to remove."""
    create: int = 0
    assign: list[tuple[Task, Executor]] = field(default_factory=list[tuple[Task, Executor]])
    retry_after_s: float | None = None
    """When executors may be created that may not be now."""

    @property
    def tasks(self) -> list[Task]:
        """Those it is going to write."""
        lost = [task for task, _ in (*self.lost, *self.returned)]
        told = [task for task, _ in (*self.deliver, *self.assign)]
        return [*lost, *self.unseen, *told]

    @property
    def is_empty(self) -> bool:
        return not (self.tasks or self.bury or self.retire or self.create)


def plan_pool(roster: Roster, pool: PoolRoster, now: datetime) -> Plan:
    plan = Plan()
    _see_to_running_tasks(plan, roster, pool)
    plan.bury = [
        executor
        for executor in pool.executors(Standing.DEAD)
        if not pool.running_on(executor.name)
        and not executor.is_deleting
        and not pool.is_retiring(executor.name)
    ]
    if pool.pool is None or pool.pool.is_deleting:
        return plan
    _size(plan, pool, now)
    _assign(plan, roster, pool)
    return plan


def _see_to_running_tasks(plan: Plan, roster: Roster, pool: PoolRoster) -> None:
    for key, concern in pool.concerns.items():
        task = roster.task(key)
        if task is None or roster.is_busy(key):
            continue
        executor = pool.executor(task.status.executor_pod_name)
        match concern:
            case Concern.UNSEEN:
                plan.unseen.append(task)
            case Concern.LOST:
                if executor is None or not is_same_executor(task, executor):
                    plan.lost.append((task, "another pod has its name"))
                elif executor.has_surely_not_taken(task):
                    plan.returned.append((task, executor.death))
                else:
                    plan.lost.append((task, executor.death))
            case Concern.UNDELIVERED:
                if executor is not None:
                    plan.deliver.append((task, executor))


def _size(plan: Plan, pool: PoolRoster, now: datetime) -> None:
    plan.retire = pool.executors(Standing.OUTDATED)
    missing = pool.target - pool.living - pool.creating
    if missing > 0:
        wait_s = _start_wait_s(pool, now)
        if wait_s > 0:
            plan.retry_after_s = wait_s
        else:
            plan.create = missing
    elif missing < 0:
        # Those that would have started last go first; a busy one goes when it is idle.
        spare = [
            *reversed(pool.executors(Standing.STARTING)),
            *reversed(pool.executors(Standing.IDLE)),
        ]
        plan.retire += spare[:-missing]


def _start_wait_s(pool: PoolRoster, now: datetime) -> float:
    if pool.last_failed_start is None:
        return 0.0
    ready_at = pool.last_failed_start + timedelta(seconds=START_BACKOFF.delay_s(pool.failed_starts))
    return max(0.0, (ready_at - now).total_seconds())


def _assign(plan: Plan, roster: Roster, pool: PoolRoster) -> None:
    retired = {executor.name for executor in plan.retire}
    idle = [e for e in pool.executors(Standing.IDLE) if e.name not in retired]
    if idle:
        # A task at the head that is being written holds up those behind it for that moment.
        tasks = takewhile(lambda t: not roster.is_busy(t.metadata.key), pool.pending())
        plan.assign = list(zip(islice(tasks, len(idle)), idle, strict=False))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why the tasks of a pool wait."""

    reason: str
    message: str


def why_waiting(pool: PoolRoster, roster: Roster) -> Waiting:
    """Says nothing that changes with every task: it is written to each that waits, and anew only
    with another reason."""
    key = pool.key
    if pool.pool is None:
        of_other_type = roster.find_pool(key.of_other_type)
        if of_other_type is not None and of_other_type.pool is not None:
            return Waiting(
                "PoolOfOtherType",
                f"{key} does not exist, but a {of_other_type.key.kind} of that name does:"
                f" set executorPoolType to {of_other_type.key.type}",
            )
        return Waiting(
            "PoolNotFound", f"{key} does not exist in namespace {key.namespace}; create it"
        )
    if pool.target == 0 and pool.living == 0:
        return Waiting(
            "PoolEmpty",
            f"{key} has no executors; it grows at its next scaling if maxExecutor lets it",
        )
    if pool.count(Standing.IDLE) == 0 and pool.count(Standing.BUSY) == 0:
        if pool.failed_starts:
            return Waiting(
                "ExecutorsFailing",
                f"executors of {key} die before they have a task: {pool.last_death}",
            )
        for executor in pool.executors(Standing.STARTING):
            if executor.hindrance:
                return Waiting(
                    "ExecutorsFailing", f"executors of {key} cannot start: {executor.hindrance}"
                )
        return Waiting("ExecutorsNotReady", f"no executor of {key} is ready yet")
    return Waiting("NoIdleExecutor", f"all executors of {key} run other tasks")

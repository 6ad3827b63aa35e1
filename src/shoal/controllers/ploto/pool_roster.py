"""Who is in one pool: its executors by standing, the tasks that wait and the tasks that run.

Kept up to date change by change, so that a decision looks only at what changed (`planning`). An
executor's standing is derived, never stored in the API: from its pod's health, from the tasks
whose status names it, and from what this process has begun and not yet seen done.

    Starting -> Idle <-> Busy        the pool's living executors
    Outdated                         alive and without a task, but not to be used again: of an
                                     old template, or still at work on a task that was deleted
    Leaving                          its pod is being deleted
    Dead                             its pod has ended: to remove once its task is seen to
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from sortedcontainers import SortedDict

from shoal.api.meta import ObjectKey
from shoal.api.ploto import Task, TaskPhase
from shoal.controllers.ploto.executor_pod import Executor, ExecutorHealth
from shoal.controllers.ploto.pool import Pool, PoolKey


class Standing(StrEnum):
    STARTING = "Starting"
    IDLE = "Idle"
    BUSY = "Busy"
    OUTDATED = "Outdated"
    LEAVING = "Leaving"
    DEAD = "Dead"


class Concern(StrEnum):
    """Why a running task needs attention."""

    LOST = "Lost"
    """Its executor is dead or another one by now."""
    UNSEEN = "Unseen"
    """Its executor's pod is not known."""
    UNDELIVERED = "Undelivered"
    """Its executor was not told."""


QueuePosition = tuple[int, datetime, int]
"""Higher priority first, then older, then seen earlier."""


class PoolRoster:
    """One pool and everybody who has to do with it."""

    def __init__(self, key: PoolKey) -> None:
        self.key = key
        self.pool: Pool | None = None
        """None while no such pool exists; tasks may ask for it all the same."""
        self.target = 0
        """How many executors there shall be."""
        self.creating = 0
        """Pods asked for and not yet seen."""
        self.busy_in_period: set[str] = set()
        """Uids of the executors that ran a task since the last scaling."""
        self.failed_starts = 0
        """Executors in a row that died before they had a task."""
        self.last_failed_start: datetime | None = None
        self.last_death = ""
        """How the last of them died."""
        self.concerns: dict[ObjectKey, Concern] = {}
        self._executors: dict[str, Executor] = {}
        self._standings: dict[str, Standing] = {}
        self._members: dict[Standing, dict[str, None]] = {s: {} for s in Standing}
        self._running: dict[str, dict[ObjectKey, Task]] = {}
        self._assumed: dict[str, ObjectKey] = {}
        self._retiring: set[str] = set()
        self._doomed: set[str] = set()
        self._pending: dict[QueuePosition, Task] = SortedDict()
        self._positions: dict[ObjectKey, QueuePosition] = {}

    # What there is.

    @property
    def living(self) -> int:
        """Executors that count towards the pool's size."""
        return sum(len(self._members[s]) for s in (Standing.STARTING, Standing.IDLE, Standing.BUSY))

    def count(self, standing: Standing) -> int:
        return len(self._members[standing])

    def executors(self, standing: Standing) -> list[Executor]:
        """In the order in which they came to this standing."""
        return [self._executors[name] for name in self._members[standing]]

    def executor(self, name: str) -> Executor | None:
        return self._executors.get(name)

    def is_retiring(self, name: str) -> bool:
        return name in self._retiring

    def is_doomed(self, name: str) -> bool:
        """Is it at work on a task that was deleted?"""
        return name in self._doomed

    @property
    def pending_count(self) -> int:
        return len(self._pending)

    def pending(self) -> Iterator[Task]:
        """First the task that goes first."""
        return iter(self._pending.values())

    def running_on(self, name: str) -> dict[ObjectKey, Task]:
        return self._running.get(name, {})

    @property
    def is_empty(self) -> bool:
        """Nothing is left to remember."""
        return not (self.pool or self._executors or self._running or self._pending)

    # What changes.

    def set_pool(self, pool: Pool | None) -> None:
        before, self.pool = self.pool, pool
        if pool is None:
            self.target = 0
        elif before is None or before.uid != pool.uid:
            known_size = pool.status.total_executor
            self.target = pool.initial if known_size is None else known_size
        if pool is not None:
            self.target = max(pool.minimum, min(self.target, pool.maximum))
        if before is None or pool is None or before.template != pool.template:
            for name in list(self._executors):
                self._place(name)

    def add_task(self, task: Task, position: QueuePosition) -> None:
        """`position` counts for a pending task only."""
        key = task.metadata.key
        match task.phase:
            case TaskPhase.PENDING:
                self._positions[key] = position
                self._pending[position] = task
            case TaskPhase.RUNNING:
                name = task.status.executor_pod_name
                self._running.setdefault(name, {})[key] = task
                self._place(name)
            case TaskPhase.COMPLETED | TaskPhase.FAILED:
                pass

    def remove_task(self, task: Task) -> None:
        key = task.metadata.key
        position = self._positions.pop(key, None)
        if position is not None:
            del self._pending[position]
        name = task.status.executor_pod_name
        tasks = self._running.get(name)
        if tasks is not None and tasks.pop(key, None) is not None:
            self.concerns.pop(key, None)
            if not tasks:
                del self._running[name]
            self._place(name)

    def doom(self, task: Task) -> None:
        """A running task was deleted: its executor cannot be told to stop, only be replaced."""
        executor = self._executors.get(task.status.executor_pod_name)
        if executor is not None and is_same_executor(task, executor):
            self._doomed.add(executor.name)
            self._place(executor.name)

    def set_executor(self, executor: Executor) -> None:
        self._executors[executor.name] = executor
        self._place(executor.name)

    def remove_executor(self, name: str) -> None:
        self._executors.pop(name, None)
        self._retiring.discard(name)
        self._doomed.discard(name)
        self._place(name)

    def start_period(self) -> None:
        """Count anew which executors run a task."""
        self.busy_in_period = {executor.uid for executor in self.executors(Standing.BUSY)}

    def assume(self, name: str, key: ObjectKey) -> None:
        """The executor is about to get this task."""
        self._assumed[name] = key
        self._place(name)

    def forget(self, name: str) -> None:
        """The assignment is in the API by now, or will not be."""
        self._assumed.pop(name, None)
        self._place(name)

    def set_retiring(self, name: str, is_retiring: bool) -> None:
        """Its deletion is asked for, or was refused."""
        if is_retiring:
            self._retiring.add(name)
        else:
            self._retiring.discard(name)
        self._place(name)

    def _place(self, name: str) -> None:
        """Find an executor's standing anew, and what its tasks need."""
        before = self._standings.pop(name, None)
        executor = self._executors.get(name)
        standing = None if executor is None else self._standing(executor)
        if standing is not None:
            self._standings[name] = standing
        if before is not standing:
            # Only a change moves it to the end of the line.
            if before is not None:
                del self._members[before][name]
            if standing is not None:
                self._members[standing][name] = None
        if executor is not None and standing is Standing.BUSY:
            self.busy_in_period.add(executor.uid)
        for key, task in self.running_on(name).items():
            concern = self._concern(task, executor)
            if concern is None:
                self.concerns.pop(key, None)
            else:
                self.concerns[key] = concern

    def _standing(self, executor: Executor) -> Standing:
        if executor.health is ExecutorHealth.DEAD:
            return Standing.DEAD
        if executor.health is ExecutorHealth.LEAVING or executor.name in self._retiring:
            return Standing.LEAVING
        if executor.name in self._assumed or executor.name in self._running:
            return Standing.BUSY
        is_current = self.pool is None or self._is_current(executor, self.pool)
        if executor.name in self._doomed or not is_current:
            return Standing.OUTDATED
        is_ready = executor.health is ExecutorHealth.READY
        return Standing.IDLE if is_ready else Standing.STARTING

    def _is_current(self, executor: Executor, pool: Pool) -> bool:
        return executor.template == pool.template and executor.pool_uid == pool.uid

    def _concern(self, task: Task, executor: Executor | None) -> Concern | None:
        if executor is None:
            return Concern.UNSEEN
        if executor.health is ExecutorHealth.DEAD or not is_same_executor(task, executor):
            return Concern.LOST
        if executor.run == (task.metadata.uid, task.attempt):
            return None
        # Told of another of its tasks: this one's turn comes when that is done.
        runs = {(t.metadata.uid, t.attempt) for t in self.running_on(executor.name).values()}
        return None if executor.run in runs else Concern.UNDELIVERED


def is_same_executor(task: Task, executor: Executor) -> bool:
    """Is this the executor that the task was given to, and not a later pod of the same name?

    The uid may be missing (Ploto's own CRD drops it); then a pod that is younger than the
    assignment is another one.
    """
    if task.status.executor_pod_uid:
        return task.status.executor_pod_uid == executor.uid
    started_at, created_at = task.status.started_at, executor.created_at
    return started_at is None or created_at is None or created_at <= started_at

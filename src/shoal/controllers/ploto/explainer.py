"""Tell waiting tasks why they wait: `status.phase` Pending and the condition `Assigned`.

Written only where it changes. What a task was told is remembered here as well, for Ploto's own
CRD drops conditions.
"""

from shoal.api.meta import ObjectKey, find_condition
from shoal.api.ploto import ASSIGNED, Task, TaskPhase
from shoal.client.workqueue import WorkQueue
from shoal.controllers.ploto.planning import Waiting, why_waiting
from shoal.controllers.ploto.pool import PoolKey
from shoal.controllers.ploto.roster import Roster
from shoal.controllers.ploto.task_writes import TaskWrites
from shoal.controllers.reconciler import Result
from shoal.controllers.together import all_of

_BATCH = 16
"""Writes at once: few, because a task that is being told cannot be assigned meanwhile."""


class Explainer:
    def __init__(self, roster: Roster, writes: TaskWrites, pool_queue: WorkQueue[PoolKey]) -> None:
        self._roster = roster
        self._writes = writes
        self._pool_queue = pool_queue
        self._told: dict[PoolKey, dict[ObjectKey, str]] = {}

    async def reconcile(self, key: PoolKey) -> Result:
        pool = self._roster.find_pool(key)
        if pool is None or not pool.pending_count:
            self._told.pop(key, None)
            return Result()
        waiting = why_waiting(pool, self._roster)
        pending = [task.metadata.key for task in pool.pending()]
        before = self._told.get(key, {})
        told = {task_key: before[task_key] for task_key in pending if task_key in before}
        self._told[key] = told
        # From the end: those at the head may be gone before their turn comes.
        ignorant = [k for k in reversed(pending) if told.get(k) != waiting.reason]
        for start in range(0, len(ignorant), _BATCH):
            batch = ignorant[start : start + _BATCH]
            await self._tell([task for k in batch if (task := self._waits(k))], waiting)
            told |= dict.fromkeys(batch, waiting.reason)
            # A head of the line that was being told has held up an idle executor.
            self._pool_queue.add(key)
        return Result()

    def _waits(self, key: ObjectKey) -> Task | None:
        """The task, if it is still there to be told."""
        task = self._roster.task(key)
        if task is None or self._roster.is_busy(key):
            return None
        return task if task.phase is TaskPhase.PENDING else None

    async def _tell(self, tasks: list[Task], waiting: Waiting) -> None:
        tasks = [task for task in tasks if not is_told(task, waiting)]
        for task in tasks:
            self._roster.begin(task.metadata.key)
        try:
            await all_of(self._writes.explain(task, waiting) for task in tasks)
        finally:
            for task in tasks:
                self._roster.end(task.metadata.key)


def is_told(task: Task, waiting: Waiting) -> bool:
    """Does the task's status say so already?"""
    condition = find_condition(task.status.conditions, ASSIGNED)
    return (
        task.status.phase == TaskPhase.PENDING.value
        and condition is not None
        and condition.reason == waiting.reason
    )

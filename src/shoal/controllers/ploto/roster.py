"""All pools, executors and tasks that the controller knows, from informers and from the answers
to its own writes, whichever is newer.

Answers count at once: after an assignment is written, the executor is busy whatever a late
informer says. That, and marks for what is being written (`begin`, `end`), keep a decision from
being made twice. Pure: what to do about it all is `planning`'s business.
"""

import itertools
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime

from shoal.api.meta import ObjectKey
from shoal.api.ploto import Task, TaskPhase
from shoal.controllers.ploto.executor_pod import Executor
from shoal.controllers.ploto.pool import Pool, PoolKey, pool_key_of
from shoal.controllers.ploto.pool_roster import PoolRoster

_EPOCH = datetime.fromtimestamp(0, UTC)
_REMEMBERED_GONE = 4096
"""Executors whose end has been seen: the answer to their creation may come later."""


class Roster:
    def __init__(self) -> None:
        self._pools: dict[PoolKey, PoolRoster] = {}
        self._tasks: dict[ObjectKey, Task] = {}
        self._executors: dict[ObjectKey, Executor] = {}
        self._busy_tasks: set[ObjectKey] = set()
        self._arrivals: dict[ObjectKey, int] = {}
        self._arrival = itertools.count()
        self._gone: deque[str] = deque(maxlen=_REMEMBERED_GONE)

    def pool(self, key: PoolKey) -> PoolRoster:
        """Also of a pool that does not exist (yet): tasks may wait for it."""
        roster = self._pools.get(key)
        if roster is None:
            roster = self._pools[key] = PoolRoster(key)
        return roster

    def find_pool(self, key: PoolKey) -> PoolRoster | None:
        return self._pools.get(key)

    def pools(self) -> Iterable[PoolRoster]:
        """Those that exist, and those that are asked for."""
        return self._pools.values()

    def tasks(self) -> Iterable[Task]:
        return self._tasks.values()

    def task(self, key: ObjectKey) -> Task | None:
        return self._tasks.get(key)

    # Pools.

    def set_pool(self, pool: Pool) -> None:
        self.pool(pool.key).set_pool(pool)

    def remove_pool(self, key: PoolKey) -> None:
        self.pool(key).set_pool(None)
        self._drop_if_empty(key)

    # Tasks.

    def observe_task(self, task: Task) -> set[PoolKey]:
        """From an informer. Returns the pools that this concerns: none for old news."""
        key = task.metadata.key
        known = self._tasks.get(key)
        if known is not None:
            is_same = known.metadata.uid == task.metadata.uid
            if is_same and _version(known) >= _version(task):
                return set()
            pools = self._take_out(known)
            if not is_same:
                self._doom_executor_of(known)
        else:
            pools: set[PoolKey] = set()
        self._tasks[key] = task
        arrival = self._arrivals.setdefault(key, next(self._arrival))
        created_at = task.metadata.creation_timestamp or _EPOCH
        pool_key = pool_key_of(task)
        self.pool(pool_key).add_task(task, (-task.spec.priority, created_at, arrival))
        return pools | {pool_key}

    def answer_task(self, task: Task) -> None:
        """From the answer to a write. The task may be gone by now, which the informer knows."""
        known = self._tasks.get(task.metadata.key)
        if known is not None and known.metadata.uid == task.metadata.uid:
            self.observe_task(task)

    def remove_task(self, key: ObjectKey) -> set[PoolKey]:
        known = self._tasks.pop(key, None)
        self._arrivals.pop(key, None)
        if known is None:
            return set()
        pools = self._take_out(known)
        self._doom_executor_of(known)
        for pool_key in pools:
            self._drop_if_empty(pool_key)
        return pools

    def _doom_executor_of(self, deleted: Task) -> None:
        if deleted.phase is TaskPhase.RUNNING:
            self.pool(pool_key_of(deleted)).doom(deleted)

    def _take_out(self, task: Task) -> set[PoolKey]:
        pool_key = pool_key_of(task)
        self.pool(pool_key).remove_task(task)
        return {pool_key}

    def begin(self, key: ObjectKey) -> None:
        """A write of this task is under way: no other is to be decided on."""
        self._busy_tasks.add(key)

    def end(self, key: ObjectKey) -> None:
        self._busy_tasks.discard(key)

    def is_busy(self, key: ObjectKey) -> bool:
        return key in self._busy_tasks

    # Executors.

    def observe_executor(self, executor: Executor) -> set[PoolKey]:
        """From an informer, or from the answer to a write."""
        if executor.uid in self._gone:
            return set()
        known = self._executors.get(executor.key)
        pools: set[PoolKey] = set()
        if known is not None:
            if known.uid == executor.uid and _newer(known, executor):
                return set()
            if known.uid != executor.uid or known.pool_key != executor.pool_key:
                self.pool(known.pool_key).remove_executor(known.name)
                pools.add(known.pool_key)
        self._executors[executor.key] = executor
        self.pool(executor.pool_key).set_executor(executor)
        return pools | {executor.pool_key}

    def remove_executor(self, key: ObjectKey, uid: str) -> set[PoolKey]:
        self._gone.append(uid)
        known = self._executors.get(key)
        if known is None or known.uid != uid:
            return set()
        del self._executors[key]
        self.pool(known.pool_key).remove_executor(known.name)
        self._drop_if_empty(known.pool_key)
        return {known.pool_key}

    def _drop_if_empty(self, key: PoolKey) -> None:
        if self.pool(key).is_empty:
            del self._pools[key]


def _version(task: Task) -> int:
    """Resource versions of one resource can be compared as numbers (Kubernetes KEP-5504)."""
    return int(task.metadata.resource_version or 0)


def _newer(known: Executor, other: Executor) -> bool:
    return int(known.resource_version or 0) >= int(other.resource_version or 0)

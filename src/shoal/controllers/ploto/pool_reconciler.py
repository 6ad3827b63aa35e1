"""Carry out what `planning` decides for one pool, until there is nothing left to decide."""

from collections.abc import Awaitable, Iterator

from shoal.base.clock import Clock
from shoal.client.workqueue import WorkQueue
from shoal.controllers.ploto.executor_writes import ExecutorWrites
from shoal.controllers.ploto.planning import Plan, plan_pool
from shoal.controllers.ploto.pool import PoolKey
from shoal.controllers.ploto.pool_roster import PoolRoster
from shoal.controllers.ploto.roster import Roster
from shoal.controllers.ploto.task_writes import TaskWrites
from shoal.controllers.reconciler import Result
from shoal.controllers.together import all_of

EXPLAIN_DELAY_S = 0.2
"""A task that waits for less is not told why."""
STATUS_DELAY_S = 0.5
"""Counts change with every task; they are written this often at most."""

_ROUNDS = 10
"""Plans carried out in one go, before other pools have their turn."""


class PoolReconciler:
    def __init__(
        self,
        roster: Roster,
        tasks: TaskWrites,
        executors: ExecutorWrites,
        explain_queue: WorkQueue[PoolKey],
        status_queue: WorkQueue[PoolKey],
        clock: Clock,
    ) -> None:
        self._roster = roster
        self._tasks = tasks
        self._executors = executors
        self._explain_queue = explain_queue
        self._status_queue = status_queue
        self._clock = clock

    async def reconcile(self, key: PoolKey) -> Result:
        pool = self._roster.find_pool(key)
        if pool is None:
            return Result()
        self._status_queue.add_after(key, STATUS_DELAY_S)
        plan = plan_pool(self._roster, pool, self._clock.now())
        for _ in range(_ROUNDS):
            if plan.is_empty:
                break
            await self._carry_out(pool, plan)
            # The answers are in the roster already, and informers bring no news of them.
            plan = plan_pool(self._roster, pool, self._clock.now())
        if pool.pending_count:
            self._explain_queue.add_after(key, EXPLAIN_DELAY_S)
        return Result(requeue_after_s=plan.retry_after_s if plan.is_empty else 0.0)

    async def _carry_out(self, pool: PoolRoster, plan: Plan) -> None:
        self._mark(pool, plan)
        try:
            await all_of(self._writes(pool, plan))
        finally:
            for task in plan.tasks:
                self._roster.end(task.metadata.key)

    def _mark(self, pool: PoolRoster, plan: Plan) -> None:
        """Before the first write, so that nobody decides the same again."""
        for task in plan.tasks:
            self._roster.begin(task.metadata.key)
        for task, executor in plan.assign:
            pool.assume(executor.name, task.metadata.key)
        for executor in (*plan.retire, *plan.bury):
            pool.set_retiring(executor.name, True)
        pool.creating += plan.create

    def _writes(self, pool: PoolRoster, plan: Plan) -> Iterator[Awaitable[None]]:
        for task, executor in plan.assign:
            yield self._tasks.assign(pool, task, executor)
        for task, death in plan.lost:
            yield self._tasks.lose(task, death)
        for task, death in plan.returned:
            yield self._tasks.give_back(task, death)
        for task in plan.unseen:
            yield self._tasks.look_for_executor(task)
        for task, executor in plan.deliver:
            yield self._tasks.deliver(task, executor)
        for executor in plan.retire:
            yield self._executors.retire(pool, executor)
        for executor in plan.bury:
            yield self._executors.bury(pool, executor)
        if pool.pool is not None:
            for _ in range(plan.create):
                yield self._executors.create(pool, pool.pool)

"""Every period, ask how many executors a dynamic pool needs next, and set its target.

The webhook is asked where there is one; its failure keeps the size. `PoolReconciler` then makes
the pool follow the target: a busy executor is never taken away for it.
"""

from datetime import datetime, timedelta

from shoal.api.ploto_scaling import ScaledPool, ScaleQuestion, clamp, default_size
from shoal.base.clock import Clock
from shoal.client.workqueue import WorkQueue
from shoal.controllers.ploto.pool import Pool, PoolKey
from shoal.controllers.ploto.pool_events import PoolEvents
from shoal.controllers.ploto.pool_roster import PoolRoster, Standing
from shoal.controllers.ploto.roster import Roster
from shoal.controllers.ploto.webhook import ScaleAdviser, WebhookFailed
from shoal.controllers.reconciler import Result


class Autoscaler:
    def __init__(
        self,
        roster: Roster,
        adviser: ScaleAdviser,
        events: PoolEvents,
        pool_queue: WorkQueue[PoolKey],
        clock: Clock,
    ) -> None:
        self._roster = roster
        self._adviser = adviser
        self._events = events
        self._pool_queue = pool_queue
        self._clock = clock
        self._period_starts: dict[PoolKey, datetime] = {}

    async def reconcile(self, key: PoolKey) -> Result:
        roster = self._roster.find_pool(key)
        pool = roster.pool if roster else None
        if roster is None or pool is None or pool.scale_period_s is None or pool.is_deleting:
            self._period_starts.pop(key, None)
            return Result()
        now = self._clock.now()
        started_at = self._period_starts.setdefault(key, now)
        due_at = started_at + timedelta(seconds=pool.scale_period_s)
        if now < due_at:
            return Result(requeue_after_s=(due_at - now).total_seconds())
        self._period_starts[key] = now
        question = ask(roster, pool)
        roster.start_period()
        await self._scale(roster, pool, question)
        return Result(requeue_after_s=float(pool.scale_period_s))

    async def _scale(self, roster: PoolRoster, pool: Pool, question: ScaleQuestion) -> None:
        if pool.webhook is None or not (pool.webhook.service or pool.webhook.url):
            size, why = default_size(question), explain_default(question)
        else:
            try:
                answer = await self._adviser.advise(pool.webhook, question)
            except WebhookFailed as error:
                message = f"size {roster.target} is kept: {error}"
                self._events.warn(pool, "ScaleWebhookFailed", message)
                return
            size = clamp(answer, pool.minimum, pool.maximum)
            why = f"the webhook wants {answer}"
        before = roster.target
        if size == before or roster.pool is None:
            return
        roster.target = size
        reason = "ScaledUp" if size > before else "ScaledDown"
        self._events.tell(pool, reason, f"from {before} to {size} executors: {why}")
        self._pool_queue.add(pool.key)


def ask(roster: PoolRoster, pool: Pool) -> ScaleQuestion:
    """The period that ends now, in numbers."""
    return ScaleQuestion(
        pool=ScaledPool(name=pool.key.name, namespace=pool.key.namespace),
        period_seconds=pool.scale_period_s or 0,
        min_executor=pool.minimum,
        max_executor=pool.maximum,
        total_executor=roster.living,
        running_executor=roster.count(Standing.BUSY),
        busy_executor=len(roster.busy_in_period),
        pending_task=roster.pending_count,
    )


def explain_default(question: ScaleQuestion) -> str:
    return (
        f"{question.busy_executor} ran a task in the last {question.period_seconds} s"
        f" and {question.pending_task} tasks wait"
    )

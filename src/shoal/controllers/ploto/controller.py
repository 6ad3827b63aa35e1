"""The executor pool controllers, put together: one roster fed by four informers, five loops.

    pools, tasks, pods -> Roster -> PoolReconciler   executors and assignments
                                 -> PoolStatus       counts
                                 -> Explainer        why tasks wait
                                 -> Autoscaler       sizes
                                 -> TaskExpiry       removal of finished tasks

They share a process and a roster because they decide about the same executors: one that is about
to get a task must not be removed. Only one such process may run at a time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from shoal.api.meta import ObjectKey
from shoal.api.ploto import (
    DYNAMIC_EXECUTOR_POOLS,
    FIXED_EXECUTOR_POOLS,
    TASKS,
    DynamicExecutorPool,
    FixedExecutorPool,
    PoolType,
    Task,
)
from shoal.api.pod import PODS, Pod
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.ploto.archive import ArchiveSink
from shoal.controllers.ploto.autoscaler import Autoscaler
from shoal.controllers.ploto.executor_pod import read_executor
from shoal.controllers.ploto.executor_writes import ExecutorWrites
from shoal.controllers.ploto.explainer import Explainer
from shoal.controllers.ploto.pool import Pool, PoolKey, read_dynamic, read_fixed
from shoal.controllers.ploto.pool_events import PoolEvents
from shoal.controllers.ploto.pool_reconciler import PoolReconciler
from shoal.controllers.ploto.pool_status import PoolStatusReconciler
from shoal.controllers.ploto.roster import Roster
from shoal.controllers.ploto.task_expiry import TaskExpiry
from shoal.controllers.ploto.task_writes import TaskWrites
from shoal.controllers.ploto.webhook import ScaleAdviser
from shoal.controllers.runner import Controller

P = TypeVar("P", DynamicExecutorPool, FixedExecutorPool)

DEFAULT_SIDECAR_IMAGE = "shoal/executor-sidecar"
"""With the version of Shoal as its tag."""
DEFAULT_ARCHIVE_AFTER_S = 3600.0
_POOL_WORKERS = 4
"""So that a slow webhook, or a pool whose writes are slow, does not hold up all the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotoOptions:
    sidecar_image: str
    archive: ArchiveSink | None = None
    """Where finished tasks go; None keeps them."""
    archive_after_s: float = DEFAULT_ARCHIVE_AFTER_S
    """When those go that have no `ttlSecondsAfterFinished`."""


def ploto_controllers(
    client: Client,
    informers: InformerSet,
    recorder: EventRecorder,
    adviser: ScaleAdviser,
    clock: Clock,
    options: PlotoOptions,
    roster: Roster,
) -> list[Controller]:
    """Run them once the informers have synced. `roster` starts empty."""
    events = PoolEvents(recorder)
    pool_queue: WorkQueue[PoolKey] = WorkQueue(clock)
    status_queue: WorkQueue[PoolKey] = WorkQueue(clock)
    explain_queue: WorkQueue[PoolKey] = WorkQueue(clock)
    scale_queue: WorkQueue[PoolKey] = WorkQueue(clock)
    expiry_queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    task_writes = TaskWrites(client, roster, clock)
    executor_writes = ExecutorWrites(client, roster, events, clock, options.sidecar_image)

    feed = _Feed(roster, options.sidecar_image, pool_queue, scale_queue, expiry_queue)
    informers.informer(DYNAMIC_EXECUTOR_POOLS).add_handler(feed.on_dynamic_pool)
    informers.informer(FIXED_EXECUTOR_POOLS).add_handler(feed.on_fixed_pool)
    informers.informer(TASKS).add_handler(feed.on_task)
    informers.informer(PODS).add_handler(feed.on_pod)

    pools = PoolReconciler(roster, task_writes, executor_writes, explain_queue, status_queue, clock)
    return [
        Controller("executorpool", pools, pool_queue, workers=_POOL_WORKERS),
        Controller("executorpool-status", PoolStatusReconciler(client, roster), status_queue),
        Controller("task-explainer", Explainer(roster, task_writes, pool_queue), explain_queue),
        Controller(
            "executorpool-autoscaler",
            Autoscaler(roster, adviser, events, pool_queue, clock),
            scale_queue,
            workers=_POOL_WORKERS,
        ),
        Controller(
            "task-expiry",
            TaskExpiry(client, roster, clock, options.archive, options.archive_after_s),
            expiry_queue,
        ),
    ]


class _Feed:
    """What informers tell goes into the roster, and whoever that concerns into its queue."""

    def __init__(
        self,
        roster: Roster,
        sidecar_image: str,
        pool_queue: WorkQueue[PoolKey],
        scale_queue: WorkQueue[PoolKey],
        expiry_queue: WorkQueue[ObjectKey],
    ) -> None:
        self._roster = roster
        self._sidecar_image = sidecar_image
        self._pool_queue = pool_queue
        self._scale_queue = scale_queue
        self._expiry_queue = expiry_queue

    def on_dynamic_pool(
        self, old: DynamicExecutorPool | None, new: DynamicExecutorPool | None
    ) -> None:
        self._on_pool(PoolType.DYNAMIC, old, new, read_dynamic)

    def on_fixed_pool(self, old: FixedExecutorPool | None, new: FixedExecutorPool | None) -> None:
        self._on_pool(PoolType.FIXED, old, new, read_fixed)

    def _on_pool(
        self, type: PoolType, old: P | None, new: P | None, read: Callable[[P, str], Pool]
    ) -> None:
        if new is not None:
            pool = read(new, self._sidecar_image)
            self._roster.set_pool(pool)
            key = pool.key
        elif old is not None:
            key = PoolKey(type.value, old.metadata.namespace, old.metadata.name)
            self._roster.remove_pool(key)
        else:
            return
        self._pool_queue.add(key)
        # Tasks that wait for one of the other type are told what they may have meant.
        self._pool_queue.add(key.of_other_type)
        self._scale_queue.add(key)

    def on_task(self, old: Task | None, new: Task | None) -> None:
        if new is not None:
            self._wake(self._roster.observe_task(new))
            if new.phase.is_final:
                self._expiry_queue.add(new.metadata.key)
        elif old is not None:
            self._wake(self._roster.remove_task(old.metadata.key))

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        # A relist may show another pod of the name in the place of one that was deleted.
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._wake(self._roster.remove_executor(old.metadata.key, old.metadata.uid))
        executor = read_executor(new) if new is not None else None
        if executor is not None:
            self._wake(self._roster.observe_executor(executor))

    def _wake(self, pools: Iterable[PoolKey]) -> None:
        for key in pools:
            self._pool_queue.add(key)

"""`Controller`: workers that take keys from a queue and hand them to a reconciler.

    informers ──handlers──> WorkQueue ──> workers ──> Reconciler ──> client
                                ^────── retries, requeues ──┘

Whoever wires waits for the informers (`InformerSet.wait_synced`) before running controllers, as
reconcilers take what a lister does not show for missing.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from shoal.api.meta import Object, ObjectKey
from shoal.api.status import ApiError
from shoal.base.guard import Failed, attempt_async
from shoal.client.protocol import ConnectionFailed
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Reconciler, Result

_log = logging.getLogger(__name__)

K = TypeVar("K")

ObjectHandler = Callable[[Object | None, Object | None], None]


class Controller:
    def __init__(
        self, name: str, reconciler: Reconciler[K], queue: WorkQueue[K], workers: int = 1
    ) -> None:
        """The keys may be of any type, as long as both sides mean the same."""
        self.name = name
        self._reconciler: Reconciler[Any] = reconciler
        self.queue: WorkQueue[Any] = queue
        self._workers = workers

    async def run(self) -> None:
        """Returns only when cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._work())
        finally:
            self.queue.close()

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            try:
                self._settle(key, await attempt_async(self._reconciler.reconcile(key)))
            finally:
                self.queue.done(key)

    def _settle(self, key: object, outcome: Result | Failed) -> None:
        if isinstance(outcome, Failed):
            self._log_failure(key, outcome.error)
            self.queue.retry(key)
            return
        self.queue.forget(key)
        if outcome.requeue_after_s is not None:
            self.queue.add_after(key, outcome.requeue_after_s)

    def _log_failure(self, key: object, error: Exception) -> None:
        if isinstance(error, ApiError) and _is_normal(error):
            _log.debug("%s %s: %s", self.name, key, error)
        elif isinstance(error, ApiError | ConnectionFailed):
            _log.warning("%s %s: %s", self.name, key, error)
        else:
            _log.error("%s %s failed", self.name, key, exc_info=error)


def _is_normal(error: ApiError) -> bool:
    """Whether somebody was quicker, and the next turn sees what they did; or all of it goes away
    with its namespace; or a quota has no room for it now, which its owner is told."""
    is_late = error.is_conflict or error.is_already_exists
    return is_late or error.is_namespace_terminating or error.is_over_quota


def enqueue_self(queue: WorkQueue[ObjectKey]) -> ObjectHandler:
    """A handler that adds the key of whatever changes."""

    def handle(old: Object | None, new: Object | None) -> None:
        obj = new or old
        if obj is not None:
            queue.add(obj.metadata.key)

    return handle


def enqueue_owner(queue: WorkQueue[ObjectKey], kind: str) -> ObjectHandler:
    """A handler that adds the key of the `kind` that manages what changes, and of the one that
    managed it before."""

    def handle(old: Object | None, new: Object | None) -> None:
        for obj in (old, new):
            owner = obj.metadata.controller if obj is not None else None
            if obj is not None and owner is not None and owner.kind == kind:
                queue.add(ObjectKey(obj.metadata.namespace, owner.name))

    return handle

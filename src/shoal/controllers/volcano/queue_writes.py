"""What is written about queues, in an order that a kill cannot harm.

Of a queue's status only `state` is written here; the rest is the scheduler's. Every write names the
revision that it was decided from, so that a queue is never put back into a state that somebody has
just ended.
"""

from shoal.api.resource import JsonObject
from shoal.api.volcano.keys import CLOSED_BY_PARENT
from shoal.api.volcano.pod_group import PodGroup
from shoal.api.volcano.queue import QUEUES, ROOT, Queue
from shoal.client.informer import Lister
from shoal.client.protocol import Client
from shoal.controllers.volcano.queue_state import MARKED, Step

BY_QUEUE = "spec.queue"
"""Index of PodGroups by the queue that they name."""


class QueueWrites:
    def __init__(self, client: Client, pod_groups: Lister[PodGroup]) -> None:
        self._client = client
        self._pod_groups = pod_groups

    def is_in_use(self, name: str) -> bool:
        """Whether any PodGroup names the queue."""
        return bool(self._pod_groups.by_index(BY_QUEUE, name))

    async def take(self, queue: Queue, step: Step) -> None:
        """Raises a conflict where the queue has changed since it was read."""
        if step.mark == MARKED:
            queue = await self._mark(queue, step.mark)
        if queue.status.state != step.state:
            queue = await self._patch(queue, {"status": {"state": step.state}}, "status")
        if step.mark is not None and step.mark != MARKED:
            await self._mark(queue, step.mark)

    async def put_below_root(self, queue: Queue) -> Queue:
        return await self._patch(queue, {"spec": {"parent": ROOT}})

    async def _mark(self, queue: Queue, mark: str) -> Queue:
        return await self._patch(queue, {"metadata": {"annotations": {CLOSED_BY_PARENT: mark}}})

    async def _patch(self, queue: Queue, patch: JsonObject, subresource: str = "") -> Queue:
        metadata = {**patch.get("metadata", {}), "resourceVersion": queue.metadata.resource_version}
        body = {**patch, "metadata": metadata}
        return await self._client.patch(QUEUES, queue.metadata.name, body, subresource=subresource)

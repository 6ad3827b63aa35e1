"""Pods that nobody ends any more: those of a node that is gone, and those that were deleted before
they had a node. Both are marked Failed and removed at once.

Source of rules and texts: Kubernetes v1.36, pkg/controller/podgc. Keys are names of nodes; the
empty one stands for pods without a node.
"""

from shoal.api.meta import ObjectKey, timestamp
from shoal.api.node import NODES, Node
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client, DeleteOptions, PatchType
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller

NO_NODE = ""
QUARANTINE_S = 5.0
"""A node may be on its way: its pods may be seen before it, and a restarted agent registers it
again."""
_BY_NODE = "node"


class PodCollector:
    def __init__(
        self, client: Client, nodes: Lister[Node], pods: Lister[Pod], clock: Clock
    ) -> None:
        """`pods` has the index of `pod_gc_controller`."""
        self._client = client
        self._nodes = nodes
        self._pods = pods
        self._clock = clock

    async def reconcile(self, key: str) -> Result:
        pods = self._pods.by_index(_BY_NODE, key)
        if key == NO_NODE:
            for pod in pods:
                if pod.is_deleting:
                    await self._collect(pod, [])
        elif pods and not await self._has_node(key):
            lost = disruption(timestamp(self._clock.now()))
            for pod in pods:
                await self._collect(pod, [lost])
        return Result()

    async def _has_node(self, name: str) -> bool:
        if self._nodes.get(ObjectKey("", name)) is not None:
            return True
        try:
            # What follows cannot be taken back, and the lister may lag.
            await self._client.get(NODES, name)
        except ApiError as error:
            if not error.is_not_found:
                raise
            return False
        return True

    async def _collect(self, pod: Pod, conditions: list[JsonObject]) -> None:
        meta = pod.metadata
        try:
            if not pod.is_finished:
                await self._client.patch(
                    PODS,
                    meta.name,
                    {
                        "metadata": {"uid": meta.uid},
                        "status": {"phase": "Failed", "conditions": conditions},
                    },
                    meta.namespace,
                    type=PatchType.STRATEGIC,
                    subresource="status",
                )
            gone = DeleteOptions(grace_period_s=0, uid=meta.uid)
            await self._client.delete(PODS, meta.name, meta.namespace, gone)
        except ApiError as error:
            # Gone already, or another pod has its name.
            if not (error.is_not_found or error.is_conflict):
                raise


def disruption(at: str) -> JsonObject:
    """The condition that tells job controllers that the pod did not fail by itself."""
    return {
        "type": "DisruptionTarget",
        "status": "True",
        "lastTransitionTime": at,
        "reason": "DeletionByPodGC",
        "message": "PodGC: node no longer exists",
    }


def pod_gc_controller(client: Client, informers: InformerSet, clock: Clock) -> Controller:
    """Follows pods, and nodes that go."""
    queue: WorkQueue[str] = WorkQueue(clock)
    nodes, pods = informers.informer(NODES), informers.informer(PODS)
    pods.add_index(_BY_NODE, lambda pod: (pod.spec.node_name,))

    def on_node(old: Node | None, new: Node | None) -> None:
        if old is not None and new is None:
            queue.add_after(old.metadata.name, QUARANTINE_S)

    def on_pod(old: Pod | None, new: Pod | None) -> None:
        if new is None:
            return
        node = new.spec.node_name
        if not node:
            if new.is_deleting:
                queue.add(NO_NODE)
        elif nodes.lister.get(ObjectKey("", node)) is None:
            queue.add_after(node, QUARANTINE_S)

    nodes.add_handler(on_node)
    pods.add_handler(on_pod)
    collector = PodCollector(client, nodes.lister, pods.lister, clock)
    return Controller("pod-garbage-collector", collector, queue)

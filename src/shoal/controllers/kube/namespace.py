"""Namespaces that end: remove what is inside, then let them go.

Pods get their grace period; the namespace stays Terminating until the last object is gone, so the
reconcile comes back until it finds nothing. Source of conditions and texts: Kubernetes v1.36,
pkg/controller/namespace/deletion.
"""

from shoal.api.core import NAMESPACES, Namespace
from shoal.api.meta import ObjectKey
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.discovery import ServedResource, discover
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client, DeleteOptions
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_self

FINALIZER = "kubernetes"
_LOOK_AGAIN_S = 0.5


class NamespaceReconciler:
    def __init__(self, client: Client, namespaces: Lister[Namespace]) -> None:
        self._client = client
        self._namespaces = namespaces

    async def reconcile(self, key: ObjectKey) -> Result:
        namespace = self._namespaces.get(key)
        if (
            namespace is None
            or namespace.metadata.deletion_timestamp is None
            or FINALIZER not in namespace.spec.finalizers
        ):
            return Result()
        remaining = 0
        for served in await discover(self._client):
            if served.resource.namespaced and "delete" in served.verbs:
                remaining += await self._empty(served, key.name)
        if remaining:
            return Result(_LOOK_AGAIN_S)
        await self._finalize(namespace)
        return Result()

    async def _empty(self, served: ServedResource, namespace: str) -> int:
        """Delete all objects of one resource; how many are still there."""
        page = await self._client.list(served.resource, namespace, limit=1)
        if not page.items:
            return 0
        await self._client.delete_collection(
            served.resource, namespace, options=DeleteOptions(propagation="Background")
        )
        page = await self._client.list(served.resource, namespace)
        return len(page.items)

    async def _finalize(self, namespace: Namespace) -> None:
        left = [f for f in namespace.spec.finalizers if f != FINALIZER]
        body = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace.metadata.name, "uid": namespace.metadata.uid},
            "spec": {"finalizers": left},
        }
        try:
            await self._client.replace(
                NAMESPACES, body, namespace.metadata.name, subresource="finalize"
            )
        except ApiError as error:
            if not (error.is_not_found or error.is_conflict):
                raise


def namespace_controller(client: Client, informers: InformerSet, clock: Clock) -> Controller:
    """Follows namespaces."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    namespaces = informers.informer(NAMESPACES)
    namespaces.add_handler(enqueue_self(queue))
    return Controller("namespace", NamespaceReconciler(client, namespaces.lister), queue)

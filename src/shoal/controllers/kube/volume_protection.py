"""Claims and volumes that are deleted while they are used stay until they are used no more.

The API server gives each a finalizer; here it is taken away. A claim is used by pods that have a
node, whether they have ended or not; a volume is used while it is bound. Keys with a namespace are
claims, those without are volumes. Source: Kubernetes v1.36, pkg/controller/volume/pvcprotection
and pvprotection.
"""

from typing import Any

from shoal.api.meta import Object, ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.api.resource import Resource
from shoal.api.storage import (
    CLAIM_PROTECTION,
    CLAIMS,
    PERSISTENT_VOLUMES,
    VOLUME_PROTECTION,
    PersistentVolume,
    PersistentVolumeClaim,
)
from shoal.base.clock import Clock
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.kube.volume_view import VolumeView, claim_keys
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller


class VolumeProtection:
    def __init__(self, client: Client, view: VolumeView) -> None:
        self._client = client
        self._view = view

    async def reconcile(self, key: ObjectKey) -> Result:
        if key.namespace:
            claim = self._view.claims.get(key)
            if claim is not None and is_claim_going(claim) and not await self._is_used(claim):
                await self._let_go(CLAIMS, claim, CLAIM_PROTECTION)
        else:
            volume = self._view.volumes.get(key)
            if volume is not None and is_volume_going(volume):
                await self._let_go(PERSISTENT_VOLUMES, volume, VOLUME_PROTECTION)
        return Result()

    async def _is_used(self, claim: PersistentVolumeClaim) -> bool:
        if any(uses(pod, claim) for pod in self._view.pods_using(claim)):
            return True
        # A pod that came a moment ago may not be known here yet.
        pods = await self._client.list(PODS, claim.metadata.namespace)
        return any(uses(pod, claim) for pod in pods.items)

    async def _let_go(
        self,
        resource: Resource[Any],
        obj: Object,
        finalizer: str,
    ) -> None:
        meta = obj.metadata
        left = [each for each in meta.finalizers if each != finalizer]
        patch = {"metadata": {"resourceVersion": meta.resource_version, "finalizers": left}}
        await self._client.patch(resource, meta.name, patch, meta.namespace)


def is_claim_going(claim: PersistentVolumeClaim) -> bool:
    meta = claim.metadata
    return meta.deletion_timestamp is not None and CLAIM_PROTECTION in meta.finalizers


def is_volume_going(volume: PersistentVolume) -> bool:
    """Deleted, protected, and used by nobody."""
    meta = volume.metadata
    is_going = meta.deletion_timestamp is not None and VOLUME_PROTECTION in meta.finalizers
    return is_going and volume.status.phase != "Bound"


def uses(pod: Pod, claim: PersistentVolumeClaim) -> bool:
    """Whether a claim that is deleted has to stay for the pod."""
    if not pod.spec.node_name or claim.metadata.key not in claim_keys(pod):
        return False
    owner = claim.metadata.controller
    is_own = owner is not None and owner.uid == pod.metadata.uid
    # The pod's end must not wait for the claim that waits for the pod's end.
    return not (is_own and pod.is_deleting and not pod.metadata.deletion_grace_period_seconds)


def volume_protection_controller(
    client: Client, informers: InformerSet, clock: Clock
) -> Controller:
    """Follows claims, volumes, and pods that end."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    view = VolumeView(informers)

    def on_object(old: Object | None, new: Object | None) -> None:
        if new is not None and new.metadata.deletion_timestamp is not None:
            queue.add(new.metadata.key)

    def on_pod(old: Pod | None, new: Pod | None) -> None:
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            for key in claim_keys(old):
                queue.add(key)
        elif new is not None and new.is_deleting:
            for key in claim_keys(new):
                queue.add(key)

    informers.informer(CLAIMS).add_handler(on_object)
    informers.informer(PERSISTENT_VOLUMES).add_handler(on_object)
    informers.informer(PODS).add_handler(on_pod)
    return Controller("volume-protection", VolumeProtection(client, view), queue)

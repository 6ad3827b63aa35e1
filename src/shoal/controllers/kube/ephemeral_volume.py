"""Claims for volumes that pods bring along (`ephemeral.volumeClaimTemplate`).

Each claim belongs to its pod and goes with it, which is the garbage collector's business; what is
made of a claim is that of the binder. Names follow from pod and volume, so a controller that is
killed finds again what it has made.
Source of names and texts: Kubernetes v1.36, pkg/controller/volume/ephemeral.
"""

from shoal.api.core import EventType
from shoal.api.meta import ObjectKey
from shoal.api.owners import controller_reference
from shoal.api.pod import PODS, Pod
from shoal.api.pod_claims import claim_name, foreign_claim
from shoal.api.pod_volumes import EphemeralVolume, Volume
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.api.storage import CLAIMS, PersistentVolumeClaim
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.kube.volume_view import VolumeView
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller


class EphemeralVolumes:
    """Makes the claims of one pod at a time."""

    def __init__(
        self,
        client: Client,
        pods: Lister[Pod],
        claims: Lister[PersistentVolumeClaim],
        recorder: EventRecorder,
    ) -> None:
        self._client = client
        self._pods = pods
        self._claims = claims
        self._recorder = recorder

    async def reconcile(self, key: ObjectKey) -> Result:
        pod = self._pods.get(key)
        if pod is None or pod.is_deleting:
            return Result()
        for volume in pod.spec.volumes:
            if volume.ephemeral is not None:
                await self._ensure_claim(pod, volume, volume.ephemeral)
        return Result()

    async def _ensure_claim(self, pod: Pod, volume: Volume, source: EphemeralVolume) -> None:
        name, namespace = claim_name(pod, volume), pod.metadata.namespace
        claim = self._claims.get(ObjectKey(namespace, name))
        if claim is not None:
            if why := foreign_claim(pod.metadata, claim.metadata):
                self._warn(pod, volume, why)
            return
        body = claim_body(pod, name, source.volume_claim_template)
        try:
            await self._client.create(CLAIMS, body, namespace)
        except ApiError as error:
            if not error.is_already_exists:
                self._warn(pod, volume, f"create PVC {name}: {error}")
            raise

    def _warn(self, pod: Pod, volume: Volume, why: str) -> None:
        text = f"ephemeral volume {volume.name}: {why}"
        self._recorder.record(PODS, pod.metadata, EventType.WARNING, "FailedBinding", text)


def claim_body(pod: Pod, name: str, template: JsonObject) -> JsonObject:
    """A claim as the template says, owned by the pod."""
    metadata: JsonObject = template.get("metadata") or {}
    kept = {k: metadata[k] for k in ("labels", "annotations") if metadata.get(k)}
    owner = controller_reference(PODS.api_version, PODS.kind, pod.metadata)
    return {
        "apiVersion": CLAIMS.api_version,
        "kind": CLAIMS.kind,
        "metadata": {"name": name, "ownerReferences": [owner], **kept},
        "spec": template.get("spec") or {},
    }


def ephemeral_volume_controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> Controller:
    """Follows pods that appear, whose volumes never change, and claims that go or change hands."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    view = VolumeView(informers)
    pods, claims = informers.informer(PODS), informers.informer(CLAIMS)

    def add(pod: Pod) -> None:
        if any(volume.ephemeral is not None for volume in pod.spec.volumes):
            queue.add(pod.metadata.key)

    def on_pod(old: Pod | None, new: Pod | None) -> None:
        if new is not None and (old is None or old.metadata.uid != new.metadata.uid):
            add(new)

    def on_claim(old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        if old is not None and (new is None or _owners(old) != _owners(new)):
            for pod in view.pods_using(old):
                add(pod)

    pods.add_handler(on_pod)
    claims.add_handler(on_claim)
    reconciler = EphemeralVolumes(client, pods.lister, claims.lister, recorder)
    return Controller("ephemeral-volume", reconciler, queue)


def _owners(claim: PersistentVolumeClaim) -> object:
    return claim.metadata.uid, claim.metadata.owner_references

"""Claims get their volumes: the controller that binds, makes, releases and removes volumes.

`volume_plan` decides, `volume_writes` says what is written, `volume_folders` are the volumes that
are made here. Keys with a namespace are claims, those without are volumes. What is decided from
the listers is only ever written with the version it was decided on, and nothing is called lost or
reclaimed before the API server has been asked again.
"""

from pathlib import Path

from shoal.api.core import EventType
from shoal.api.meta import Object, ObjectKey, ObjectMeta
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.api.storage import (
    CLAIMS,
    LOCAL_FOLDER,
    PERSISTENT_VOLUMES,
    PROVISIONED_BY,
    STORAGE,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    default_class,
)
from shoal.api.volume_matching import binding_patch, size_bytes, wanted_bytes
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.existence import find
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client, DeleteOptions
from shoal.client.workqueue import WorkQueue
from shoal.controllers.kube import volume_plan, volume_writes
from shoal.controllers.kube.volume_folders import VolumeFolders
from shoal.controllers.kube.volume_plan import (
    ClaimPhase,
    ClaimStep,
    ReclaimAction,
    VolumeAction,
    VolumePhase,
)
from shoal.controllers.kube.volume_view import VolumeView
from shoal.controllers.kube.volume_writes import FOLDER_FINALIZER
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller

_NO_DELETER = (
    'error getting deleter volume plugin for volume "{}": no deletable volume plugin matched'
)
_NO_RECYCLER = "No recycler plugin found for the volume!"


class VolumeBinder:
    def __init__(
        self,
        client: Client,
        view: VolumeView,
        folders: VolumeFolders,
        recorder: EventRecorder,
        queue: WorkQueue[ObjectKey],
    ) -> None:
        self._client = client
        self._view = view
        self._folders = folders
        self._recorder = recorder
        self._queue = queue

    async def reconcile(self, key: ObjectKey) -> Result:
        if key.namespace:
            claim = self._view.claims.get(key)
            if claim is not None:
                await self._sync_claim(claim)
        else:
            volume = self._view.volumes.get(key)
            if volume is not None:
                await self._sync_volume(volume)
        return Result()

    async def _sync_claim(self, claim: PersistentVolumeClaim) -> None:
        claim = await self._with_class(claim)
        named = self._view.volume(claim.spec.volume_name)
        step = self._decide(claim, named)
        if step.phase is ClaimPhase.LOST:
            # Claims and volumes come by different streams: one may be ahead of the other.
            meta = claim.metadata
            fresh = await find(self._client, CLAIMS, meta.name, meta.namespace)
            if fresh is None:
                return
            claim, name = fresh, fresh.spec.volume_name
            named = await find(self._client, PERSISTENT_VOLUMES, name) if name else None
            step = self._decide(claim, named)
        if step.bind_to is not None:
            await self._bind(step.bind_to, claim, {})
        elif step.provisions is not None:
            await self._provision(claim, step.provisions)
        else:
            await self._tell(claim, step)

    def _decide(self, claim: PersistentVolumeClaim, named: PersistentVolume | None) -> ClaimStep:
        return volume_plan.decide_claim(
            claim,
            self._view.storage_class(claim.class_name),
            named,
            self._view.volumes_of_class,
            self._view.pods_using(claim),
        )

    async def _with_class(self, claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
        """A claim from before there was a default class gets it now."""
        if claim.has_class or claim.is_bind_completed or claim.spec.volume_name:
            return claim
        found = default_class(self._view.classes.list())
        if found is None:
            return claim
        meta = claim.metadata
        patch = {
            "metadata": {"resourceVersion": meta.resource_version},
            "spec": {"storageClassName": found.metadata.name},
        }
        return await self._client.patch(CLAIMS, meta.name, patch, meta.namespace)

    async def _bind(
        self, volume: PersistentVolume, claim: PersistentVolumeClaim, annotations: JsonObject
    ) -> None:
        """All writes that are still missing, in their order."""
        name, meta = volume.metadata.name, claim.metadata
        patch = binding_patch(volume, claim)
        if patch is not None:
            volume = await self._client.patch(PERSISTENT_VOLUMES, name, patch)
        volume = await self._grown(volume, claim)
        await self._set_phase(volume, VolumePhase.BOUND)
        patch = volume_writes.claim_binding(claim, volume, annotations)
        if patch is not None:
            claim = await self._client.patch(CLAIMS, meta.name, patch, meta.namespace)
        status = volume_writes.bound_status(claim, volume)
        if status is not None:
            body = {"metadata": {"uid": meta.uid}, "status": status}
            await self._client.patch(CLAIMS, meta.name, body, meta.namespace, subresource="status")

    async def _grown(
        self, volume: PersistentVolume, claim: PersistentVolumeClaim
    ) -> PersistentVolume:
        """A folder has no size of its own: what its claim may ask for, it has."""
        is_folder = volume.metadata.annotations.get(PROVISIONED_BY) == LOCAL_FOLDER
        if not is_folder or wanted_bytes(claim) <= size_bytes(volume):
            return volume
        capacity = {STORAGE: claim.spec.resources.requests[STORAGE]}
        patch = {
            "metadata": {"resourceVersion": volume.metadata.resource_version},
            "spec": {"capacity": capacity},
        }
        return await self._client.patch(PERSISTENT_VOLUMES, volume.metadata.name, patch)

    async def _provision(self, claim: PersistentVolumeClaim, storage_class: StorageClass) -> None:
        """A killed controller does it again: folder and volume are named after the claim."""
        name = volume_writes.volume_name(claim)
        try:
            path = await self._folders.make(claim.metadata.uid)
        except OSError as error:
            class_name = storage_class.metadata.name
            text = f'failed to provision volume with StorageClass "{class_name}": {error}'
            self._record(CLAIMS, claim, EventType.WARNING, "ProvisioningFailed", text)
            raise
        body = volume_writes.folder_volume(claim, storage_class, path)
        try:
            volume = await self._client.create(PERSISTENT_VOLUMES, body)
            text = f"Successfully provisioned volume {name}"
            self._record(CLAIMS, claim, EventType.NORMAL, "ProvisioningSucceeded", text)
        except ApiError as error:
            if not error.is_already_exists:
                raise
            volume = await self._client.get(PERSISTENT_VOLUMES, name)
        await self._bind(volume, claim, volume_writes.provisioner_annotations(storage_class))

    async def _tell(self, claim: PersistentVolumeClaim, step: ClaimStep) -> None:
        """The claim gets no volume now."""
        meta, is_new = claim.metadata, step.phase not in (None, claim.status.phase)
        if step.external is not None:
            annotations = volume_writes.provisioner_annotations(step.external)
            if not annotations.items() <= meta.annotations.items():
                patch = {"metadata": {"annotations": annotations}}
                await self._client.patch(CLAIMS, meta.name, patch, meta.namespace)
        if is_new:
            status = {"phase": step.phase, "accessModes": None, "capacity": None}
            body = {"metadata": {"uid": meta.uid}, "status": status}
            await self._client.patch(CLAIMS, meta.name, body, meta.namespace, subresource="status")
        note = step.note
        if note is not None and (is_new or step.phase is not ClaimPhase.LOST):
            self._record(CLAIMS, claim, note.type, note.reason, note.message)

    async def _sync_volume(self, volume: PersistentVolume) -> None:
        reference = volume.spec.claim_ref
        key = ObjectKey(reference.namespace, reference.name) if reference else None
        claim = self._view.claims.get(key) if key else None
        step = volume_plan.decide_volume(volume, claim)
        if key and step.action in (VolumeAction.RECLAIM, VolumeAction.UNBIND):
            fresh = await find(self._client, PERSISTENT_VOLUMES, volume.metadata.name)
            if fresh is None:
                return
            volume = fresh
            claim = await find(self._client, CLAIMS, key.name, key.namespace)
            step = volume_plan.decide_volume(volume, claim)
        if step.phase is not None:
            volume = await self._set_phase(volume, step.phase)
        match step.action:
            case VolumeAction.RECLAIM:
                await self._reclaim(volume)
            case VolumeAction.UNBIND:
                patch = volume_writes.unbinding(volume)
                await self._client.patch(PERSISTENT_VOLUMES, volume.metadata.name, patch)
            case VolumeAction.WAKE_CLAIM if key:
                self._queue.add(key)
            case _:
                pass
        if step.phase is not VolumePhase.BOUND and step.action is not VolumeAction.WAKE_CLAIM:
            await self._let_go(volume)

    async def _let_go(self, volume: PersistentVolume) -> None:
        """A volume that is deleted waits no longer for its folder."""
        fresh = await find(self._client, PERSISTENT_VOLUMES, volume.metadata.name)
        meta = fresh.metadata if fresh is not None else ObjectMeta()
        if meta.deletion_timestamp is None or FOLDER_FINALIZER not in meta.finalizers:
            return
        left = [each for each in meta.finalizers if each != FOLDER_FINALIZER]
        patch = {"metadata": {"resourceVersion": meta.resource_version, "finalizers": left}}
        await self._client.patch(PERSISTENT_VOLUMES, meta.name, patch)

    async def _reclaim(self, volume: PersistentVolume) -> None:
        match volume_plan.decide_reclaim(volume):
            case ReclaimAction.REMOVE:
                await self._remove(volume)
            case ReclaimAction.REFUSE:
                is_recycle = volume.spec.persistent_volume_reclaim_policy == "Recycle"
                reason = "VolumeFailedRecycle" if is_recycle else "VolumeFailedDelete"
                text = _NO_RECYCLER if is_recycle else _NO_DELETER.format(volume.metadata.name)
                await self._fail(volume, reason, text)
            case ReclaimAction.KEEP:
                pass

    async def _remove(self, volume: PersistentVolume) -> None:
        source = volume.spec.host_path
        try:
            if source is not None:
                await self._folders.remove(Path(source.path))
        except OSError as error:
            await self._fail(volume, "VolumeFailedDelete", str(error))
            raise
        gone = DeleteOptions(uid=volume.metadata.uid)
        try:
            await self._client.delete(PERSISTENT_VOLUMES, volume.metadata.name, options=gone)
        except ApiError as error:
            if not error.is_not_found:
                raise

    async def _fail(self, volume: PersistentVolume, reason: str, text: str) -> None:
        if volume.status.phase == VolumePhase.FAILED and volume.status.message == text:
            return
        await self._set_phase(volume, VolumePhase.FAILED, text)
        self._record(PERSISTENT_VOLUMES, volume, EventType.WARNING, reason, text)

    async def _set_phase(
        self, volume: PersistentVolume, phase: VolumePhase, message: str = ""
    ) -> PersistentVolume:
        if volume.status.phase == phase and volume.status.message == message:
            return volume
        meta = volume.metadata
        status = {"phase": phase, "message": message or None}
        body = {"metadata": {"uid": meta.uid}, "status": status}
        return await self._client.patch(PERSISTENT_VOLUMES, meta.name, body, subresource="status")

    def _record(
        self,
        resource: Resource[PersistentVolumeClaim] | Resource[PersistentVolume],
        obj: Object,
        type: EventType,
        reason: str,
        message: str,
    ) -> None:
        self._recorder.record(resource, obj.metadata, type, reason, message)


def volume_binder_controller(
    client: Client,
    informers: InformerSet,
    recorder: EventRecorder,
    clock: Clock,
    folders: VolumeFolders,
) -> Controller:
    """Follows claims, volumes, their classes, and pods that wait for claims."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    view = VolumeView(informers)
    view.follow_bindings(queue)
    binder = VolumeBinder(client, view, folders, recorder, queue)
    return Controller("volume-binder", binder, queue)

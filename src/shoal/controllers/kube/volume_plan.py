"""What becomes of a claim, and of a volume: which binds to which, what is made, lost, reclaimed.

Pure. A claim asks for a volume; the two are bound when each names the other. A volume names its
claim first, with the claim's uid, so that no other takes it; only then the claim names the volume.
Whatever is interrupted between these writes is decided again from what they left.

Source of rules, phases and texts: Kubernetes v1.36, pkg/controller/volume/persistentvolume.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

import msgspec

from shoal.api.core import EventType
from shoal.api.pod import Pod
from shoal.api.storage import (
    BOUND_BY_CONTROLLER,
    LOCAL_FOLDER,
    NO_PROVISIONER,
    PROVISIONED_BY,
    SELECTED_NODE,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from shoal.api.volume_matching import (
    candidates,
    is_meant_for,
    size_bytes,
    wanted_bytes,
)

_TERMINAL = ("Succeeded", "Failed")


class ClaimPhase(StrEnum):
    PENDING = "Pending"
    BOUND = "Bound"
    LOST = "Lost"


class VolumePhase(StrEnum):
    PENDING = "Pending"
    AVAILABLE = "Available"
    BOUND = "Bound"
    RELEASED = "Released"
    FAILED = "Failed"


class VolumeNote(msgspec.Struct, frozen=True):
    """An event about a claim or a volume."""

    type: EventType
    reason: str
    message: str


class ClaimStep(msgspec.Struct, frozen=True, kw_only=True):
    """What to do for a claim now: at most one of `bind_to` and `provisions`."""

    bind_to: PersistentVolume | None = None
    provisions: StorageClass | None = None
    """A volume of this class is to be made here."""
    external: StorageClass | None = None
    """Somebody else is to make a volume of this class."""
    phase: ClaimPhase | None = None
    """What the claim is, where it gets no volume."""
    note: VolumeNote | None = None


class VolumeAction(StrEnum):
    NOTHING = "Nothing"
    RECLAIM = "Reclaim"
    """Its claim is gone: do as its reclaim policy says."""
    UNBIND = "Unbind"
    """Its claim has another volume."""
    WAKE_CLAIM = "WakeClaim"
    """Its claim does not name it yet."""


class VolumeStep(msgspec.Struct, frozen=True, kw_only=True):
    phase: VolumePhase | None = None
    action: VolumeAction = VolumeAction.NOTHING


class ReclaimAction(StrEnum):
    KEEP = "Keep"
    REMOVE = "Remove"
    """Folder and volume go."""
    REFUSE = "Refuse"
    """The policy asks for what nobody here can do."""


VolumesOfClass = Callable[[str], Iterable[PersistentVolume]]
"""All volumes of a class, in any order."""


def decide_claim(
    claim: PersistentVolumeClaim,
    storage_class: StorageClass | None,
    named: PersistentVolume | None,
    volumes_of_class: VolumesOfClass,
    pods: Sequence[Pod] = (),
) -> ClaimStep:
    """`named` is the volume that the claim names, if it is there; `pods` use the claim."""
    if claim.is_bound or _has_lost_name(claim):
        return _decide_bound(claim, named)
    if claim.metadata.deletion_timestamp is not None:
        return ClaimStep()
    if claim.spec.volume_name:
        return _decide_named(claim, named)
    is_delayed = (
        storage_class is not None
        and storage_class.is_delayed
        and SELECTED_NODE not in claim.metadata.annotations
    )
    volumes = sorted(
        volumes_of_class(claim.class_name), key=lambda v: (size_bytes(v), v.metadata.name)
    )
    offered = candidates(claim, volumes)
    if is_delayed:
        # Others might suit as well, but which one is for the scheduler to say.
        offered = [each for each in offered if is_meant_for(each, claim)]
    if offered:
        return ClaimStep(bind_to=offered[0])
    if is_delayed:
        return ClaimStep(phase=ClaimPhase.PENDING, note=_delayed(pods))
    return _decide_provisioning(claim, storage_class)


def _has_lost_name(claim: PersistentVolumeClaim) -> bool:
    """Whether it was bound, and the name of its volume was taken away."""
    return not claim.spec.volume_name and claim.is_bind_completed


def _decide_bound(claim: PersistentVolumeClaim, named: PersistentVolume | None) -> ClaimStep:
    if not claim.spec.volume_name:
        return _lost(
            "ClaimLost",
            "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!",
        )
    if named is None:
        text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
        return _lost("ClaimLost", text)
    reference = named.spec.claim_ref
    if reference is None or reference.uid == claim.metadata.uid:
        return ClaimStep(bind_to=named)
    text = "Two claims are bound to the same volume, this one is bound incorrectly"
    return _lost("ClaimMisbound", text)


def _lost(reason: str, text: str) -> ClaimStep:
    return ClaimStep(phase=ClaimPhase.LOST, note=VolumeNote(EventType.WARNING, reason, text))


def _decide_named(claim: PersistentVolumeClaim, named: PersistentVolume | None) -> ClaimStep:
    """A person chose the volume."""
    if named is None:
        return ClaimStep(phase=ClaimPhase.PENDING)
    if named.spec.claim_ref is not None:
        if is_meant_for(named, claim):
            return ClaimStep(bind_to=named)
        text = f'volume "{named.metadata.name}" already bound to a different claim.'
        note = VolumeNote(EventType.WARNING, "FailedBinding", text)
        return ClaimStep(phase=ClaimPhase.PENDING, note=note)
    problem = mismatch(named, claim)
    if problem:
        text = f'Cannot bind to requested volume "{named.metadata.name}": {problem}'
        note = VolumeNote(EventType.WARNING, "VolumeMismatch", text)
        return ClaimStep(phase=ClaimPhase.PENDING, note=note)
    return ClaimStep(bind_to=named)


def mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim) -> str:
    """Why the claim cannot have the volume that it names; empty where it can."""
    if size_bytes(volume) < wanted_bytes(claim):
        return "requested PV is too small"
    if volume.class_name != claim.class_name:
        return "storageClassName does not match"
    if volume.spec.volume_mode != claim.spec.volume_mode:
        return "incompatible volumeMode"
    if not set(claim.spec.access_modes).issubset(volume.spec.access_modes):
        return "incompatible accessMode"
    return ""


def _decide_provisioning(
    claim: PersistentVolumeClaim, storage_class: StorageClass | None
) -> ClaimStep:
    if not claim.class_name:
        text = "no persistent volumes available for this claim and no storage class is set"
        note = VolumeNote(EventType.NORMAL, "FailedBinding", text)
        return ClaimStep(phase=ClaimPhase.PENDING, note=note)
    if storage_class is None:
        text = f'storageclass.storage.k8s.io "{claim.class_name}" not found'
        return _provisioning_failed(text)
    if storage_class.provisioner == NO_PROVISIONER:
        return _provisioning_failed(f"no volume plugin matched name: {NO_PROVISIONER}")
    if storage_class.provisioner == LOCAL_FOLDER:
        problem = _unprovisionable(claim)
        return _provisioning_failed(problem) if problem else ClaimStep(provisions=storage_class)
    text = (
        "Waiting for a volume to be created either by the external provisioner "
        f"'{storage_class.provisioner}' or manually by the system administrator. If volume "
        "creation is delayed, please verify that the provisioner is running and correctly "
        "registered."
    )
    note = VolumeNote(EventType.NORMAL, "ExternalProvisioning", text)
    return ClaimStep(phase=ClaimPhase.PENDING, external=storage_class, note=note)


def _unprovisionable(claim: PersistentVolumeClaim) -> str:
    """Why no folder can be what the claim asks for."""
    if claim.spec.selector is not None:
        return "claim.Spec.Selector is not supported"
    if claim.spec.volume_mode != "Filesystem":
        return f"a folder cannot be a volume of mode {claim.spec.volume_mode}; use Filesystem"
    return ""


def _provisioning_failed(text: str) -> ClaimStep:
    note = VolumeNote(EventType.WARNING, "ProvisioningFailed", text)
    return ClaimStep(phase=ClaimPhase.PENDING, note=note)


def _delayed(pods: Sequence[Pod]) -> VolumeNote:
    waiting = sorted(
        pod.metadata.name
        for pod in pods
        if not pod.spec.node_name and pod.status.phase not in _TERMINAL
    )
    if not waiting:
        text = "waiting for first consumer to be created before binding"
        return VolumeNote(EventType.NORMAL, "WaitForFirstConsumer", text)
    listed = f"pod {waiting[0]}" if len(waiting) == 1 else f"pods {','.join(waiting)}"
    text = f"waiting for {listed} to be scheduled"
    return VolumeNote(EventType.NORMAL, "WaitForPodScheduled", text)


def decide_volume(volume: PersistentVolume, claim: PersistentVolumeClaim | None) -> VolumeStep:
    """`claim` is the one of the name that the volume names, if it is there."""
    reference = volume.spec.claim_ref
    if reference is None or not reference.uid:
        return VolumeStep(phase=VolumePhase.AVAILABLE)
    if claim is None or claim.metadata.uid != reference.uid:
        return _released(volume)
    if not claim.spec.volume_name:
        return VolumeStep(action=VolumeAction.WAKE_CLAIM)
    if claim.spec.volume_name == volume.metadata.name:
        return VolumeStep(phase=VolumePhase.BOUND)
    is_surplus = (
        PROVISIONED_BY in volume.metadata.annotations
        and volume.spec.persistent_volume_reclaim_policy == "Delete"
    )
    return _released(volume) if is_surplus else VolumeStep(action=VolumeAction.UNBIND)


def _released(volume: PersistentVolume) -> VolumeStep:
    """Where reclaiming has failed, that stays visible while it is tried again."""
    has_failed = volume.status.phase == VolumePhase.FAILED
    phase = None if has_failed else VolumePhase.RELEASED
    return VolumeStep(phase=phase, action=VolumeAction.RECLAIM)


def decide_reclaim(volume: PersistentVolume) -> ReclaimAction:
    """What the reclaim policy of a released volume comes to."""
    maker = volume.metadata.annotations.get(PROVISIONED_BY)
    match volume.spec.persistent_volume_reclaim_policy:
        case "Delete" if maker == LOCAL_FOLDER:
            return ReclaimAction.REMOVE
        case "Delete" if maker is None:
            return ReclaimAction.REFUSE
        case "Recycle":
            return ReclaimAction.REFUSE
        case _:
            return ReclaimAction.KEEP


def is_bound_by_controller(volume: PersistentVolume) -> bool:
    return BOUND_BY_CONTROLLER in volume.metadata.annotations

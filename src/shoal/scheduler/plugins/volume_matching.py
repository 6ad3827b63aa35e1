"""Which volume suits which claim, as far as both tell by themselves. Pure.

Source of the rules: Kubernetes v1.36, component-helpers/storage/volume/pv_helpers.go
(FindMatchingVolume, GetBindVolumeToClaim).
"""

from collections.abc import Iterable

import msgspec

from shoal.api import quantity
from shoal.api.meta import ObjectReference
from shoal.api.resource import JsonObject
from shoal.api.selectors import EVERYTHING, from_label_selector
from shoal.api.storage import (
    BOUND_BY_CONTROLLER,
    CLAIMS,
    STORAGE,
    PersistentVolume,
    PersistentVolumeClaim,
)

_AVAILABLE = "Available"


def size_bytes(volume: PersistentVolume) -> int:
    return quantity.value(volume.spec.capacity.get(STORAGE, 0))


def wanted_bytes(claim: PersistentVolumeClaim) -> int:
    return quantity.value(claim.spec.resources.requests.get(STORAGE, 0))


def is_meant_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Whether the volume names the claim, which may be yet without a uid."""
    ref, meta = volume.spec.claim_ref, claim.metadata
    if ref is None or (ref.namespace, ref.name) != (meta.namespace, meta.name):
        return False
    return not ref.uid or ref.uid == meta.uid


def candidates(
    claim: PersistentVolumeClaim, volumes: Iterable[PersistentVolume]
) -> list[PersistentVolume]:
    """Those of the claim's class that it may have, in the given order; only the first that names
    the claim where there is one."""
    found: list[PersistentVolume] = []
    for volume in volumes:
        if not _could_hold(volume, claim):
            continue
        if is_meant_for(volume, claim):
            return [volume]
        if _is_free(volume) and _suits(volume, claim):
            found.append(volume)
    return found


def bound(volume: PersistentVolume, claim: PersistentVolumeClaim) -> PersistentVolume:
    """The volume as it will be when it is bound to the claim."""
    spec = msgspec.structs.replace(volume.spec, claim_ref=_reference(claim))
    return msgspec.structs.replace(volume, spec=spec)


def binding_patch(volume: PersistentVolume, claim: PersistentVolumeClaim) -> JsonObject | None:
    """What binds the volume to the claim; None where nothing is left to be written."""
    ref = volume.spec.claim_ref
    if ref is not None and ref.uid == claim.metadata.uid:
        return None
    metadata: JsonObject = {"resourceVersion": volume.metadata.resource_version}
    if not is_meant_for(volume, claim):
        metadata["annotations"] = {BOUND_BY_CONTROLLER: "yes"}
    reference = msgspec.to_builtins(_reference(claim))
    return {"metadata": metadata, "spec": {"claimRef": reference}}


def _reference(claim: PersistentVolumeClaim) -> ObjectReference:
    meta = claim.metadata
    return ObjectReference(
        kind=CLAIMS.kind,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        api_version=CLAIMS.api_version,
        resource_version=meta.resource_version,
    )


def _could_hold(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    return (
        volume.metadata.deletion_timestamp is None
        and volume.spec.volume_mode == claim.spec.volume_mode
        and size_bytes(volume) >= wanted_bytes(claim)
    )


def _is_free(volume: PersistentVolume) -> bool:
    return volume.spec.claim_ref is None and volume.status.phase == _AVAILABLE


def _suits(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    selector = from_label_selector(claim.spec.selector) or EVERYTHING
    return selector.matches(volume.metadata.labels) and set(claim.spec.access_modes) <= set(
        volume.spec.access_modes
    )

"""Which volume suits which claim, as far as both tell by themselves. Pure.

Source of the rules: Kubernetes v1.36, component-helpers/storage/volume/pv_helpers.go
(FindMatchingVolume, GetBindVolumeToClaim).
"""

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from shoal.api import quantity
from shoal.api.meta import ObjectReference
from shoal.api.quantity import RawQuantity
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
    return _bytes(volume.spec.capacity.get(STORAGE, 0))


def wanted_bytes(claim: PersistentVolumeClaim) -> int:
    return _bytes(claim.spec.resources.requests.get(STORAGE, 0))


@lru_cache(maxsize=1024)
def _bytes(raw: RawQuantity) -> int:
    """Sizes are few, volumes many."""
    return quantity.value(raw)


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
    least_bytes = wanted_bytes(claim)
    selector = from_label_selector(claim.spec.selector) or EVERYTHING
    modes = set(claim.spec.access_modes)
    found: list[PersistentVolume] = []
    for volume in volumes:
        is_given = volume.spec.claim_ref is not None
        if is_given and not is_meant_for(volume, claim):
            continue
        if size_bytes(volume) < least_bytes or not _could_hold(volume, claim):
            continue
        if is_given:
            return [volume]
        is_free = volume.status.phase == _AVAILABLE
        is_fit = modes.issubset(volume.spec.access_modes)
        if is_free and is_fit and selector.matches(volume.metadata.labels):
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
    is_going = volume.metadata.deletion_timestamp is not None
    return not is_going and volume.spec.volume_mode == claim.spec.volume_mode

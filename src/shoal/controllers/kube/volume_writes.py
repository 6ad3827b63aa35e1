"""What is written when a claim and a volume are bound to each other, parted, or made. Pure.

Source of fields and annotations: Kubernetes v1.36, pkg/controller/volume/persistentvolume and
component-helpers/storage/volume.
"""

from pathlib import Path

import msgspec

from shoal.api.meta import ObjectReference
from shoal.api.resource import JsonObject
from shoal.api.storage import (
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    CLAIMS,
    LOCAL_FOLDER,
    PROVISIONED_BY,
    STORAGE,
    STORAGE_PROVISIONER,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)

FOLDER_FINALIZER = "shoal.io/volume-folder"
"""Of a volume: it stays until its folder is gone, if that is to go."""
_BETA_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner"


def volume_name(claim: PersistentVolumeClaim) -> str:
    """Of the volume that is made for a claim: a second one cannot be made."""
    return f"pvc-{claim.metadata.uid}"


def folder_volume(
    claim: PersistentVolumeClaim, storage_class: StorageClass, path: Path
) -> JsonObject:
    """The volume of a claim, on a folder. It has no node affinity: all nodes here are one
    machine."""
    meta = claim.metadata
    reference = ObjectReference(
        kind=CLAIMS.kind,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        api_version=CLAIMS.api_version,
        resource_version=meta.resource_version,
    )
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": volume_name(claim),
            "annotations": {PROVISIONED_BY: LOCAL_FOLDER},
            "finalizers": [FOLDER_FINALIZER],
        },
        "spec": {
            "accessModes": claim.spec.access_modes,
            "capacity": {STORAGE: claim.spec.resources.requests[STORAGE]},
            "claimRef": msgspec.to_builtins(reference),
            "hostPath": {"path": str(path), "type": "Directory"},
            "persistentVolumeReclaimPolicy": storage_class.reclaim_policy,
            "storageClassName": storage_class.metadata.name,
            "volumeMode": claim.spec.volume_mode,
        },
    }


def provisioner_annotations(storage_class: StorageClass) -> JsonObject:
    """Tell whoever makes volumes that it is their turn."""
    name = storage_class.provisioner
    return {_BETA_PROVISIONER: name, STORAGE_PROVISIONER: name}


def claim_binding(
    claim: PersistentVolumeClaim, volume: PersistentVolume, annotations: JsonObject
) -> JsonObject | None:
    """What names the volume in the claim; None where that is written. `annotations` come with
    it."""
    if claim.is_bound and claim.spec.volume_name == volume.metadata.name:
        return None
    added = {**annotations, BIND_COMPLETED: "yes"}
    patch: JsonObject = {
        "metadata": {"resourceVersion": claim.metadata.resource_version, "annotations": added}
    }
    if not claim.spec.volume_name:
        added[BOUND_BY_CONTROLLER] = "yes"
        patch["spec"] = {"volumeName": volume.metadata.name}
    return patch


def bound_status(claim: PersistentVolumeClaim, volume: PersistentVolume) -> JsonObject | None:
    """The status of a bound claim; None where it has it."""
    status = claim.status
    if (
        status.phase == "Bound"
        and status.access_modes == volume.spec.access_modes
        and status.capacity == volume.spec.capacity
    ):
        return None
    return {
        "phase": "Bound",
        "accessModes": volume.spec.access_modes,
        "capacity": volume.spec.capacity,
    }


def unbinding(volume: PersistentVolume) -> JsonObject:
    """What parts a volume from its claim. One that a person gave to the claim stays promised to
    it."""
    metadata: JsonObject = {"resourceVersion": volume.metadata.resource_version}
    if BOUND_BY_CONTROLLER in volume.metadata.annotations:
        metadata["annotations"] = {BOUND_BY_CONTROLLER: None}
        return {"metadata": metadata, "spec": {"claimRef": None}}
    return {"metadata": metadata, "spec": {"claimRef": {"uid": None, "resourceVersion": None}}}

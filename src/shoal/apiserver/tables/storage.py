"""Volumes that outlive pods: PersistentVolume, PersistentVolumeClaim, StorageClass, CSINode."""

from datetime import datetime

from shoal.api.resource import JsonObject
from shoal.apiserver.served import Column
from shoal.apiserver.tables.age import age_of
from shoal.apiserver.tables.columns import (
    AGE,
    NAME,
    KindTable,
    count,
    items,
    name_of,
    section,
    text,
    wide,
)

_ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASS_ANNOTATION = "storageclass.kubernetes.io/is-default-class"
_UNSET = "<unset>"


def _volume(volume: JsonObject, now: datetime) -> list[object]:
    spec, status = section(volume, "spec"), section(volume, "status")
    claim = section(spec, "claimRef")
    return [
        name_of(volume),
        section(spec, "capacity").get("storage", ""),
        _access_modes(spec),
        spec.get("persistentVolumeReclaimPolicy", ""),
        _phase(volume),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        _storage_class(volume),
        spec.get("volumeAttributesClassName") or _UNSET,
        status.get("reason", ""),
        age_of(volume, now),
        spec.get("volumeMode") or _UNSET,
    ]


def _claim(claim: JsonObject, now: datetime) -> list[object]:
    spec, status = section(claim, "spec"), section(claim, "status")
    # Until a volume is bound, what the claim asks for is not what it has.
    bound = status if spec.get("volumeName") else {}
    return [
        name_of(claim),
        _phase(claim),
        spec.get("volumeName", ""),
        section(bound, "capacity").get("storage", ""),
        _access_modes(bound),
        _storage_class(claim),
        spec.get("volumeAttributesClassName") or _UNSET,
        age_of(claim, now),
        spec.get("volumeMode") or _UNSET,
    ]


def _storage_class_row(storage_class: JsonObject, now: datetime) -> list[object]:
    annotations = section(storage_class, "metadata", "annotations")
    is_default = annotations.get(_DEFAULT_CLASS_ANNOTATION) == "true"
    return [
        name_of(storage_class) + (" (default)" if is_default else ""),
        storage_class.get("provisioner", ""),
        storage_class.get("reclaimPolicy", ""),
        storage_class.get("volumeBindingMode", ""),
        bool(storage_class.get("allowVolumeExpansion")),
        age_of(storage_class, now),
    ]


def _csi_node(csi_node: JsonObject, now: datetime) -> list[object]:
    drivers = items(section(csi_node, "spec"), "drivers")
    return [name_of(csi_node), len(drivers), age_of(csi_node, now)]


def _phase(obj: JsonObject) -> str:
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return section(obj, "status").get("phase", "")


def _storage_class(obj: JsonObject) -> str:
    annotated = section(obj, "metadata", "annotations").get(_CLASS_ANNOTATION)
    return annotated or section(obj, "spec").get("storageClassName") or ""


def _access_modes(place: JsonObject) -> str:
    modes = items(place, "accessModes")
    return ",".join(short for mode, short in _ACCESS_MODES.items() if mode in modes)


PERSISTENT_VOLUMES = KindTable(
    (
        NAME,
        text("Capacity", "Size of the volume."),
        text("Access Modes", "Ways in which the volume can be mounted."),
        text("Reclaim Policy", "What becomes of the volume after its claim."),
        text("Status", "Whether the volume is bound to a claim."),
        text("Claim", "The claim that the volume is bound to."),
        text("StorageClass", "Class of the volume."),
        text("VolumeAttributesClass", "Class of the volume's attributes."),
        text("Reason", "Why the volume is in its status."),
        AGE,
        wide("VolumeMode", "Whether the volume is a file system or a device."),
    ),
    _volume,
)
PERSISTENT_VOLUME_CLAIMS = KindTable(
    (
        NAME,
        text("Status", "Whether the claim has a volume."),
        text("Volume", "The volume that the claim is bound to."),
        text("Capacity", "Size of the bound volume."),
        text("Access Modes", "Ways in which the volume can be mounted."),
        text("StorageClass", "Class of the volume."),
        text("VolumeAttributesClass", "Class of the volume's attributes."),
        AGE,
        wide("VolumeMode", "Whether the volume is a file system or a device."),
    ),
    _claim,
)
STORAGE_CLASSES = KindTable(
    (
        NAME,
        text("Provisioner", "Who makes volumes of the class."),
        text("ReclaimPolicy", "What becomes of a volume after its claim."),
        text("VolumeBindingMode", "Whether a claim waits for a pod before it gets a volume."),
        Column(
            "AllowVolumeExpansion",
            type="boolean",
            description="Whether claims may grow.",
        ),
        AGE,
    ),
    _storage_class_row,
)
CSI_NODES = KindTable((NAME, count("Drivers", "How many drivers the node has."), AGE), _csi_node)

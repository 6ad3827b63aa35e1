"""Rules for persistent volumes and storage classes.

Source of rules and texts: Kubernetes v1.36, pkg/apis/core/validation (ValidatePersistentVolume) and
pkg/apis/storage/validation.
"""

from collections.abc import Iterator

from shoal.api import causes
from shoal.api.quantity import parse
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.claims import ACCESS_MODES
from shoal.apiserver.schema.validation.metadata import validate_metadata
from shoal.apiserver.schema.validation.volumes import host_path_causes, local_path_causes

_RECLAIM_POLICIES = ("Delete", "Recycle", "Retain")
_CLASS_RECLAIM_POLICIES = ("Delete", "Retain")
_BINDING_MODES = ("Immediate", "WaitForFirstConsumer")
_NO_SOURCES = frozenset(
    (
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    )
)


def validate_volume(volume: JsonObject, old: JsonObject | None) -> list[Cause]:
    """PersistentVolume."""
    spec: JsonObject = volume.get("spec") or {}
    found = [*validate_metadata(volume, old), *_access_modes(spec), *_capacity(spec)]
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy not in _RECLAIM_POLICIES:
        field = "spec.persistentVolumeReclaimPolicy"
        found.append(causes.unsupported(field, policy, _RECLAIM_POLICIES))
    sources = _sources(spec)
    if not sources:
        found.append(causes.required("spec", "must specify a volume type"))
    if len(sources) > 1:
        second = sorted(sources)[1]
        text = "may not specify more than 1 volume type"
        found.append(causes.forbidden(f"spec.{second}", text))
    if "hostPath" in sources:
        found += host_path_causes(sources["hostPath"], "spec.hostPath")
    if "local" in sources:
        found += local_path_causes(sources["local"], "spec.local")
    if "local" in sources and not (spec.get("nodeAffinity") or {}).get("required"):
        found.append(causes.required("spec.nodeAffinity", "Local volume requires node affinity"))
    if old is not None and sources != _sources(old.get("spec") or {}):
        text = "spec.persistentvolumesource is immutable after creation"
        found.append(causes.forbidden("spec.persistentvolumesource", text))
    return found


def validate_storage_class(storage_class: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(storage_class, old)
    if not storage_class.get("provisioner"):
        found.append(causes.required("provisioner"))
    for field, allowed in (
        ("reclaimPolicy", _CLASS_RECLAIM_POLICIES),
        ("volumeBindingMode", _BINDING_MODES),
    ):
        if storage_class.get(field) not in allowed:
            found.append(causes.unsupported(field, storage_class.get(field), allowed))
    if old is not None:
        for field in ("parameters", "provisioner"):
            if (storage_class.get(field) or {}) != (old.get(field) or {}):
                text = f"updates to {field} are forbidden."
                found.append(causes.forbidden(field, text))
        for field in ("reclaimPolicy", "volumeBindingMode"):
            found += causes.immutable(field, storage_class.get(field), old.get(field))
    return found


def _access_modes(spec: JsonObject) -> Iterator[Cause]:
    modes: list[str] = spec.get("accessModes") or []
    if not modes:
        yield causes.required("spec.accessModes")
    for mode in modes:
        if mode not in ACCESS_MODES:
            yield causes.unsupported("spec.accessModes", mode, ACCESS_MODES)


def _capacity(spec: JsonObject) -> Iterator[Cause]:
    capacity: JsonObject = spec.get("capacity") or {}
    if not capacity:
        yield causes.required("spec.capacity")
    elif set(capacity) != {"storage"}:
        yield causes.unsupported("spec.capacity", sorted(capacity), ("storage",))
    elif parse(capacity["storage"]) <= 0:
        text = "must be greater than zero"
        yield causes.invalid("spec.capacity[storage]", capacity["storage"], text)


def _sources(spec: JsonObject) -> JsonObject:
    return {key: value for key, value in spec.items() if key not in _NO_SOURCES}

"""Persistent volumes and the claims on them: their first phase, what keeps them from going while
they are used, the class of a claim that names none, and whether a claim may grow.

Source of rules and texts: Kubernetes v1.36, plugin/pkg/admission/storage.
"""

from decimal import Decimal

import msgspec

from shoal.api.quantity import parse
from shoal.api.resource import JsonObject
from shoal.api.status import forbidden
from shoal.api.storage import (
    CLAIM_PROTECTION,
    STORAGE_CLASSES,
    VOLUME_PROTECTION,
    PersistentVolumeClaim,
    StorageClass,
    default_class,
)
from shoal.apiserver.core import Core
from shoal.apiserver.requests import Target
from shoal.apiserver.strategies.strategy import Strategy


class VolumeStrategy(Strategy):
    """A volume begins as Pending, and stays while it is bound."""

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        obj["status"] = {"phase": "Pending"}
        _protect(obj, VOLUME_PROTECTION)


class ClaimStrategy(Strategy):
    """A claim begins as Pending, and stays while pods use it."""

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        obj["status"] = {"phase": "Pending"}
        _protect(obj, CLAIM_PROTECTION)
        if not msgspec.convert(obj, PersistentVolumeClaim).has_class:
            found = default_class(_classes(core))
            if found is not None:
                obj.setdefault("spec", {})["storageClassName"] = found.metadata.name

    def prepare_update(self, core: Core, target: Target, new: JsonObject, old: JsonObject) -> None:
        if target.subresource or _wanted(new) <= _wanted(old):
            return
        name = old["metadata"]["name"]
        if (old.get("status") or {}).get("phase") != "Bound":
            why = "Only bound persistent volume claims can be expanded"
            raise forbidden(target.group_resource, name, why)
        wanted = msgspec.convert(new, PersistentVolumeClaim).class_name
        found = next((each for each in _classes(core) if each.metadata.name == wanted), None)
        if found is None or not found.allow_volume_expansion:
            why = (
                "only dynamically provisioned pvc can be resized and the storageclass that "
                "provisions the pvc must support resize"
            )
            raise forbidden(target.group_resource, name, why)


def _protect(obj: JsonObject, finalizer: str) -> None:
    finalizers: list[str] = obj["metadata"].setdefault("finalizers", [])
    if finalizer not in finalizers:
        finalizers.append(finalizer)


def _classes(core: Core) -> list[StorageClass]:
    entries = core.store.list(f"{STORAGE_CLASSES.group_resource}/").entries
    return [msgspec.json.decode(entry.value, type=StorageClass) for entry in entries]


def _wanted(claim: JsonObject) -> Decimal:
    """The size that a claim asks for, in bytes."""
    requests = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return parse(requests.get("storage", 0))

"""Owners of objects, as manifests name them."""

from shoal.api.meta import ObjectMeta
from shoal.api.resource import JsonObject


def controller_reference(api_version: str, kind: str, owner: ObjectMeta) -> JsonObject:
    """The reference that makes `owner` the one controller of an object."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }

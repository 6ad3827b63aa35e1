"""Volumes, claims and classes in a line, as manifests."""

from typing import Any

from shoal.api.resource import JsonObject
from shoal.api.storage import BIND_COMPLETED, SELECTED_NODE

LOCAL_CLASS: JsonObject = {
    "metadata": {"name": "local"},
    "provisioner": "kubernetes.io/no-provisioner",
    "volumeBindingMode": "WaitForFirstConsumer",
}


def volume(
    name: str,
    node: str = "",
    size: str = "10Gi",
    storage_class: str = "local",
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> JsonObject:
    """Available, and on this node alone where one is given."""
    full: JsonObject = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        **spec,
    }
    if node:
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        terms = [{"matchExpressions": [expression]}]
        full["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
    return {
        "metadata": {"name": name, "uid": name, "resourceVersion": "1", "labels": labels or {}},
        "spec": full,
        "status": {"phase": "Available"},
    }


def claim(
    name: str,
    volume_name: str = "",
    size: str = "5Gi",
    storage_class: str = "local",
    selected_node: str = "",
    meta: JsonObject | None = None,
    phase: str = "Pending",
    **spec: Any,
) -> JsonObject:
    """Of namespace `default`; bound where a volume is given."""
    annotations: dict[str, str] = {BIND_COMPLETED: "yes"} if volume_name else {}
    if selected_node:
        annotations[SELECTED_NODE] = selected_node
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": name,
            "resourceVersion": "1",
            "annotations": annotations,
            **(meta or {}),
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
            "storageClassName": storage_class,
            "volumeName": volume_name,
            **spec,
        },
        "status": {"phase": phase},
    }


def storage_class(
    name: str, mode: str = "Immediate", provisioner: str = "csi.example.com", **fields: Any
) -> JsonObject:
    return {
        "metadata": {"name": name},
        "provisioner": provisioner,
        "volumeBindingMode": mode,
        **fields,
    }

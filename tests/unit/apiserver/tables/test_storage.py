"""Rows of storage classes and of what nodes can attach, as `kubectl get` shows them."""

from datetime import UTC, datetime
from typing import Any

from shoal.apiserver.tables.builtin import builtin_table

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
META = {"name": "x", "creationTimestamp": "2026-01-01T11:00:00Z"}


def cells(kind: str, obj: dict[str, Any], **annotations: str) -> list[object]:
    metadata = {**META, "annotations": annotations}
    return builtin_table("storage.k8s.io", kind).cells({"metadata": metadata, **obj}, NOW)


def test_the_default_class_is_marked() -> None:
    made = {"provisioner": "p", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}
    row = ["p", "Delete", "Immediate", False, "60m"]
    assert cells("StorageClass", made) == ["x", *row]
    mark = {"storageclass.kubernetes.io/is-default-class": "true"}
    assert cells("StorageClass", made, **mark) == ["x (default)", *row]


def test_the_drivers_of_a_node_are_counted() -> None:
    drivers = [{"name": "d", "nodeID": "n"}, {"name": "e", "nodeID": "n"}]
    assert cells("CSINode", {"spec": {"drivers": drivers}}) == ["x", 2, "60m"]
    assert cells("CSINode", {}) == ["x", 0, "60m"]

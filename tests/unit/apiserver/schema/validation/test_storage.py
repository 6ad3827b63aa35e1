"""The rules of persistent volumes and storage classes, with the server's texts."""

import copy
from typing import Any

from shoal.apiserver.schema.builtin import builtin_schema

VOLUME: dict[str, Any] = {
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "local": {"path": "/data"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": []}]}},
    }
}
CLASS: dict[str, Any] = {"provisioner": "kubernetes.io/no-provisioner"}


def made(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    group = "" if kind == "PersistentVolume" else "storage.k8s.io"
    schema = builtin_schema(group, "v1", kind)
    obj = {"metadata": {"name": "a"}} | copy.deepcopy(obj)
    assert schema.decode_error(obj) is None
    assert schema.prune(obj) == []
    schema.default(obj)
    return obj


def problems(kind: str, obj: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    group = "" if kind == "PersistentVolume" else "storage.k8s.io"
    before = None if old is None else made(kind, old)
    found = builtin_schema(group, "v1", kind).validate(made(kind, obj), before)
    return [str(cause) for cause in found]


def changed(volume: dict[str, Any], **fields: Any) -> dict[str, Any]:
    spec = {**volume["spec"], **fields}
    return {"spec": {key: value for key, value in spec.items() if value is not None}}


def test_volumes_get_their_defaults() -> None:
    spec = made("PersistentVolume", VOLUME)["spec"]
    assert (spec["persistentVolumeReclaimPolicy"], spec["volumeMode"]) == ("Retain", "Filesystem")


def test_a_volume_has_a_size_a_mode_and_one_source() -> None:
    assert problems("PersistentVolume", VOLUME) == []
    assert problems("PersistentVolume", {}) == [
        "spec.accessModes: Required value",
        "spec.capacity: Required value",
        "spec: Required value: must specify a volume type",
    ]
    two = changed(VOLUME, hostPath={"path": "/x"})
    assert problems("PersistentVolume", two) == [
        "spec.local: Forbidden: may not specify more than 1 volume type"
    ]
    assert problems("PersistentVolume", changed(VOLUME, capacity={"storage": "0"})) == [
        'spec.capacity[storage]: Invalid value: "0": must be greater than zero'
    ]


def test_a_local_volume_says_on_which_node_it_is() -> None:
    assert problems("PersistentVolume", changed(VOLUME, nodeAffinity=None)) == [
        "spec.nodeAffinity: Required value: Local volume requires node affinity"
    ]


def test_a_volumes_path_does_not_lead_out_of_itself() -> None:
    out = {"path": "/data/volumes/.."}
    why = "Invalid value: \"/data/volumes/..\": must not contain '..'"
    [found] = problems("PersistentVolume", changed(VOLUME, local=out))
    assert found == f"spec.local.path: {why}"
    [found] = problems("PersistentVolume", changed(VOLUME, local=None, hostPath=out))
    assert found == f"spec.hostPath.path: {why}"


def test_a_volumes_source_stays() -> None:
    assert problems("PersistentVolume", changed(VOLUME, local={"path": "/other"}), VOLUME) == [
        "spec.persistentvolumesource: Forbidden: "
        "spec.persistentvolumesource is immutable after creation"
    ]
    claimed = changed(VOLUME, claimRef={"name": "c", "namespace": "d"})
    assert problems("PersistentVolume", claimed, VOLUME) == []


def test_classes_bind_at_once_unless_they_say_otherwise_and_stay() -> None:
    assert problems("StorageClass", CLASS) == []
    storage_class = made("StorageClass", CLASS)
    assert storage_class["volumeBindingMode"] == "Immediate"
    assert storage_class["reclaimPolicy"] == "Delete"
    assert problems("StorageClass", {**CLASS, "volumeBindingMode": "Later"}) == [
        'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", '
        '"WaitForFirstConsumer"'
    ]
    assert problems("StorageClass", {}) == ["provisioner: Required value"]
    assert problems("StorageClass", {**CLASS, "parameters": {"a": "b"}}, CLASS) == [
        "parameters: Forbidden: updates to parameters are forbidden."
    ]

"""Volumes planned from a spec and what it refers to."""

from base64 import b64encode

import msgspec
import pytest

from shoal.agent.downward import NodeFacts
from shoal.agent.references import References, TokenWish, wanted_by_volumes
from shoal.agent.volumes.plan import (
    EmptyDirPlan,
    FilesPlan,
    HostPathPlan,
    VolumeProblem,
    plan_volumes,
)
from shoal.api.core import ConfigMap, Secret
from shoal.api.pod import Pod
from shoal.api.storage import PersistentVolume, PersistentVolumeClaim

FACTS = NodeFacts(host_ip="127.0.0.1", pod_ip="127.1.0.1")
REFERENCES = References(
    config_maps={
        "cm": msgspec.convert({"metadata": {"name": "cm"}, "data": {"k": "v"}}, ConfigMap)
    },
    secrets={
        "s": msgspec.convert(
            {"metadata": {"name": "s"}, "data": {"k": b64encode(b"hush").decode()}}, Secret
        )
    },
    tokens={TokenWish("", 3600): "tok"},
)


def plan(source, references=REFERENCES):
    body = {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"b": "2", "a": "1"}},
        "spec": {"containers": [{"name": "c"}], "volumes": [{"name": "v", **source}]},
    }
    pod = msgspec.convert(body, Pod)
    [planned] = plan_volumes(pod, pod.spec.volumes, references, FACTS)
    return planned


def files(source, references=REFERENCES):
    planned = plan(source, references)
    assert isinstance(planned, FilesPlan)
    return {path: (file.data, file.mode) for path, file in planned.files.items()}


def test_an_empty_dir_and_a_host_path_are_just_places():
    assert plan({"emptyDir": {}}) == EmptyDirPlan(name="v")
    assert plan({"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}) == EmptyDirPlan(
        name="v", is_in_memory=True, size_bytes=1 << 20
    )
    host_path = {"hostPath": {"path": "/x", "type": "File"}}
    assert plan(host_path) == HostPathPlan(name="v", path="/x", type="File")


def claimed(volume: dict[str, object] | None, *, is_bound: bool = True) -> References:
    """What is known of the claim `data`, and of its volume where there is one."""
    annotations = {"pv.kubernetes.io/bind-completed": "yes"} if is_bound else {}
    claim = {"metadata": {"annotations": annotations}, "spec": {"volumeName": "pv"}}
    volumes = {} if volume is None else {"pv": msgspec.convert(volume, PersistentVolume)}
    return References(
        claims={"data": msgspec.convert(claim, PersistentVolumeClaim)}, volumes=volumes
    )


CLAIM = {"persistentVolumeClaim": {"claimName": "data"}}


@pytest.mark.parametrize(
    ("source", "type"),
    [
        ({"hostPath": {"path": "/x", "type": "File"}}, "File"),
        ({"local": {"path": "/x"}}, "Directory"),
    ],
)
def test_a_claim_is_the_place_of_its_volume(source, type):
    references = claimed({"spec": source})
    assert plan(CLAIM, references) == HostPathPlan(name="v", path="/x", type=type)


@pytest.mark.parametrize(
    ("references", "message"),
    [
        (
            References(),
            'failed to fetch PVC from API server: persistentvolumeclaims "data" not found',
        ),
        (claimed(None, is_bound=False), "PVC is not bound"),
        (claimed(None), 'failed to fetch PV pv from API server: persistentvolumes "pv" not found'),
    ],
)
def test_a_claim_without_its_volume_is_waited_for(references, message):
    with pytest.raises(VolumeProblem) as problem:
        plan(CLAIM, references)
    assert problem.value.message.endswith(f"error processing PVC ns/data: {message}")
    assert not problem.value.waiting_reason


@pytest.mark.parametrize(
    ("owner", "message"),
    [
        ("u", None),
        ("other", "PVC ns/p-v was not created for pod ns/p (pod is not owner)"),
    ],
)
def test_a_claim_of_a_volume_that_a_pod_brings_along_is_the_pods_own(owner, message):
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner, "controller": True}
    metadata = {
        "name": "p-v",
        "namespace": "ns",
        "ownerReferences": [reference],
        "annotations": {"pv.kubernetes.io/bind-completed": "yes"},
    }
    claim = {"metadata": metadata, "spec": {"volumeName": "pv"}}
    volume = {"spec": {"hostPath": {"path": "/x"}}}
    references = References(
        claims={"p-v": msgspec.convert(claim, PersistentVolumeClaim)},
        volumes={"pv": msgspec.convert(volume, PersistentVolume)},
    )
    if message is None:
        assert plan({"ephemeral": {}}, references) == HostPathPlan(name="v", path="/x", type="")
        return
    with pytest.raises(VolumeProblem) as problem:
        plan({"ephemeral": {}}, references)
    assert problem.value.message.endswith(f" : {message}")


def test_a_volume_of_a_driver_can_never_be_mounted():
    with pytest.raises(VolumeProblem) as problem:
        plan(CLAIM, claimed({"metadata": {"name": "pv"}, "spec": {"csi": {"driver": "d"}}}))
    assert problem.value.waiting_reason == "UnsupportedVolume"


def test_each_key_is_a_file():
    assert files({"configMap": {"name": "cm"}}) == {"k": (b"v", 0o644)}
    assert files({"secret": {"secretName": "s", "defaultMode": 0o400}}) == {"k": (b"hush", 0o400)}


def test_items_choose_and_rename():
    source = {"configMap": {"name": "cm", "items": [{"key": "k", "path": "d/f", "mode": 0o600}]}}
    assert files(source) == {"d/f": (b"v", 0o600)}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMap": {"name": "x"}}, 'configmap "x" not found'),
        ({"secret": {"secretName": "x"}}, 'secret "x" not found'),
        (
            {"configMap": {"name": "cm", "items": [{"key": "no", "path": "f"}]}},
            "configmap references non-existent config key: no",
        ),
        (
            {"secret": {"secretName": "s", "items": [{"key": "no", "path": "f"}]}},
            "references non-existent secret key: no",
        ),
    ],
)
def test_what_is_missing_is_said_in_the_kubelets_words(source, message):
    with pytest.raises(VolumeProblem) as problem:
        plan(source)
    assert problem.value.message == f'MountVolume.SetUp failed for volume "v" : {message}'
    assert problem.value.waiting_reason == ""


def test_optional_sources_may_be_missing():
    assert files({"configMap": {"name": "x", "optional": True}}) == {}
    source = {"secret": {"secretName": "s", "optional": True, "items": [{"key": "n", "path": "f"}]}}
    assert files(source) == {}


def test_the_downward_api_writes_labels_sorted_and_quoted():
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    assert files({"downwardAPI": {"items": items}}) == {"labels": (b'a="1"\nb="2"', 0o644)}


def test_a_projected_volume_puts_its_sources_together():
    sources = [
        {"configMap": {"name": "cm"}},
        {"secret": {"name": "s", "items": [{"key": "k", "path": "s"}]}},
        {"serviceAccountToken": {"path": "token"}},
        {"downwardAPI": {"items": [{"path": "ns", "fieldRef": {
            "fieldPath": "metadata.namespace"}}]}},
    ]  # fmt: skip
    found = files({"projected": {"sources": sources}})
    assert {path: data for path, (data, _) in found.items()} == {
        "k": b"v",
        "s": b"hush",
        "token": b"tok",
        "ns": b"ns",
    }


def test_what_a_pods_volumes_refer_to_is_known_before():
    sources = [{"secret": {"name": "s"}}, {"serviceAccountToken": {"path": "t", "audience": "a"}}]
    volumes = [
        {"name": "v", "configMap": {"name": "cm"}},
        {"name": "w", "projected": {"sources": sources}},
    ]
    pod = msgspec.convert({"spec": {"volumes": volumes}}, Pod)
    wanted = wanted_by_volumes(pod)
    assert wanted.config_maps == {"cm"}
    assert wanted.secrets == {"s"}
    assert wanted.tokens == {TokenWish("a", 3600)}


def test_a_volume_of_an_unknown_type_can_never_be_made():
    with pytest.raises(VolumeProblem) as problem:
        plan({"nfs": {"server": "s", "path": "/"}})
    assert problem.value.waiting_reason == "UnsupportedVolume"

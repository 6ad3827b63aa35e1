"""Pods go where their volumes are; volumes that wait for a node go to one pod each."""

from typing import Any

import pytest

from shoal.api.resource import JsonObject
from shoal.api.storage import CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES
from shoal.scheduler.effects import AwaitBoundClaims, Bind, PatchObject
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import Rehearsal
from tests.volumes import LOCAL_CLASS, claim, storage_class, volume

POD = make_pod("a").claim("data")
NO_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
NOT_THERE = "node(s) didn't match PersistentVolume's node affinity"
NOTHING_LEFT = "node(s) didn't find available persistent volumes to bind"


def start(*objects: JsonObject, nodes: int = 3, without: tuple[str, ...] = ()) -> Rehearsal:
    """With nodes n0, n1, ... and the class `local`, whose claims wait for their pods."""
    rehearsal = Rehearsal(without=without)
    rehearsal.add(*(make_node(f"n{i}").capacity(cpu="8") for i in range(nodes)))
    rehearsal.put(STORAGE_CLASSES, LOCAL_CLASS)
    put(rehearsal, *objects)
    return rehearsal


def put(rehearsal: Rehearsal, *objects: JsonObject) -> None:
    for each in objects:
        if "provisioner" in each:
            rehearsal.put(STORAGE_CLASSES, each)
        else:
            rehearsal.put(PERSISTENT_VOLUMES if "capacity" in each["spec"] else CLAIMS, each)


def place(rehearsal: Rehearsal, *pods: PodBuilder) -> list[str | None]:
    rehearsal.add(*pods)
    rehearsal.run()
    return [rehearsal.node_of(pod) for pod in pods]


def steps(rehearsal: Rehearsal) -> list[Any]:
    """What was to be done before each binding."""
    binds = (each for each in rehearsal.effects if isinstance(each, Bind))
    return [step for bind in binds for step in bind.before]


def volumes_given(rehearsal: Rehearsal) -> list[str]:
    return [each.name for each in steps(rehearsal) if isinstance(each, PatchObject)]


def test_a_bound_claim_draws_its_pod_to_the_volume() -> None:
    rehearsal = start(volume("v", "n2"), claim("data", "v"))
    assert place(rehearsal, POD) == ["n2"]
    assert steps(rehearsal) == []


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ([volume("v", "elsewhere"), claim("data", "v")], NOT_THERE),
        ([claim("data")], NOTHING_LEFT),
        ([claim("data"), volume("v", "n0", size="1Gi")], NOTHING_LEFT),
        ([claim("data"), volume("v", "n0", accessModes=["ReadOnlyMany"])], NOTHING_LEFT),
        ([claim("data"), volume("v", "n0", volumeMode="Block")], NOTHING_LEFT),
        ([claim("data"), volume("v", "n0", storage_class="other")], NOTHING_LEFT),
        ([claim("data"), {**volume("v", "n0"), "status": {"phase": "Released"}}], NOTHING_LEFT),
        (
            [claim("data"), volume("v", "n0", claimRef={"namespace": "default", "name": "b"})],
            NOTHING_LEFT,
        ),
        ([claim("data", selector={"matchLabels": {"a": "b"}}), volume("v", "n0")], NOTHING_LEFT),
    ],
)
def test_nodes_without_the_volume_are_left_out(objects: list[JsonObject], reason: str) -> None:
    rehearsal = start(*objects, nodes=2)
    assert place(rehearsal, POD) == [None]
    expected = f"0/2 nodes are available: 2 {reason}."
    assert rehearsal.message_of("a").startswith(expected)


def test_a_volume_that_is_gone_is_told_apart_from_one_that_is_elsewhere() -> None:
    rehearsal = start(claim("data", "gone"))
    assert place(rehearsal, POD) == [None]
    text = '0/3 nodes are available: persistentvolume "gone" not found.'
    assert rehearsal.message_of("a").startswith(text)
    alone = start(claim("data", "gone"), without=("VolumeZone",))
    assert place(alone, POD) == [None]
    assert alone.message_of("a").startswith(f"0/3 nodes are available: 3 {NO_VOLUME}.")


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ([], 'persistentvolumeclaim "data" not found'),
        (
            [claim("data", "v", phase="Lost")],
            'persistentvolumeclaim "data" bound to non-existent persistentvolume "v"',
        ),
        (
            [claim("data", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"})],
            'persistentvolumeclaim "data" is being deleted',
        ),
        (
            [storage_class("fast"), claim("data", storage_class="fast")],
            "pod has unbound immediate PersistentVolumeClaims",
        ),
        ([claim("data", storage_class="")], "pod has unbound immediate PersistentVolumeClaims"),
        (
            [claim("data", volumeName="v")],
            "pod has unbound immediate PersistentVolumeClaims",
        ),
    ],
)
def test_claims_that_no_node_can_help_are_told_before_nodes_are_looked_at(
    objects: list[JsonObject], reason: str
) -> None:
    rehearsal = start(*objects)
    assert place(rehearsal, POD) == [None]
    assert rehearsal.message_of("a").startswith(f"0/3 nodes are available: {reason}.")


def test_an_ephemeral_claim_is_waited_for_and_must_be_the_pods_own() -> None:
    owned = make_pod("a").spec(volumes=[{"name": "tmp", "ephemeral": {}}])
    rehearsal = start(volume("v", "n1"))
    assert place(rehearsal, owned) == [None]
    text = (
        "0/3 nodes are available: waiting for ephemeral volume controller to create the "
        'persistentvolumeclaim "a-tmp".'
    )
    assert rehearsal.message_of("a").startswith(text)
    put(rehearsal, claim("a-tmp", "v"))
    rehearsal.advance(60)
    text = "PVC default/a-tmp was not created for pod default/a (pod is not owner)"
    assert rehearsal.message_of("a").startswith(f"0/3 nodes are available: {text}.")
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "a", "controller": True}
    put(rehearsal, claim("a-tmp", "v", meta={"ownerReferences": [owner]}))
    rehearsal.advance(60)
    assert rehearsal.node_of("a") == "n1"


def test_the_smallest_volume_that_fits_is_written_before_the_binding() -> None:
    large, small, tiny = (volume(n, "n1", s) for n, s in (("l", "9Gi"), ("s", "6Gi"), ("t", "1Gi")))
    rehearsal = start(large, small, tiny, claim("data"))
    assert place(rehearsal, POD) == ["n1"]
    reference = {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "namespace": "default",
        "name": "data",
        "uid": "data",
        "resourceVersion": "1",
    }
    patch = {
        "metadata": {
            "resourceVersion": "1",
            "annotations": {"pv.kubernetes.io/bound-by-controller": "yes"},
        },
        "spec": {"claimRef": reference},
    }
    assert steps(rehearsal) == [
        PatchObject(PERSISTENT_VOLUMES, "", "s", patch, "VolumeBinding"),
        AwaitBoundClaims("default", ("data",), 600.0, "VolumeBinding"),
    ]


def test_a_volume_that_names_the_claim_is_taken_and_no_other() -> None:
    named = volume("named", "n2", "50Gi", claimRef={"namespace": "default", "name": "data"})
    rehearsal = start(volume("v", "n0"), named, claim("data"))
    assert place(rehearsal, POD) == ["n2"]
    (patch, _) = steps(rehearsal)
    assert "annotations" not in patch.patch["metadata"]
    assert patch.patch["spec"]["claimRef"]["uid"] == "data"


def test_a_volume_is_promised_to_one_pod_only() -> None:
    rehearsal = start(volume("v", "n0"), volume("w", "n0"), claim("x"), claim("y"), claim("z"))
    pods = [make_pod(f"p{name}").claim(name) for name in "xyz"]
    assert place(rehearsal, *pods) == ["n0", "n0", None]
    assert sorted(volumes_given(rehearsal)) == ["v", "w"]


def test_a_failed_binding_gives_the_volume_back() -> None:
    rehearsal = start(volume("v", "n0"), claim("x"), claim("y"))
    rehearsal.is_holding_binds = True
    first, second = make_pod("px").claim("x"), make_pod("py").claim("y")
    rehearsal.add(first)
    rehearsal.run()
    rehearsal.add(second)
    rehearsal.run()
    assert NOTHING_LEFT in rehearsal.message_of(second)
    rehearsal.delete(first)
    put(rehearsal, volume("w", "elsewhere"))
    rehearsal.is_holding_binds = False
    rehearsal.advance(60)
    assert rehearsal.node_of(second) == "n0"


def test_a_newer_version_of_a_volume_ends_the_promise() -> None:
    rehearsal = start(volume("v", "n0"), claim("x"), claim("y"))
    assert place(rehearsal, make_pod("px").claim("x")) == ["n0"]
    taken = volume("v", "n0", claimRef={"namespace": "default", "name": "y", "uid": "y"})
    taken["metadata"]["resourceVersion"] = "2"
    put(rehearsal, taken)
    assert place(rehearsal, make_pod("py").claim("y")) == ["n0"]


def test_claims_of_one_pod_need_volumes_on_one_node_and_the_smaller_chooses_first() -> None:
    rehearsal = start(
        volume("a1", "n1", "5Gi"),
        volume("b2", "n2", "5Gi"),
        volume("c2", "n2", "20Gi"),
        claim("small", size="1Gi"),
        claim("big", size="5Gi"),
    )
    assert place(rehearsal, make_pod("p").claim("big").claim("small")) == ["n2"]
    assert volumes_given(rehearsal) == ["b2", "c2"]


def test_a_class_that_makes_volumes_has_one_made_for_the_node() -> None:
    zones = [{"matchLabelExpressions": [{"key": "kubernetes.io/hostname", "values": ["n1"]}]}]
    fast = storage_class("fast", "WaitForFirstConsumer", allowedTopologies=zones)
    rehearsal = start(fast, claim("data", storage_class="fast"))
    assert place(rehearsal, POD) == ["n1"]
    patch = {
        "metadata": {
            "resourceVersion": "1",
            "annotations": {"volume.kubernetes.io/selected-node": "n1"},
        }
    }
    assert steps(rehearsal) == [
        PatchObject(CLAIMS, "default", "data", patch, "VolumeBinding"),
        AwaitBoundClaims("default", ("data",), 600.0, "VolumeBinding"),
    ]


def test_pods_with_one_claim_follow_each_other() -> None:
    fast = storage_class("fast", "WaitForFirstConsumer")
    rehearsal = start(fast, claim("data", storage_class="fast"))
    places = place(rehearsal, *(make_pod(f"p{i}").claim("data") for i in range(4)))
    assert len(set(places)) == 1
    assert None not in places


def test_a_claim_that_is_bound_at_last_wakes_its_pod_alone() -> None:
    rehearsal = start(storage_class("fast"), claim("data", storage_class="fast"), volume("v", "n1"))
    assert place(rehearsal, POD) == [None]
    put(rehearsal, claim("other", "v"))
    rehearsal.advance(60)
    assert len(rehearsal.events_of("a")) == 1
    put(rehearsal, claim("data", "v", storage_class="fast"))
    rehearsal.advance(60)
    assert rehearsal.node_of("a") == "n1"

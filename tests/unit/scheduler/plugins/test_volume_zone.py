"""Volumes with a zone are mounted by nodes of that zone."""

import pytest

from shoal.api.storage import CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES
from shoal.testing.builders import NodeBuilder, make_node, make_pod
from shoal.testing.rehearsal import Rehearsal
from tests.volumes import claim, storage_class, volume

ZONE = "topology.kubernetes.io/zone"
REGION = "topology.kubernetes.io/region"
BETA_ZONE = "failure-domain.beta.kubernetes.io/zone"
TEXT = "0/1 nodes are available: 1 node(s) had no available volume zone."
NODE = make_node("n").capacity(cpu="4")
POD = make_pod("a").claim("data")


@pytest.mark.parametrize(
    ("node", "labels", "fits"),
    [
        (NODE.zone("a"), {ZONE: "a"}, True),
        (NODE.zone("b"), {ZONE: "a"}, False),
        (NODE.zone("b"), {ZONE: "a__b"}, True),
        (NODE.zone("b"), {ZONE: "a__"}, True),
        (NODE.zone("a"), {ZONE: "a", REGION: "r"}, False),
        (NODE.zone("a").label(REGION, "r"), {ZONE: "a", REGION: "r"}, True),
        (NODE.zone("a"), {BETA_ZONE: "a"}, True),
        (NODE.zone("b"), {BETA_ZONE: "a"}, False),
        (NODE, {ZONE: "a"}, True),
        (NODE.zone("a"), {}, True),
    ],
)
def test_nodes_of_other_zones_are_left_out(
    node: NodeBuilder, labels: dict[str, str], fits: bool
) -> None:
    rehearsal = Rehearsal()
    rehearsal.put(PERSISTENT_VOLUMES, volume("v", labels=labels))
    rehearsal.put(CLAIMS, claim("data", "v"))
    rehearsal.add(node, POD)
    rehearsal.run()
    assert rehearsal.node_of("a") == ("n" if fits else None)
    assert rehearsal.message_of("a").startswith("" if fits else TEXT)


def test_a_volume_that_moves_wakes_its_pod() -> None:
    rehearsal = Rehearsal(without=("VolumeBinding",))
    rehearsal.put(PERSISTENT_VOLUMES, volume("v", labels={ZONE: "a"}))
    rehearsal.put(CLAIMS, claim("data", "v"))
    rehearsal.add(NODE.zone("b"), POD)
    rehearsal.run()
    rehearsal.put(PERSISTENT_VOLUMES, volume("v", labels={ZONE: "a", "x": "y"}))
    rehearsal.advance(60)
    assert len(rehearsal.events_of("a")) == 1
    rehearsal.put(PERSISTENT_VOLUMES, volume("v", labels={ZONE: "b"}))
    rehearsal.advance(60)
    assert rehearsal.node_of("a") == "n"


@pytest.mark.parametrize(
    ("class_name", "reason"),
    [
        ("", "PersistentVolumeClaim had no pv name and storageClass name"),
        ("gone", 'storageclass.storage.k8s.io "gone" not found'),
        ("odd", 'VolumeBindingMode not set for StorageClass "odd"'),
        ("fast", "PersistentVolume had no name"),
    ],
)
def test_claims_without_a_volume_are_told_apart(class_name: str, reason: str) -> None:
    rehearsal = Rehearsal(without=("VolumeBinding",))
    rehearsal.put(STORAGE_CLASSES, storage_class("fast"))
    rehearsal.put(STORAGE_CLASSES, {"metadata": {"name": "odd"}, "provisioner": "p"})
    rehearsal.put(CLAIMS, claim("data", storage_class=class_name))
    rehearsal.add(NODE, POD)
    rehearsal.run()
    assert rehearsal.message_of("a").startswith(f"0/1 nodes are available: {reason}.")


def test_a_claim_that_waits_for_its_pod_has_no_zone_yet() -> None:
    rehearsal = Rehearsal(without=("VolumeBinding",))
    rehearsal.put(STORAGE_CLASSES, storage_class("late", "WaitForFirstConsumer"))
    rehearsal.put(CLAIMS, claim("data", storage_class="late"))
    rehearsal.add(NODE.zone("a"), POD)
    rehearsal.run()
    assert rehearsal.node_of("a") == "n"

"""Disks that one node cannot mount twice, and claims that one pod has to itself."""

from typing import Any

import pytest

from shoal.api.storage import CLAIMS, PERSISTENT_VOLUMES
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import Rehearsal
from tests.volumes import claim, volume

NO_DISK = "0/1 nodes are available: 1 node(s) had no available disk."
IN_USE = (
    "0/2 nodes are available: 2 node(s) unavailable due to PersistentVolumeClaim with "
    "ReadWriteOncePod access mode already in-use by another pod."
)
GCE = {"gcePersistentDisk": {"pdName": "d"}}
GCE_READ = {"gcePersistentDisk": {"pdName": "d", "readOnly": True}}
AWS_READ = {"awsElasticBlockStore": {"volumeID": "d", "readOnly": True}}
ISCSI = {"iscsi": {"iqn": "d", "targetPortal": "p", "lun": 0}}
ISCSI_READ = {"iscsi": {**ISCSI["iscsi"], "readOnly": True}}
RBD = {"rbd": {"monitors": ["a", "b"], "image": "d"}}
RBD_ELSEWHERE = {"rbd": {"monitors": ["c"], "image": "d"}}
RBD_NEAR = {"rbd": {"monitors": ["b", "c"], "image": "d"}}


def mounting(name: str, source: dict[str, Any]) -> PodBuilder:
    return make_pod(name).spec(volumes=[{"name": "v", **source}])


@pytest.mark.parametrize(
    ("first", "second", "fit"),
    [
        (GCE, GCE, False),
        (GCE, GCE_READ, False),
        (GCE_READ, GCE_READ, True),
        (GCE, {"gcePersistentDisk": {"pdName": "e"}}, True),
        (AWS_READ, AWS_READ, False),
        (ISCSI, ISCSI_READ, False),
        (ISCSI_READ, ISCSI_READ, True),
        (RBD, RBD_NEAR, False),
        (RBD, RBD_ELSEWHERE, True),
        (RBD, {"rbd": {**RBD["rbd"], "pool": "other"}}, True),
        (GCE, {"iscsi": {"iqn": "d"}}, True),
        (GCE, {"emptyDir": {}}, True),
    ],
)
def test_disks_are_shared_only_where_all_read(
    first: dict[str, Any], second: dict[str, Any], fit: bool
) -> None:
    rehearsal = Rehearsal()
    rehearsal.add(make_node("n").capacity(cpu="4"), mounting("a", first))
    rehearsal.run()
    rehearsal.add(mounting("b", second))
    rehearsal.run()
    assert rehearsal.node_of("b") == ("n" if fit else None)
    assert rehearsal.message_of("b").startswith("" if fit else NO_DISK)


def test_equal_pods_with_a_disk_go_to_different_nodes() -> None:
    rehearsal = Rehearsal()
    rehearsal.add(*(make_node(f"n{i}").capacity(cpu="4") for i in range(3)))
    rehearsal.add(*(mounting(f"p{i}", GCE) for i in range(4)))
    rehearsal.run()
    places = [rehearsal.node_of(f"p{i}") for i in range(4)]
    assert sorted(str(each) for each in places) == ["None", "n0", "n1", "n2"]


def test_a_claim_for_one_pod_is_free_again_when_that_pod_ends() -> None:
    rehearsal = Rehearsal()
    rehearsal.add(*(make_node(f"n{i}").capacity(cpu="4") for i in range(2)))
    rehearsal.put(PERSISTENT_VOLUMES, volume("v"))
    rehearsal.put(CLAIMS, claim("data", "v", accessModes=["ReadWriteOncePod"]))
    first, second = make_pod("a").claim("data"), make_pod("b").claim("data")
    rehearsal.add(first)
    rehearsal.run()
    rehearsal.add(second, make_pod("c"))
    rehearsal.run()
    assert rehearsal.message_of(second).startswith(IN_USE)
    rehearsal.delete(make_pod("c"))
    rehearsal.advance(60)
    assert len(rehearsal.events_of(second)) == 1
    rehearsal.delete(first)
    rehearsal.advance(60)
    assert rehearsal.node_of(second) is not None

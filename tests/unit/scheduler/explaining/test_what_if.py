"""Changes tried out on a copy of the cluster."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from shoal.scheduler.core import build_scheduler
from shoal.scheduler.explaining import changes
from shoal.scheduler.explaining.changes import ChangeError, Scene, WhatIfChange
from shoal.scheduler.explaining.onlooker import ClusterView
from shoal.scheduler.explaining.what_if import ALL_TOGETHER, AS_IT_IS, Prospect, WhatIf
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state import pod_info
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NODE = make_node("n").capacity(cpu="4", memory="8Gi")


def tried(
    pod: PodBuilder,
    *made: WhatIfChange,
    nodes: Sequence[NodeBuilder] = (NODE,),
    pods: Sequence[PodBuilder] = (),
    limit: int = 100,
) -> dict[str, Prospect]:
    built = [node.obj() for node in nodes]
    view = ClusterView(built, [each.obj() for each in pods])
    trial = WhatIf(lambda: build_scheduler(DEFAULT_PROFILES, in_tree_registry()), view, limit, NOW)
    return {each.change: each for each in trial.prospects(Scene(pod.obj(), built), made)}


def test_each_change_is_tried_alone_and_all_together() -> None:
    pod = make_pod("a").req(cpu="8").node_selector(disk="ssd")
    found = tried(pod, changes.ask_for("cpu", "1"), changes.drop_affinity())
    assert list(found) == [AS_IT_IS, "cpu 1", "without affinity and node selector", ALL_TOGETHER]
    assert [bool(each.explanation.feasible) for each in found.values()] == [
        False,
        False,
        False,
        True,
    ]
    assert (found[ALL_TOGETHER].node_name, found[ALL_TOGETHER].room) == ("n", 4)
    assert found["cpu 1"].room == 0


def test_a_pod_asks_for_the_amount_in_all() -> None:
    pod = make_pod("a").req(cpu="3", memory="1Gi").req(cpu="3").init_req(cpu="6")
    scene = changes.ask_for("cpu", "2").make(Scene(pod.obj(), []))
    asked = dict(pod_info.of(scene.pod).request.amounts)
    assert (asked["cpu"], asked["memory"]) == (2000, 2**30)


def test_taints_are_tolerated_by_key_all_at_once_or_no_more() -> None:
    nodes = (NODE.taint("team", "red"), make_node("m").capacity(cpu="1", memory="1Gi").taint("x"))
    pod = make_pod("a").toleration("team")
    found = tried(
        pod,
        changes.drop_tolerations(),
        changes.tolerate("x"),
        changes.tolerate("*"),
        nodes=nodes,
    )
    assert [len(each.explanation.feasible) for each in found.values()] == [1, 0, 2, 2, 2]


def test_spread_is_dropped_from_the_pod() -> None:
    spread = make_pod("a").spread("zone", {"app": "a"})
    scene = changes.drop_spread().make(Scene(spread.obj(), []))
    assert scene.pod.spec.topology_spread_constraints == []
    assert changes.set_priority(7).make(scene).pod.spec.priority == 7


def test_nodes_are_added_with_resources_labels_and_taints() -> None:
    text = "2x cpu=32, memory=128Gi,nvidia.com/gpu=4,zone=a,disk=ssd,team=red:NoSchedule"
    scene = changes.add_nodes(text).make(Scene(make_pod("a").obj(), [NODE.obj()]))
    first, second = scene.nodes[1:]
    assert (first.metadata.name, second.metadata.name) == ("added-1", "added-2")
    assert first.metadata.labels == {
        "kubernetes.io/hostname": "added-1",
        "topology.kubernetes.io/zone": "a",
        "disk": "ssd",
    }
    assert first.status.allocatable == {
        "cpu": "32",
        "memory": "128Gi",
        "pods": "110",
        "nvidia.com/gpu": "4",
    }
    (taint,) = first.spec.taints
    assert (taint.key, taint.value, taint.effect) == ("team", "red", "NoSchedule")


def test_added_nodes_have_names_that_no_other_has() -> None:
    scene = Scene(make_pod("a").obj(), [make_node("added-1").obj()])
    for change in (changes.add_nodes("cpu=1,memory=1Gi"), changes.add_nodes("cpu=1,memory=1Gi")):
        scene = change.make(scene)
    assert [node.metadata.name for node in scene.nodes] == ["added-1", "added-2", "added-3"]


def test_a_removed_node_takes_its_room_away() -> None:
    found = tried(make_pod("a").req(cpu="1"), changes.remove_node("n"))
    assert [each.room for each in found.values()] == [4, 0]
    assert found["without node n"].explanation.message == "no nodes available to schedule pods"


def test_pods_on_a_removed_node_count_nowhere() -> None:
    nodes = (NODE, make_node("m").capacity(cpu="2", memory="8Gi"))
    found = tried(
        make_pod("a").req(cpu="1"),
        changes.remove_node("n"),
        nodes=nodes,
        pods=[make_pod("x").req(cpu="4").node("n")],
    )
    assert [each.room for each in found.values()] == [2, 2]


def test_counting_pods_ends_at_the_limit() -> None:
    assert tried(make_pod("a"), limit=7)[AS_IT_IS].room == 7


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0x cpu=1,memory=1Gi", "asks for 0 nodes"),
        ("99999x cpu=1,memory=1Gi", "asks for 99999 nodes"),
        ("4x", "is none of RESOURCE=AMOUNT"),
        ("-1x cpu=1,memory=1Gi", "the count must be at least 1"),
        ("4x cpu=1", "does not say how much memory the node has; write it"),
        ("zone=a", "does not say how much cpu and memory the node has; write it"),
        ("2x cpu=8,mem=16Gi", "how much memory the node has (mem is taken for a label)"),
        ("cpu=1,memory=1Gi,cpu=2", "says cpu twice"),
        ("cpu=1,memory=1Gi,zone=a,topology.kubernetes.io/zone=b", "zone twice"),
        ("cpu=1,memory=1Gi,team=red:Bad", '"Bad" in "team=red:Bad"'),
        ("cpu=1,memory=1Gi,=red:NoSchedule", "is no taint: "),
        ("cpu=1,memory=1Gi,a b=c", '"a b=c" of --add-node'),
        ("cpu=1,memory=1Gi,disk=a b", '"disk=a b" of --add-node'),
        ("4x cpu=much,memory=1Gi", '"much"'),
        ("4x cpu=1,memory=1Gi,=a", '"=a"'),
    ],
)
def test_a_node_that_makes_no_sense_is_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(ChangeError) as raised:
        changes.add_nodes(text)
    assert reason in str(raised.value)


def test_amounts_and_names_that_are_none_are_refused() -> None:
    with pytest.raises(ChangeError, match='--cpu "x" is not an amount'):
        changes.ask_for("cpu", "x")
    with pytest.raises(ChangeError, match='--memory "-1" is not an amount'):
        changes.ask_for("memory", "-1")
    with pytest.raises(ChangeError, match="--priority 2147483648 is not between -2147483648 and"):
        changes.set_priority(2**31)
    with pytest.raises(ChangeError, match='--tolerate "" is neither'):
        changes.tolerate("")
    with pytest.raises(ChangeError, match='there is no node "m" to remove'):
        tried(make_pod("a"), changes.remove_node("m"))

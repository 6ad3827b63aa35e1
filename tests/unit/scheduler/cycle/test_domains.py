"""Parts of the network in which a group may be placed, and which comes first."""

from typing import Any

from shoal.api.volcano import keys
from shoal.api.volcano.hyper_node import HYPER_NODES
from shoal.testing.builders import make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import make_pod_group, make_queue
from tests.unit.scheduler.cycle.rounds import begin, group_of


def hyper_node(name: str, tier: int, *members: str, kind: str = "Node") -> dict[str, Any]:
    listed = [{"type": kind, "selector": {"exactMatch": {"name": each}}} for each in members]
    return {"metadata": {"name": name}, "spec": {"tier": tier, "members": listed}}


def network(topology: dict[str, Any] | None) -> Rehearsal:
    """Two racks of two nodes, in one room; and a group of two pods."""
    rehearsal = Rehearsal()
    rehearsal.add(make_queue("root"), make_queue("q"))
    rehearsal.add(*(make_node(name).capacity(cpu="4") for name in ("a1", "a2", "b1", "b2")))
    rehearsal.put(HYPER_NODES, hyper_node("a", 1, "a1", "a2"))
    rehearsal.put(HYPER_NODES, hyper_node("b", 1, "b1", "b2"))
    rehearsal.put(HYPER_NODES, hyper_node("room", 2, "a", "b", kind="HyperNode"))
    group = make_pod_group("g").queue("q").needs(2).created(START).phase("Inqueue")
    rehearsal.add(group.spec(networkTopology=topology) if topology else group)
    pods = [make_pod(f"g-{index}").req(cpu="1") for index in range(2)]
    rehearsal.add(*(each.annotations(**{keys.GROUP_NAME: "g"}) for each in pods))
    return rehearsal


def places(rehearsal: Rehearsal) -> list[str]:
    """Names of the nodes of each, the best place first."""
    snapshot = rehearsal.scheduler.cache.snapshot
    found: list[str] = []
    for rows in begin(rehearsal).domains.of_group(group_of(rehearsal, "g")):
        numbers = range(snapshot.row_count) if rows is None else rows.nonzero()[0].tolist()
        found.append(" ".join(sorted(snapshot.node_name(row) for row in numbers)))
    return found


def test_a_group_that_asks_for_nothing_goes_anywhere() -> None:
    assert places(network(None)) == ["a1 a2 b1 b2"]


def test_a_hard_group_stays_within_the_tier_that_it_allows() -> None:
    hard = {"mode": "hard", "highestTierAllowed": 1}
    assert places(network(hard)) == ["a1 a2", "b1 b2"]
    wider = {"mode": "hard", "highestTierAllowed": 2}
    assert places(network(wider)) == ["a1 a2", "b1 b2", "a1 a2 b1 b2"]


def test_a_soft_group_may_go_anywhere_in_the_end() -> None:
    soft = {"mode": "soft", "highestTierAllowed": 1}
    assert places(network(soft)) == ["a1 a2", "b1 b2", "a1 a2 b1 b2"]


def test_members_that_have_nodes_bind_the_others() -> None:
    rehearsal = network({"mode": "hard", "highestTierAllowed": 1})
    rehearsal.change("g-0", lambda pod: pod.node("b1"))
    assert places(rehearsal) == ["b1 b2"]


def test_the_fuller_part_comes_first() -> None:
    rehearsal = network({"mode": "hard", "highestTierAllowed": 1})
    rehearsal.add(make_pod("other").req(cpu="2").node("b1"))
    assert places(rehearsal) == ["b1 b2", "a1 a2"]


def test_a_tier_that_nobody_has_holds_nobody() -> None:
    assert places(network({"mode": "hard", "highestTierName": "row"})) == []


def test_changes_of_nodes_and_of_the_network_are_seen() -> None:
    rehearsal = network({"mode": "hard", "highestTierAllowed": 1})
    assert places(rehearsal) == ["a1 a2", "b1 b2"]
    rehearsal.delete(make_node("a2"))
    rehearsal.put(HYPER_NODES, hyper_node("b", 1, "b1"))
    assert places(rehearsal) == ["a1", "b1"]
    rehearsal.remove(HYPER_NODES, "a")
    assert places(rehearsal) == ["b1"]

"""Nodes in HyperNodes: selectors, nesting, and what is wrong."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.resource import JsonObject
from shoal.api.volcano.hyper_node import HyperNode
from shoal.api.volcano.hyper_node_tree import HyperNodeTree

NODES = {
    "s0-n1": {"rack": "a", "gpu": "yes"},
    "s0-n2": {"rack": "a"},
    "s1-n3": {"rack": "b", "gpu": "yes"},
    "s1-n4": {"rack": "b"},
}


def exact(name: str, type: str = "Node") -> JsonObject:
    return {"type": type, "selector": {"exactMatch": {"name": name}}}


def regex(pattern: str, type: str = "Node") -> JsonObject:
    return {"type": type, "selector": {"regexMatch": {"pattern": pattern}}}


def labelled(**selector: object) -> JsonObject:
    return {"type": "Node", "selector": {"labelMatch": selector}}


def hyper_node(name: str, tier: int, *members: JsonObject, tier_name: str = "") -> HyperNode:
    spec = {"tier": tier, "tierName": tier_name, "members": list(members)}
    return msgspec.convert({"metadata": {"name": name}, "spec": spec}, HyperNode)


def tree(*hyper_nodes: HyperNode) -> HyperNodeTree:
    return HyperNodeTree(hyper_nodes, NODES.items())


def two_racks() -> HyperNodeTree:
    return tree(
        hyper_node("spine", 2, exact("s0", "HyperNode"), regex("^s1$", "HyperNode")),
        hyper_node("s0", 1, exact("s0-n1"), exact("s0-n2"), tier_name="rack"),
        hyper_node("s1", 1, regex("^s1-"), tier_name="rack"),
    )


def test_a_cluster_without_hyper_nodes_has_no_tiers_and_no_domains():
    empty = tree()
    assert empty.tiers == []
    assert empty.domains(1) == []
    assert empty.lowest_common(["s0-n1"]) is None
    assert empty.tier_of_name("rack") is None


def test_domains_are_told_by_tier_and_hold_what_is_below_them():
    racks = two_racks()
    assert racks.tiers == [1, 2]
    assert [(each.name, sorted(each.nodes)) for each in racks.domains(1)] == [
        ("s0", ["s0-n1", "s0-n2"]),
        ("s1", ["s1-n3", "s1-n4"]),
    ]
    assert [(each.name, each.tier, each.nodes) for each in racks.domains(2)] == [
        ("spine", 2, frozenset(NODES))
    ]


@pytest.mark.parametrize(
    ("names", "domain"),
    [
        (["s0-n1"], "s0"),
        (["s0-n1", "s0-n2"], "s0"),
        (["s0-n1", "s1-n3"], "spine"),
        (["s0-n1", "elsewhere"], None),
        ([], None),
    ],
)
def test_the_lowest_domain_that_holds_some_nodes(names: list[str], domain: str | None):
    common = two_racks().lowest_common(names)
    assert (common.name if common else None) == domain


def test_of_domains_of_one_tier_the_smallest_is_the_lowest_common_one():
    both = tree(hyper_node("all", 1, regex(".")), hyper_node("some", 1, regex("^s0")))
    common = both.lowest_common(["s0-n1"])
    assert common is not None
    assert common.name == "some"


def test_a_tier_is_found_by_its_name():
    racks = two_racks()
    assert racks.tier_of_name("rack") == 1
    assert racks.tier_of_name("row") is None
    assert racks.tier_of_name("") is None


@pytest.mark.parametrize(
    ("member", "nodes"),
    [
        (exact("s0-n1"), {"s0-n1"}),
        (exact("gone"), set[str]()),
        (regex("n[13]$"), {"s0-n1", "s1-n3"}),
        (regex("n("), set[str]()),
        (labelled(matchLabels={"rack": "b"}), {"s1-n3", "s1-n4"}),
        (labelled(matchExpressions=[{"key": "gpu", "operator": "Exists"}]), {"s0-n1", "s1-n3"}),
        (labelled(), set[str]()),
    ],
)
def test_a_selector_of_each_kind_selects_nodes(member: JsonObject, nodes: set[str]):
    one = tree(hyper_node("one", 1, member))
    assert one.nodes_of("one") == nodes
    assert bool(one.missing_of("one")) == (not nodes)


def test_members_that_select_nothing_are_named():
    poor = tree(
        hyper_node("poor", 1, exact("gone"), exact("s9", "HyperNode"), regex("^x"), exact("s0-n1"))
    )
    assert poor.missing_of("poor") == ("Node gone", "HyperNode s9", "Node matching ^x")
    assert poor.nodes_of("poor") == {"s0-n1"}


def test_hyper_nodes_in_a_cycle_are_no_domains_and_the_one_above_them_is():
    looped = tree(
        hyper_node("top", 3, exact("a", "HyperNode")),
        hyper_node("a", 2, exact("b", "HyperNode"), exact("s0-n1")),
        hyper_node("b", 1, exact("a", "HyperNode"), exact("s1-n3")),
        hyper_node("self", 1, exact("self", "HyperNode")),
    )
    assert looped.cycle_of("a") == ("a", "b", "a")
    assert looped.cycle_of("self") == ("self", "self")
    assert looped.cycle_of("top") == ()
    assert looped.tiers == [3]
    assert looped.nodes_of("b") == {"s0-n1", "s1-n3"}
    assert looped.domains(3)[0].nodes == {"s0-n1", "s1-n3"}


def test_what_nobody_has_made_holds_nothing():
    assert two_racks().nodes_of("other") == frozenset()
    assert two_racks().missing_of("other") == ()
    assert two_racks().cycle_of("other") == ()


@given(st.lists(st.lists(st.integers(0, 5), max_size=3), min_size=6, max_size=6))
def test_a_hyper_node_holds_all_that_those_below_it_hold(below: list[list[int]]):
    nodes: list[tuple[str, dict[str, str]]] = [(f"n{i}", {}) for i in range(6)]
    hyper_nodes = [
        hyper_node(f"h{i}", i, exact(f"n{i}"), *(exact(f"h{b}", "HyperNode") for b in children))
        for i, children in enumerate(below)
    ]
    built = HyperNodeTree(hyper_nodes, nodes)
    for i, children in enumerate(below):
        for child in children:
            assert built.nodes_of(f"h{child}") <= built.nodes_of(f"h{i}")
    domains = [each.name for tier in built.tiers for each in built.domains(tier)]
    assert sorted(domains) == [f"h{i}" for i in range(6) if not built.cycle_of(f"h{i}")]

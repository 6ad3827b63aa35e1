"""Which changes the in-tree plugins take for help."""

from typing import Any

import pytest

from shoal.scheduler.framework.cluster_event import (
    ASSIGNED_POD,
    ASSIGNED_POD_DELETE,
    NODE,
    NODE_ADD,
    UNSCHEDULED_POD,
    ActionType,
    ClusterEvent,
)
from shoal.testing.builders import make_node, make_pod
from tests.hints import helps

POD = make_pod("a").req(cpu="2")
ALLOCATABLE = ClusterEvent(NODE, ActionType.UPDATE_NODE_ALLOCATABLE)
LABEL = ClusterEvent(NODE, ActionType.UPDATE_NODE_LABEL)
TAINT = ClusterEvent(NODE, ActionType.UPDATE_NODE_TAINT)
OWN_TOLERATION = ClusterEvent(UNSCHEDULED_POD, ActionType.UPDATE_POD_TOLERATION)
SCALE_DOWN = ClusterEvent(ASSIGNED_POD, ActionType.UPDATE_POD_SCALE_DOWN)

PLAIN = make_node("n").capacity(cpu="4")
SMALL = make_node("n").capacity(cpu="1")
LARGER = make_node("n").capacity(cpu="8")
TAINTED = PLAIN.taint("x")
CORDONED = PLAIN.unschedulable()
OTHER = make_pod("b").node("n").req(cpu="3")


@pytest.mark.parametrize(
    ("plugin", "event", "before", "after", "expected"),
    [
        ("NodeName", NODE_ADD, None, PLAIN, True),
        ("NodeName", ALLOCATABLE, SMALL, PLAIN, False),
        ("NodeUnschedulable", NODE_ADD, None, PLAIN, True),
        ("NodeUnschedulable", NODE_ADD, None, CORDONED, False),
        ("NodeUnschedulable", TAINT, CORDONED, PLAIN, True),
        ("NodeUnschedulable", TAINT, PLAIN, TAINTED, False),
        ("TaintToleration", NODE_ADD, None, PLAIN, True),
        ("TaintToleration", NODE_ADD, None, TAINTED, False),
        ("TaintToleration", TAINT, TAINTED, PLAIN, True),
        ("TaintToleration", TAINT, PLAIN, PLAIN, False),
        ("TaintToleration", OWN_TOLERATION, POD, POD.toleration("x"), True),
        ("TaintToleration", OWN_TOLERATION, OTHER, OTHER.toleration("x"), False),
        ("NodeResourcesFit", NODE_ADD, None, PLAIN, True),
        ("NodeResourcesFit", NODE_ADD, None, SMALL, False),
        ("NodeResourcesFit", ALLOCATABLE, PLAIN, LARGER, True),
        ("NodeResourcesFit", ALLOCATABLE, LARGER, PLAIN, False),
        ("NodeResourcesFit", ASSIGNED_POD_DELETE, OTHER, None, True),
        ("NodeResourcesFit", SCALE_DOWN, OTHER, make_pod("b").node("n").req(cpu="1"), True),
        (
            "NodeResourcesFit",
            SCALE_DOWN,
            make_pod("b").node("n").req(memory="2"),
            make_pod("b").node("n").req(memory="1"),
            False,
        ),
        ("NodeResourcesFit", TAINT, TAINTED, PLAIN, False),
    ],
)
def test_hints(plugin: str, event: ClusterEvent, before: Any, after: Any, expected: bool) -> None:
    assert helps(plugin, POD, event, before, after) is expected


def test_a_node_that_comes_to_match_the_selector_helps() -> None:
    picky = POD.spec(nodeSelector={"disk": "ssd"})
    matching = PLAIN.labels(disk="ssd")
    assert helps("NodeAffinity", picky, NODE_ADD, None, matching)
    assert not helps("NodeAffinity", picky, NODE_ADD, None, PLAIN)
    assert helps("NodeAffinity", picky, LABEL, PLAIN, matching)
    assert not helps("NodeAffinity", picky, LABEL, matching, matching.labels(zone="a"))
    assert not helps("NodeAffinity", picky, ALLOCATABLE, PLAIN, matching)


def test_the_toleration_for_cordoned_nodes_helps_its_own_pod() -> None:
    tolerant = POD.toleration("node.kubernetes.io/unschedulable")
    assert helps("NodeUnschedulable", POD, OWN_TOLERATION, POD, tolerant)
    assert not helps("NodeUnschedulable", POD, OWN_TOLERATION, POD, POD.toleration("x"))

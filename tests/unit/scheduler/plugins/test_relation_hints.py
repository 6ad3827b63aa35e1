"""Which changes PodTopologySpread and InterPodAffinity take for help."""

from typing import Any

import pytest

from shoal.scheduler.framework.cluster_event import (
    ASSIGNED_POD_ADD,
    ASSIGNED_POD_DELETE,
    NODE_ADD,
    NODE_DELETE,
    UNSCHEDULED_POD,
    ActionType,
    ClusterEvent,
)
from shoal.testing.builders import PodBuilder, make_node, make_pod
from tests.hints import helps

SPREAD, AFFINITY = "PodTopologySpread", "InterPodAffinity"
POD_LABEL = ClusterEvent("AssignedPod", ActionType.UPDATE_POD_LABEL)
OWN_TOLERATION = ClusterEvent(UNSCHEDULED_POD, ActionType.UPDATE_POD_TOLERATION)
LABEL = ClusterEvent("Node", ActionType.UPDATE_NODE_LABEL)
TAINT = ClusterEvent("Node", ActionType.UPDATE_NODE_TAINT)

WEB = {"app": "web"}
WAITING = make_pod("p")
SPREADING = WAITING.spread("zone", WEB)
HONEST = WAITING.spread("zone", WEB, nodeTaintsPolicy="Honor")
NEAR = WAITING.pod_affinity("zone", WEB).pod_affinity("rack", {"tier": "x"})
FIRST = WAITING.labels(**WEB).pod_affinity("zone", WEB)
APART = WAITING.pod_anti_affinity("zone", WEB)
SHUNNED = WAITING.labels(role="in")

OTHER = make_pod("o").node("n")
ONE = OTHER.labels(**WEB)
BOTH = ONE.labels(tier="x")
SHY = OTHER.pod_anti_affinity("rack", {"role": "in"})
ELSEWHERE = ONE.namespace("other")

NODE = make_node("n")
IN_A, IN_B = NODE.labels(zone="a"), NODE.labels(zone="b")
RACKED = IN_A.labels(rack="1")


@pytest.mark.parametrize(
    ("pod", "event", "before", "after", "expected"),
    [
        (SPREADING, ASSIGNED_POD_ADD, None, ONE, True),
        (SPREADING, ASSIGNED_POD_ADD, None, OTHER, False),
        (SPREADING, ASSIGNED_POD_ADD, None, ELSEWHERE, False),
        (SPREADING, ASSIGNED_POD_DELETE, ONE, None, True),
        (SPREADING, ASSIGNED_POD_DELETE, OTHER, None, False),
        (SPREADING, POD_LABEL, OTHER, ONE, True),
        (SPREADING, POD_LABEL, ONE, OTHER, True),
        (SPREADING, POD_LABEL, ONE, BOTH, False),
        (SPREADING, OWN_TOLERATION, SPREADING, SPREADING.toleration("x"), False),
        (HONEST, OWN_TOLERATION, HONEST, HONEST.toleration("x"), True),
        (SPREADING, NODE_ADD, None, IN_A, True),
        (SPREADING, NODE_ADD, None, NODE, False),
        (SPREADING, NODE_DELETE, IN_A, None, True),
        (SPREADING, NODE_DELETE, NODE, None, False),
        (SPREADING, LABEL, NODE, IN_A, True),
        (SPREADING, LABEL, IN_A, IN_B, True),
        (SPREADING, LABEL, IN_A, RACKED, False),
        (SPREADING, TAINT, IN_A.taint("x"), IN_A, False),
        (HONEST, TAINT, IN_A.taint("x"), IN_A, True),
        (HONEST, TAINT, NODE.taint("x"), NODE, False),
    ],
)
def test_what_helps_a_pod_that_is_spread(
    pod: PodBuilder, event: ClusterEvent, before: Any, after: Any, expected: bool
) -> None:
    assert helps(SPREAD, pod, event, before, after) is expected


@pytest.mark.parametrize(
    ("pod", "event", "before", "after", "expected"),
    [
        (NEAR, ASSIGNED_POD_ADD, None, BOTH, True),
        (NEAR, ASSIGNED_POD_ADD, None, ONE, False),
        (NEAR, POD_LABEL, ONE, BOTH, True),
        (NEAR, POD_LABEL, OTHER, ONE, False),
        (NEAR, POD_LABEL, NEAR, NEAR.labels(app="x"), True),
        (FIRST, ASSIGNED_POD_DELETE, ONE, None, True),
        (APART, ASSIGNED_POD_DELETE, ONE, None, True),
        (APART, ASSIGNED_POD_DELETE, OTHER, None, False),
        (APART, ASSIGNED_POD_DELETE, ELSEWHERE, None, False),
        (APART, ASSIGNED_POD_ADD, None, ONE, False),
        (APART, POD_LABEL, ONE, OTHER, True),
        (APART, POD_LABEL, OTHER, ONE, False),
        (SHUNNED, ASSIGNED_POD_DELETE, SHY, None, True),
        (SHUNNED, ASSIGNED_POD_DELETE, OTHER, None, False),
        (NEAR, NODE_ADD, None, RACKED, True),
        (NEAR, NODE_ADD, None, IN_A, False),
        (NEAR, LABEL, IN_A, RACKED, True),
        (NEAR, LABEL, RACKED, IN_A, False),
        (APART, NODE_ADD, None, NODE, True),
        (APART, LABEL, IN_A, NODE, True),
        (APART, LABEL, IN_A, IN_B, True),
        (APART, LABEL, NODE, IN_A, False),
        (APART, LABEL, IN_A, RACKED, False),
        (APART, TAINT, IN_A.taint("x"), IN_A, False),
    ],
)
def test_what_helps_a_pod_that_is_particular_about_others(
    pod: PodBuilder, event: ClusterEvent, before: Any, after: Any, expected: bool
) -> None:
    # Every plugin that waits for nodes is woken by taints, too; see `queueing.wake_rules`.
    assert helps(AFFINITY, pod, event, before, after) is expected


def test_a_node_that_leaves_the_domain_of_one_who_shuns_the_pod_helps() -> None:
    before, after = NODE.labels(rack="1"), NODE.labels(rack="2")
    assert helps(AFFINITY, SHUNNED, LABEL, before, after, SHY)
    assert not helps(AFFINITY, SHUNNED, LABEL, before, after)

"""Events that plugins registered, as people read them."""

from datetime import UTC, datetime

import pytest

from shoal.scheduler.core import build_scheduler
from shoal.scheduler.explaining.awaited import awaited, phrase
from shoal.scheduler.framework.cluster_event import ActionType, ClusterEvent
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("resource", "action", "text"),
    [
        ("Node", ActionType.ADD, "a node is added"),
        (
            "Node",
            ActionType.ADD | ActionType.UPDATE_NODE_LABEL,
            "a node is added or gets other labels",
        ),
        ("AssignedPod", ActionType.DELETE, "a placed pod goes"),
        ("Pod", ActionType.UPDATE_POD_SCALE_DOWN, "a pod asks for less"),
        (
            "Node",
            ActionType.ADD | ActionType.UPDATE_NODE_TAINT | ActionType.UPDATE_NODE_ALLOCATABLE,
            "a node is added, offers other amounts or gets other taints",
        ),
        ("*", ActionType.ALL, "anything changes"),
        ("Node", ActionType.ADD | ActionType.UPDATE, "a node is added or changes"),
        ("PersistentVolumeClaim", ActionType.ADD, "a PersistentVolumeClaim is added"),
    ],
)
def test_an_event_is_the_end_of_a_sentence(resource: str, action: ActionType, text: str) -> None:
    assert phrase(ClusterEvent(resource, action)) == text


def test_only_rejectors_wait() -> None:
    profile = build_scheduler(DEFAULT_PROFILES, in_tree_registry()).profiles["shoal"]
    assert awaited(profile.points, {"NodeAffinity"}) == {
        "NodeAffinity": ["a node is added or gets other labels"]
    }

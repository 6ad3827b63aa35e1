"""Spreads the pods of an app over racks: at most so many of them a rack, and the fewer the better.

Nodes say their rack in a label, pods their app; both labels are arguments. Pods without the label
are none of this plugin's business.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from shoal.plugin import (
    ASSIGNED_POD_DELETE,
    NODE,
    SKIP,
    SUCCESS,
    ActionType,
    ClusterEvent,
    CycleState,
    Handle,
    NodeInfo,
    Normalization,
    PodInfo,
    QueueingHint,
    Registration,
    Snapshot,
    Status,
    unresolvable,
    unschedulable,
)


class PodsByRack:
    """What the plugin keeps from PreFilter to Score: how many pods of the app each rack has."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts

    def clone(self) -> "PodsByRack":
        return PodsByRack(self.counts.copy())


class SpreadOverRacks:
    name = "SpreadOverRacks"
    normalization = Normalization.REVERSED
    """Scores are counts: the framework turns the highest into 0 and none into 100."""

    def __init__(self, arguments: Mapping[str, Any], handle: Handle) -> None:
        self._rack = arguments.get("rackLabel", "rack")
        self._app = arguments.get("appLabel", "app")
        self._most = int(arguments.get("maxPerRack", 1000))
        if self._most < 1:
            raise ValueError(f"maxPerRack must be 1 or more, not {self._most}")

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[None, Status]:
        """Once a pod: count."""
        app = pod.labels.get(self._app)
        if app is None:
            return None, SKIP
        counts: Counter[str] = Counter()
        for node in snapshot.nodes():
            counts[node.labels.get(self._rack, "")] += sum(
                each.labels.get(self._app) == app for each in node.pods
            )
        state.write(self.name, PodsByRack(counts))
        return None, SUCCESS

    def add_pod(self, state: CycleState, pod: PodInfo, added: PodInfo, node: NodeInfo) -> Status:
        """Preemption asks: what if this pod were there?"""
        return self._count(state, pod, added, node, 1)

    def remove_pod(
        self, state: CycleState, pod: PodInfo, removed: PodInfo, node: NodeInfo
    ) -> Status:
        """And: what if this one were gone?"""
        return self._count(state, pod, removed, node, -1)

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status:
        rack = node.labels.get(self._rack)
        if rack is None:
            return unresolvable("node(s) had no rack")
        if state.read(self.name, PodsByRack).counts[rack] >= self._most:
            return unschedulable("node(s) were in a rack with enough pods of the app")
        return SUCCESS

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: object) -> Status:
        return SUCCESS if self._app in pod.labels else SKIP

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> tuple[int, Status]:
        return state.read(self.name, PodsByRack).counts[node.labels[self._rack]], SUCCESS

    def events_to_register(self) -> Sequence[Registration]:
        """A node that comes or changes its labels may help, and a pod of the app that goes."""
        return [
            Registration(ClusterEvent(NODE, ActionType.ADD | ActionType.UPDATE_NODE_LABEL)),
            Registration(ASSIGNED_POD_DELETE, self._is_same_app),
        ]

    def _is_same_app(self, pod: PodInfo, gone: PodInfo, after: None) -> QueueingHint:
        is_same = pod.labels.get(self._app) == gone.labels.get(self._app)
        return QueueingHint.QUEUE if is_same else QueueingHint.SKIP

    def _count(
        self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, change: int
    ) -> Status:
        if other.labels.get(self._app) == pod.labels.get(self._app):
            rack = node.labels.get(self._rack, "")
            state.read(self.name, PodsByRack).counts[rack] += change
        return SUCCESS

"""NodeUnschedulable: cordoned nodes take only pods that tolerate it."""

from collections.abc import Hashable, Sequence

import numpy as np

from shoal.api.node import Node, Taint
from shoal.api.tolerations import is_tolerated
from shoal.scheduler.framework.cluster_event import (
    NODE,
    UNSCHEDULED_POD,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PluginArguments, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import Status, unresolvable
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo

_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
_REJECTION = unresolvable("node(s) were unschedulable")


class NodeUnschedulable:
    name = "NodeUnschedulable"
    filter_reads = Reads.NODE

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        pass

    def sign(self, pod: PodInfo) -> Hashable:
        return is_tolerated(_TAINT, pod.spec.tolerations)

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        is_cordoned = nodes.is_unschedulable
        if not is_cordoned.any() or is_tolerated(_TAINT, pod.spec.tolerations):
            return None
        return is_cordoned.astype(np.int64)

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _REJECTION

    def events_to_register(self) -> Sequence[Registration]:
        node_changed = ActionType.ADD | ActionType.UPDATE_NODE_TAINT
        tolerations_changed = ClusterEvent(UNSCHEDULED_POD, ActionType.UPDATE_POD_TOLERATION)
        return (
            Registration(ClusterEvent(NODE, node_changed), _became_schedulable),
            Registration(tolerations_changed, _became_tolerant),
        )


def _became_schedulable(pod: PodInfo, before: Node | None, after: Node) -> QueueingHint:
    was_cordoned = before is None or before.spec.unschedulable
    helps = was_cordoned and not after.spec.unschedulable
    return QueueingHint.QUEUE if helps else QueueingHint.SKIP


def _became_tolerant(pod: PodInfo, before: PodInfo, after: PodInfo) -> QueueingHint:
    helps = after.uid == pod.uid and is_tolerated(_TAINT, after.spec.tolerations)
    return QueueingHint.QUEUE if helps else QueueingHint.SKIP

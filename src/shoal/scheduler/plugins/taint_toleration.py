"""TaintToleration: hard taints keep pods out unless tolerated, soft ones cost score.

Source of the rules: Kubernetes v1.36, pkg/scheduler/framework/plugins/tainttoleration.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from shoal.api.node import Node, Taint
from shoal.api.tolerations import is_tolerated, keep_out
from shoal.scheduler.framework.cluster_event import (
    NODE,
    UNSCHEDULED_POD,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
    is_own_change,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import Normalization, PluginArguments, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import Status, unresolvable
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo

_REJECTION = unresolvable("node(s) had untolerated taint(s)")
_SOFT = "PreferNoSchedule"


class TaintToleration:
    name = "TaintToleration"
    filter_reads = Reads.NODE
    score_reads = Reads.NODE
    normalization = Normalization.REVERSED

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        pass

    def sign(self, pod: PodInfo) -> Hashable:
        return tuple(pod.spec.tolerations)

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        tolerations = pod.spec.tolerations
        return _spread(nodes, lambda taints: int(keep_out(taints, tolerations)))

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _REJECTION

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        """The number of soft taints that the pod does not tolerate."""
        soft = [each for each in pod.spec.tolerations if each.effect in ("", _SOFT)]
        return _spread(
            nodes,
            lambda taints: sum(
                each.effect == _SOFT and not is_tolerated(each, soft) for each in taints
            ),
        )

    def events_to_register(self) -> Sequence[Registration]:
        node_changed = ActionType.ADD | ActionType.UPDATE_NODE_TAINT
        tolerations_changed = ClusterEvent(UNSCHEDULED_POD, ActionType.UPDATE_POD_TOLERATION)
        return (
            Registration(ClusterEvent(NODE, node_changed), _became_tolerated),
            Registration(tolerations_changed, is_own_change),
        )


def _spread(nodes: NodeRows, judge: Callable[[Sequence[Taint]], int]) -> IntArray:
    """Judge each distinct set of taints once."""
    verdicts = np.fromiter((judge(taints) for taints in nodes.snapshot.taint_sets), np.int64)
    return verdicts[nodes.taint_set]


def _became_tolerated(pod: PodInfo, before: Node | None, after: Node) -> QueueingHint:
    tolerations = pod.spec.tolerations
    was_kept_out = before is None or keep_out(before.spec.taints, tolerations)
    helps = was_kept_out and not keep_out(after.spec.taints, tolerations)
    return QueueingHint.QUEUE if helps else QueueingHint.SKIP

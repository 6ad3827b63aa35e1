"""NodeAffinity: nodes that the pod selects by label or name, and those it would rather have.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/plugins/nodeaffinity.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from shoal.api.node import Node
from shoal.api.node_affinity import preferred_nodes, required_nodes
from shoal.scheduler.framework.cluster_event import (
    NODE,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import (
    Normalization,
    PluginArguments,
    PreFilterResult,
    Reads,
)
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status, unresolvable
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_REJECTION = unresolvable("node(s) didn't match Pod's node affinity/selector")
_CONFLICT = unresolvable("pod affinity terms conflict")


class NodeAffinity:
    name = "NodeAffinity"
    filter_reads = Reads.NODE
    score_reads = Reads.NODE
    normalization = Normalization.HIGHEST

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        pass

    def sign(self, pod: PodInfo) -> Hashable:
        return (required_nodes(pod.spec), preferred_nodes(pod.spec))

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        required = required_nodes(pod.spec)
        if required is None:
            return None, SKIP
        named = required.named_nodes()
        if named is None:
            return None, SUCCESS
        if not named:
            return None, _CONFLICT
        return PreFilterResult(named), SUCCESS

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        required = required_nodes(pod.spec)
        if required is None:
            return None
        return _for_each_node(nodes, lambda node: not required.matches(node))

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _REJECTION

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        return SKIP if preferred_nodes(pod.spec) is None else SUCCESS

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        """The weights of the preferred terms that the node matches, summed up."""
        preferred = preferred_nodes(pod.spec)
        return _for_each_node(
            nodes, lambda node: 0 if preferred is None else preferred.weight_of(node)
        )

    def events_to_register(self) -> Sequence[Registration]:
        node_changed = ActionType.ADD | ActionType.UPDATE_NODE_LABEL
        return (Registration(ClusterEvent(NODE, node_changed), _became_a_match),)


def _for_each_node(nodes: NodeRows, judge: Callable[[Node], int]) -> IntArray:
    """Nodes differ in their labels, if only by the hostname's, so each is judged. Rows without a
    node get 0."""
    answers = np.zeros(nodes.size, np.int64)
    for position in np.flatnonzero(nodes.is_present).tolist():
        answers[position] = judge(nodes.node(position).node)
    return answers


def _became_a_match(pod: PodInfo, before: Node | None, after: Node) -> QueueingHint:
    required = required_nodes(pod.spec)
    if required is None:
        return QueueingHint.QUEUE
    has_matched = before is not None and required.matches(before)
    helps = required.matches(after) and not has_matched
    return QueueingHint.QUEUE if helps else QueueingHint.SKIP

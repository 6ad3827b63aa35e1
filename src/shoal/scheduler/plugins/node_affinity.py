"""NodeAffinity: nodes that the pod selects by label or name, and those it would rather have.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/plugins/nodeaffinity.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from shoal.api.node import Node
from shoal.api.node_affinity import (
    PreferredNodes,
    preferred_by,
    preferred_nodes,
    required_by,
    required_nodes,
)
from shoal.scheduler.config.plugin_arguments import NodeAffinityArgs
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
_ENFORCED = unresolvable("node(s) didn't match scheduler-enforced node affinity")
_CONFLICT = unresolvable("pod affinity terms conflict")

_IS_NOT_WANTED = 1
_IS_NOT_ENFORCED = 2


class NodeAffinity:
    name = "NodeAffinity"
    filter_reads = Reads.NODE
    score_reads = Reads.NODE
    normalization = Normalization.HIGHEST

    def __init__(self, arguments: NodeAffinityArgs, handle: Handle) -> None:
        self._enforced = required_by(arguments.added_affinity)
        self._added_preferred = preferred_by(arguments.added_affinity)

    def sign(self, pod: PodInfo) -> Hashable:
        return (required_nodes(pod.spec), preferred_nodes(pod.spec))

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        required = required_nodes(pod.spec)
        if required is None:
            return None, SKIP if self._enforced is None else SUCCESS
        named = required.named_nodes()
        if named is None:
            return None, SUCCESS
        if not named:
            return None, _CONFLICT
        return PreFilterResult(named), SUCCESS

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        required, enforced = required_nodes(pod.spec), self._enforced
        if required is None and enforced is None:
            return None

        def judge(node: Node) -> int:
            if enforced is not None and not enforced.matches(node):
                return _IS_NOT_ENFORCED
            return _IS_NOT_WANTED if required is not None and not required.matches(node) else 0

        return _for_each_node(nodes, judge)

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _ENFORCED if reason_code == _IS_NOT_ENFORCED else _REJECTION

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        return SUCCESS if self._preferences(pod) else SKIP

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        """The weights of the preferred terms that the node matches, summed up."""
        preferences = self._preferences(pod)
        return _for_each_node(nodes, lambda node: sum(each.weight_of(node) for each in preferences))

    def events_to_register(self) -> Sequence[Registration]:
        node_changed = ActionType.ADD | ActionType.UPDATE_NODE_LABEL
        return (Registration(ClusterEvent(NODE, node_changed), self._became_a_match),)

    def _preferences(self, pod: PodInfo) -> Sequence[PreferredNodes]:
        both = (self._added_preferred, preferred_nodes(pod.spec))
        return [each for each in both if each is not None]

    def _became_a_match(self, pod: PodInfo, before: Node | None, after: Node) -> QueueingHint:
        demands = [each for each in (self._enforced, required_nodes(pod.spec)) if each is not None]
        has_matched = before is not None and all(each.matches(before) for each in demands)
        matches = all(each.matches(after) for each in demands)
        helps = matches and (not has_matched or not demands)
        return QueueingHint.QUEUE if helps else QueueingHint.SKIP


def _for_each_node(nodes: NodeRows, judge: Callable[[Node], int]) -> IntArray:
    """Nodes differ in their labels, if only by the hostname's, so each is judged. Rows without a
    node get 0."""
    answers = np.zeros(nodes.size, np.int64)
    for position in np.flatnonzero(nodes.is_present).tolist():
        answers[position] = judge(nodes.node(position).node)
    return answers

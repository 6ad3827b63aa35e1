"""NodeAffinity: nodes that the pod selects by label or name, and those it would rather have.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/plugins/nodeaffinity.
"""

from collections.abc import Hashable, Sequence

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
from shoal.scheduler.plugins.node_matching import matching, weights
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
        codes: IntArray | None = None
        for code, demands in (
            (_IS_NOT_WANTED, required_nodes(pod.spec)),
            (_IS_NOT_ENFORCED, self._enforced),
        ):
            if demands is not None:
                is_match = matching(demands, nodes)
                before = 0 if codes is None else codes
                codes = np.where(is_match, before, np.int64(code))
        return codes

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _ENFORCED if reason_code == _IS_NOT_ENFORCED else _REJECTION

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        return SUCCESS if self._preferences(pod) else SKIP

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        """The weights of the preferred terms that the node matches, summed up."""
        total = np.zeros(nodes.size, np.int64)
        for preferred in self._preferences(pod):
            total += weights(preferred, nodes)
        return total

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

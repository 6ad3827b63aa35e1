"""Which nodes count for a pod that is spread: those it may go to, as far as a constraint says so.

Verdicts are kept by what pods ask of nodes, and asked anew only about nodes that changed. Source
of the rules: Kubernetes v1.36, pkg/scheduler/framework/plugins/podtopologyspread/common.go
(matchNodeInclusionPolicies).
"""

from collections import OrderedDict

import numpy as np

from shoal.api.node_affinity import RequiredNodes, required_nodes
from shoal.api.tolerations import is_tolerated
from shoal.scheduler.plugins.node_matching import matching
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_KEPT = 64
_HARD = ("NoSchedule", "NoExecute")


class _Verdicts:
    """Of one set of demands on every row."""

    def __init__(self, required: RequiredNodes) -> None:
        self._required = required
        self._asked_at = -1
        self._is_match: BoolArray = np.zeros(0, np.bool_)

    def refreshed(self, snapshot: Snapshot) -> BoolArray:
        if snapshot.row_count > self._is_match.size:
            self._is_match = np.zeros(2 * snapshot.row_count, np.bool_)
            self._asked_at = -1
        nodes = snapshot.nodes_changed_since(self._asked_at)
        if nodes is not None:
            self._ask(nodes)
            self._asked_at = snapshot.node_generation
        return self._is_match[: snapshot.row_count]

    def _ask(self, nodes: NodeRows) -> None:
        self._is_match[nodes.rows] = matching(self._required, nodes)


class NodeEligibility:
    """Arrays are as long as the table; None is all nodes. They are not to be written to."""

    def __init__(self) -> None:
        self._kept: OrderedDict[RequiredNodes, _Verdicts] = OrderedDict()

    def by_affinity(self, pod: PodInfo, snapshot: Snapshot) -> BoolArray | None:
        """Whom the pod's node selector and required node affinity allow."""
        required = required_nodes(pod.spec)
        if required is None:
            return None
        verdicts = self._kept.get(required)
        if verdicts is None:
            verdicts = self._kept[required] = _Verdicts(required)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(required)
        return verdicts.refreshed(snapshot)

    def by_taints(self, pod: PodInfo, snapshot: Snapshot) -> BoolArray | None:
        """Whose hard taints the pod tolerates."""
        tolerations = pod.spec.tolerations
        is_free = [
            all(each.effect not in _HARD or is_tolerated(each, tolerations) for each in taints)
            for taints in snapshot.taint_sets
        ]
        if all(is_free):
            return None
        return np.array(is_free).take(snapshot.all_rows().taint_set)

"""NodeResourcesBalancedAllocation: rather nodes of whose resources alike shares will be taken.

Source of the rules and formula: Kubernetes v1.36,
pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go.
"""

from collections.abc import Hashable, Mapping

from shoal.scheduler.config.plugin_arguments import NodeResourcesBalancedAllocationArgs
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status
from shoal.scheduler.plugins import resource_scores
from shoal.scheduler.plugins.resource_scores import Demands
from shoal.scheduler.state.node_row import NodeRow
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo

_STATE_KEY = "NodeResourcesBalancedAllocation/demand"


class NodeResourcesBalancedAllocation:
    name = "NodeResourcesBalancedAllocation"
    score_reads = Reads.PODS

    def __init__(self, arguments: NodeResourcesBalancedAllocationArgs, handle: Handle) -> None:
        self._resources = [each.name for each in arguments.resources]
        scored = [(name, 1) for name in self._resources]
        self._demands = Demands(_STATE_KEY, scored, _amounts, non_zero=False)

    def sign(self, pod: PodInfo) -> Hashable:
        return pod.request

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        """A pod that asks for none of the resources changes no balance."""
        if not any(pod.request.amount(name) for name in self._resources):
            return SKIP
        self._demands.write(state, pod, nodes.snapshot)
        return SUCCESS

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        wanted = self._demands.read(state, pod, nodes.snapshot)
        capacity, taken = wanted.columns(nodes)
        return resource_scores.balanced_allocation(capacity, taken, wanted.column)

    def score_row(self, state: CycleState, pod: PodInfo, node: NodeRow) -> int:
        wanted = self._demands.read(state, pod, node.snapshot)
        match wanted.shares(node):
            case [first, second] if first[0] > 0 and second[0] > 0:
                return resource_scores.balanced_allocation_of(first, second)
            case _:
                return int(self.score_rows(state, pod, node.as_rows())[0])


def _amounts(pod: PodInfo) -> Mapping[str, int]:
    return dict(pod.request.amounts)

"""NodeResourcesBalancedAllocation: rather nodes of whose resources alike shares will be taken.

Source of the rules and formula: Kubernetes v1.36,
pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go.
"""

from collections.abc import Hashable

from shoal.scheduler.config.plugin_arguments import NodeResourcesBalancedAllocationArgs
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status
from shoal.scheduler.plugins import resource_scores
from shoal.scheduler.plugins.resource_scores import Demand
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo

_STATE_KEY = "NodeResourcesBalancedAllocation/demand"


class NodeResourcesBalancedAllocation:
    name = "NodeResourcesBalancedAllocation"
    score_reads = Reads.PODS

    def __init__(self, arguments: NodeResourcesBalancedAllocationArgs, handle: Handle) -> None:
        self._resources = [each.name for each in arguments.resources]

    def sign(self, pod: PodInfo) -> Hashable:
        return pod.request

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        """A pod that asks for none of the resources changes no balance."""
        if not any(pod.request.amount(name) for name in self._resources):
            return SKIP
        state.write(_STATE_KEY, self._demand(pod, nodes))
        return SUCCESS

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        wanted = state.read(_STATE_KEY, Demand)
        if wanted.resource_count != len(nodes.snapshot.resources):
            wanted = self._demand(pod, nodes)
            state.write(_STATE_KEY, wanted)
        capacity, taken = wanted.columns(nodes)
        return resource_scores.balanced_allocation(capacity, taken, wanted.amounts)

    def _demand(self, pod: PodInfo, nodes: NodeRows) -> Demand:
        scored = [(name, 1, pod.request.amount(name)) for name in self._resources]
        return resource_scores.demand(nodes, scored, non_zero=False)

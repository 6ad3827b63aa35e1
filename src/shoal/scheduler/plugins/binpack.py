"""Binpack: rather nodes that are full already, by the resources that the pod asks for; and
ResourceStrategyFit, which is the same with a direction for each resource.

Each resource counts by its weight and by the share of the node that would be taken with the pod on
it, or that would be left. A resource that the node does not have counts nothing, but weighs; where
one would be overfull, which only happens on room that is yet to be freed, the node scores 0.

Source of the formulas: Volcano v1.15, pkg/scheduler/plugins/{binpack,resource-strategy-fit}, whose
`binpack.weight` and `resourceStrategyFitWeight` are the weights of these plugins in their profile.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from shoal.scheduler.config.plugin_arguments import (
    BinpackArgs,
    ResourceStrategyFitArgs,
    ScoringStrategyType,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import MAX_NODE_SCORE, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status
from shoal.scheduler.state.node_row import NodeRow
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import NON_ZERO_ROWS, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.topologies import FloatArray

_ROUNDING = 1e-9
"""Keeps what is whole but for the last bit from being cut to the number below."""


class _Wanted(NamedTuple):
    resource: str
    amount: int
    weight: int
    is_packed: bool
    """Scored by what would be taken, not by what would be left."""


class _ShareScore:
    """Depends on what the pod asks for, and on its row."""

    score_reads = Reads.PODS

    def __init__(self, resources: Iterable[tuple[str, int, bool]]) -> None:
        """Names, weights, and whether each is packed."""
        self._scored = {name: (weight, is_packed) for name, weight, is_packed in resources}

    def sign(self, pod: PodInfo) -> Hashable:
        return pod.request

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        """A pod that asks for none of the resources fits everywhere alike."""
        return SUCCESS if self._wanted(pod) else SKIP

    def shares(self, pod: PodInfo, nodes: NodeRows) -> FloatArray:
        """The score before it is cut to a whole number: 0 to 100, one for each row."""
        total = np.zeros(nodes.size)
        is_overfull = np.zeros(nodes.size, np.bool_)
        wanted = self._wanted(pod)
        for name, amount, weight, is_packed in wanted:
            resource = nodes.snapshot.resources.get(name)
            if resource is not None:
                capacity = nodes.allocatable[resource]
                taken = nodes.requested[resource] + amount
                part = taken if is_packed else capacity - taken
                share = part / np.maximum(capacity, 1) * weight
                total += np.where(capacity > 0, share, 0.0)
                is_overfull |= (taken > capacity) & (capacity > 0)
        total *= MAX_NODE_SCORE / max(sum(each.weight for each in wanted), 1)
        return np.where(is_overfull, 0.0, total)

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        return (self.shares(pod, nodes) + _ROUNDING).astype(np.int64)

    def score_row(self, state: CycleState, pod: PodInfo, node: NodeRow) -> int:
        total = 0.0
        wanted = self._wanted(pod)
        for name, amount, weight, is_packed in wanted:
            resource = node.snapshot.resources.get(name)
            capacity = 0 if resource is None else node.allocatable[resource]
            if resource is not None and capacity > 0:
                taken = node.taken[NON_ZERO_ROWS + resource] + amount
                if taken > capacity:
                    return 0
                total += (taken if is_packed else capacity - taken) / capacity * weight
        total *= MAX_NODE_SCORE / max(sum(each.weight for each in wanted), 1)
        return int(total + _ROUNDING)

    def _wanted(self, pod: PodInfo) -> Sequence[_Wanted]:
        scored = self._scored
        return [
            _Wanted(name, amount, *scored[name])
            for name, amount in pod.request.amounts
            if name in scored
        ]


class Binpack(_ShareScore):
    """All resources are packed."""

    name = "Binpack"

    def __init__(self, arguments: BinpackArgs, handle: Handle) -> None:
        super().__init__((each.name, each.weight, True) for each in arguments.resources)


class ResourceStrategyFit(_ShareScore):
    """Some resources are packed, and others spread."""

    name = "ResourceStrategyFit"

    def __init__(self, arguments: ResourceStrategyFitArgs, handle: Handle) -> None:
        super().__init__(
            (each.name, each.weight, each.type is ScoringStrategyType.MOST_ALLOCATED)
            for each in arguments.resources
        )

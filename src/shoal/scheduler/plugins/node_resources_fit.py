"""NodeResourcesFit: what the pod asks for must be free; emptier nodes score higher.

Source of the rules, texts and formula (LeastAllocated, exact integers): Kubernetes v1.36,
pkg/scheduler/framework/plugins/noderesources/fit.go and least_allocated.go.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from shoal.api.node import Node
from shoal.scheduler.framework.cluster_event import (
    ASSIGNED_POD,
    NODE,
    POD,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import MAX_NODE_SCORE, PluginArguments, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.state import request as requests
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import CPU_ROW, MEMORY_ROW, PODS_ROW, IntArray
from shoal.scheduler.state.pod_info import PodInfo

_SCORED = slice(CPU_ROW, MEMORY_ROW + 1)
_STATE_KEY = "NodeResourcesFit/scored-request"

# A reason code is a set of bits, because a node may lack several things at once.
_UNRESOLVABLE = 1
_TOO_MANY_PODS = 2
_FIRST_RESOURCE_BIT = 2


@dataclass(frozen=True, slots=True)
class _ScoredRequest:
    """Cpu and memory of the pod, as a column to be added to that of nodes."""

    column: IntArray

    def clone(self) -> "_ScoredRequest":
        return self


class NodeResourcesFit:
    name = "NodeResourcesFit"
    filter_reads = Reads.PODS
    score_reads = Reads.PODS

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        pass

    def sign(self, pod: PodInfo) -> Hashable:
        if pod.spec.resources is None:
            return pod.request
        return (pod.request, requests.of_containers(pod.spec))

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        allocatable, requested = nodes.allocatable, nodes.requested
        is_full = requested[PODS_ROW] >= allocatable[PODS_ROW]
        codes = is_full * np.int64(_TOO_MANY_PODS)
        for bit, (name, amount) in enumerate(pod.request.amounts, _FIRST_RESOURCE_BIT):
            resource = nodes.snapshot.resources.get(name)
            if resource is None:
                codes |= (1 << bit) | _UNRESOLVABLE
                continue
            capacity = allocatable[resource]
            is_lacking = capacity - requested[resource] < amount
            if is_lacking.any():
                codes |= is_lacking * np.int64(1 << bit)
                codes |= (capacity < amount) * np.int64(_UNRESOLVABLE)
        return codes

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        reasons = ["Too many pods"] if reason_code & _TOO_MANY_PODS else []
        for bit, (name, _) in enumerate(pod.request.amounts, _FIRST_RESOURCE_BIT):
            if reason_code & (1 << bit):
                reasons.append(f"Insufficient {name}")
        if reason_code & _UNRESOLVABLE:
            return Status(Code.UNSCHEDULABLE_AND_UNRESOLVABLE, tuple(reasons))
        return Status(Code.UNSCHEDULABLE, tuple(reasons))

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        scored = pod.request
        if pod.spec.resources is not None:
            scored = requests.of_containers(pod.spec)
        amounts = [[scored.non_zero_cpu_millis], [scored.non_zero_memory_bytes]]
        state.write(_STATE_KEY, _ScoredRequest(np.array(amounts, np.int64)))
        return SUCCESS

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        """The share of cpu and memory that stays free, 0 to 100, each counted alike; a resource
        of which a node has none does not count there."""
        capacity = nodes.allocatable[_SCORED]
        free = capacity - nodes.non_zero
        free -= state.read(_STATE_KEY, _ScoredRequest).column
        np.maximum(free, 0, out=free)
        shares = free * MAX_NODE_SCORE // np.maximum(capacity, 1)
        counted = np.count_nonzero(capacity, axis=0)
        return (shares[0] + shares[1]) // np.maximum(counted, 1)

    def events_to_register(self) -> Sequence[Registration]:
        node_changed = ActionType.ADD | ActionType.UPDATE_NODE_ALLOCATABLE
        return (
            Registration(ClusterEvent(ASSIGNED_POD, ActionType.DELETE)),
            Registration(ClusterEvent(POD, ActionType.UPDATE_POD_SCALE_DOWN), _scale_down_helps),
            Registration(ClusterEvent(NODE, node_changed), _node_helps),
        )


def _scale_down_helps(pod: PodInfo, before: PodInfo, after: PodInfo) -> QueueingHint:
    if after.uid == pod.uid:
        return QueueingHint.QUEUE
    if not after.spec.node_name:
        return QueueingHint.SKIP
    freed = {n for n, amount in before.request.amounts if after.request.amount(n) < amount}
    helps = any(name in freed for name, _ in pod.request.amounts)
    return QueueingHint.QUEUE if helps else QueueingHint.SKIP


def _node_helps(pod: PodInfo, before: Node | None, after: Node) -> QueueingHint:
    """The pod fits the node when it is empty, and does so better than before."""
    names = [name for name, _ in pod.request.amounts]
    fits = _allocatable(after, "pods") > 0 and all(
        _allocatable(after, name) >= amount for name, amount in pod.request.amounts
    )
    has_grown = before is None or any(
        _allocatable(after, name) > _allocatable(before, name) for name in [*names, "pods"]
    )
    return QueueingHint.QUEUE if fits and has_grown else QueueingHint.SKIP


def _allocatable(node: Node, resource: str) -> int:
    raw = node.status.allocatable.get(resource)
    return 0 if raw is None else requests.amount_of(resource, raw)

"""NodeResourcesFit: what the pod asks for must be free; emptier nodes score higher, or as the
scoring strategy says (`resource_scores` has the formulas).

Source of the rules and texts: Kubernetes v1.36,
pkg/scheduler/framework/plugins/noderesources/fit.go.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shoal.api.node import Node
from shoal.scheduler.config.plugin_arguments import (
    NodeResourcesFitArgs,
    ScoringStrategy,
    ScoringStrategyType,
)
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
from shoal.scheduler.framework.plugin import PreFilterResult, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.plugins import resource_scores
from shoal.scheduler.plugins.resource_scores import Demands, ScoreFormula
from shoal.scheduler.state import request as requests
from shoal.scheduler.state.columns import has_any
from shoal.scheduler.state.node_row import NodeRow
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import NON_ZERO_ROWS, PODS_ROW, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_SCORED_STATE = "NodeResourcesFit/demand"
_WANTED_STATE = "NodeResourcesFit/wanted"

# A reason code is a set of bits, because a node may lack several things at once.
_UNRESOLVABLE = 1
_TOO_MANY_PODS = 2
_FIRST_RESOURCE_BIT = 2

_NOTHING_WANTED = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What must be free, as a column of the table's first resources."""

    resource_count: int
    """Of the table when the column was made."""
    column: IntArray
    amounts: tuple[tuple[int, int], ...]
    """The same, resource by resource: row of the table, amount."""
    has_unknown: bool
    """No node has one of the resources."""

    def clone(self) -> "_Wanted":
        return self


class NodeResourcesFit:
    name = "NodeResourcesFit"
    filter_reads = Reads.PODS
    filters_columns = True
    score_reads = Reads.PODS

    def __init__(self, arguments: NodeResourcesFitArgs, handle: Handle) -> None:
        self._ignored = frozenset(arguments.ignored_resources)
        self._ignored_groups = frozenset(arguments.ignored_resource_groups)
        strategy = arguments.scoring_strategy
        scored = [(each.name, each.weight) for each in strategy.resources]
        self._demands = Demands(_SCORED_STATE, scored, _scored_amounts, non_zero=True)
        self._formula = _formula(strategy)

    def sign(self, pod: PodInfo) -> Hashable:
        if pod.spec.resources is None:
            return pod.request
        return (pod.request, requests.of_containers(pod.spec))

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        state.write(_WANTED_STATE, self._wanted(pod, snapshot))
        return None, SUCCESS

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        wanted = self._known_wanted(state, pod, nodes.snapshot)
        count = wanted.column.shape[0]
        free = nodes.allocatable[:count] - nodes.requested[:count]
        if not wanted.has_unknown and not has_any(free < wanted.column):
            return None
        return self._codes(pod, nodes)

    def filter_row(self, state: CycleState, pod: PodInfo, node: NodeRow) -> int:
        wanted = self._known_wanted(state, pod, node.snapshot)
        allocatable, taken = node.allocatable, node.taken
        for resource, amount in wanted.amounts:
            if allocatable[resource] - taken[NON_ZERO_ROWS + resource] < amount:
                break
        else:
            if not wanted.has_unknown:
                return 0
        return int(self._codes(pod, node.as_rows())[0])

    def _known_wanted(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> _Wanted:
        """Worked out anew where the table has got more resources."""
        wanted = state.read(_WANTED_STATE, _Wanted)
        if wanted.resource_count != len(snapshot.resources):
            wanted = self._wanted(pod, snapshot)
            state.write(_WANTED_STATE, wanted)
        return wanted

    def _wanted(self, pod: PodInfo, snapshot: Snapshot) -> _Wanted:
        resources = snapshot.resources
        amounts = dict(self._filtered(pod))
        known = {resources[name]: amount for name, amount in amounts.items() if name in resources}
        known[PODS_ROW] = 1
        column = np.full((max(known) + 1, 1), _NOTHING_WANTED, np.int64)
        for row, amount in known.items():
            column[row] = amount
        has_unknown = len(known) <= len(amounts)
        return _Wanted(len(resources), column, tuple(known.items()), has_unknown)

    def _filtered(self, pod: PodInfo) -> list[tuple[str, int]]:
        """What the pod asks for, without the resources that somebody else looks after."""
        if not self._ignored and not self._ignored_groups:
            return list(pod.request.amounts)
        return [
            (name, amount)
            for name, amount in pod.request.amounts
            if "/" not in name
            or (name not in self._ignored and name.split("/")[0] not in self._ignored_groups)
        ]

    def _codes(self, pod: PodInfo, nodes: NodeRows) -> IntArray:
        allocatable, requested = nodes.allocatable, nodes.requested
        is_full = requested[PODS_ROW] >= allocatable[PODS_ROW]
        codes = is_full * np.int64(_TOO_MANY_PODS)
        for bit, (name, amount) in enumerate(self._filtered(pod), _FIRST_RESOURCE_BIT):
            resource = nodes.snapshot.resources.get(name)
            if resource is None:
                codes |= (1 << bit) | _UNRESOLVABLE
                continue
            capacity = allocatable[resource]
            is_lacking = capacity - requested[resource] < amount
            codes |= is_lacking * np.int64(1 << bit)
            codes |= (capacity < amount) * np.int64(_UNRESOLVABLE)
        return codes

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        reasons = ["Too many pods"] if reason_code & _TOO_MANY_PODS else []
        for bit, (name, _) in enumerate(self._filtered(pod), _FIRST_RESOURCE_BIT):
            if reason_code & (1 << bit):
                reasons.append(f"Insufficient {name}")
        if reason_code & _UNRESOLVABLE:
            return Status(Code.UNSCHEDULABLE_AND_UNRESOLVABLE, tuple(reasons))
        return Status(Code.UNSCHEDULABLE, tuple(reasons))

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        self._demands.write(state, pod, nodes.snapshot)
        return SUCCESS

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        """By the scoring strategy."""
        wanted = self._demands.read(state, pod, nodes.snapshot)
        capacity, taken = wanted.columns(nodes)
        return self._formula(capacity, taken + wanted.column, wanted.layout.weights)

    def score_row(self, state: CycleState, pod: PodInfo, node: NodeRow) -> int:
        if self._formula is not resource_scores.least_allocated:
            return int(self.score_rows(state, pod, node.as_rows())[0])
        wanted = self._demands.read(state, pod, node.snapshot)
        return resource_scores.least_allocated_of(wanted.terms(node))

    def events_to_register(self) -> Sequence[Registration]:
        node_changed = ActionType.ADD | ActionType.UPDATE_NODE_ALLOCATABLE
        return (
            Registration(ClusterEvent(ASSIGNED_POD, ActionType.DELETE)),
            Registration(ClusterEvent(POD, ActionType.UPDATE_POD_SCALE_DOWN), _scale_down_helps),
            Registration(ClusterEvent(NODE, node_changed), _node_helps),
        )


def _scored_amounts(pod: PodInfo) -> Mapping[str, int]:
    request = pod.request
    if pod.spec.resources is not None:
        # Scores do not see what is asked for at the level of the pod.
        request = requests.of_containers(pod.spec)
    return {
        **dict(request.amounts),
        requests.CPU: request.non_zero_cpu_millis,
        requests.MEMORY: request.non_zero_memory_bytes,
    }


def _formula(strategy: ScoringStrategy) -> ScoreFormula:
    match strategy.type:
        case ScoringStrategyType.LEAST_ALLOCATED:
            return resource_scores.least_allocated
        case ScoringStrategyType.MOST_ALLOCATED:
            return resource_scores.most_allocated
        case ScoringStrategyType.REQUESTED_TO_CAPACITY_RATIO:
            ratio = strategy.requested_to_capacity_ratio
            points = ratio.shape if ratio is not None else ()
            return resource_scores.requested_to_capacity_ratio(
                [(each.utilization, each.score) for each in points]
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

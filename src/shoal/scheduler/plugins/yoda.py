"""yoda: pods with GPU labels go to nodes whose cards have what they ask for, the best and the
least used first.

`scv/number` cards, each healthy, with `scv/memory` MiB free and a memory clock of at least
`scv/clock` MHz, as the node's `Scv` tells (`api.scv`). Pods without these labels are not touched.
As QueueSort, higher `scv/priority` goes first, then who has waited longer.

The score is the sum of

- for each fitting card: bandwidth, clock, core, power and total memory, and twice the free memory,
  each in hundredths of the highest of any fitting card of the cluster;
- twice the hundredths of the node's GPU memory that are free;
- three times the hundredths of it that no pod on the node has asked for by `scv/memory`;

stretched so that the worst node has 0 and the best 100; where all are alike, all have 100.

Source: Yoda (github.com/NJUPT-ISL/Yoda-Scheduler), pkg/yoda. Where its code does what cannot be
meant, this does what must be: it divides a card's clock by the highest bandwidth; divides by a
total memory of zero; has memory and clock each be met by some cards, not both by the same; counts
cards that are not healthy where neither memory nor clock is asked for, and in scores; wants
exactly the clock that is asked for, but scores cards with a higher one; takes labels that are no
numbers for zero; and keeps pods without GPU labels off nodes without GPUs.
"""

from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from shoal.api.resource import Resource
from shoal.api.scv import SCVS, Scv
from shoal.scheduler.framework.cluster_event import (
    NODE_ADD,
    UNSCHEDULED_POD,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
    is_own_change,
    resource_name,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import (
    MAX_NODE_SCORE,
    NodeStatuses,
    PluginArguments,
    PostFilterResult,
    PreFilterResult,
    QueuedPodInfo,
    Reads,
)
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status, unresolvable, unschedulable
from shoal.scheduler.plugins.yoda_cards import CardTable, DemandError, demand_of
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

PRIORITY_LABEL = "scv/priority"

_UNALLOCATED_WEIGHT = 3
_NO_SCV = 1
_TOO_FEW_CARDS = 2
_WRONG_LABEL = 3
_REJECTIONS = {
    _NO_SCV: unresolvable("node(s) had no Scv that tells of GPUs"),
    _TOO_FEW_CARDS: unschedulable("node(s) had too few healthy GPUs with enough memory and clock"),
}


class Yoda:
    name = "yoda"
    filter_reads = Reads.PODS
    score_reads = Reads.CLUSTER

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        """Yoda's own arguments say where its API server is, which is of no use here."""
        self._snapshot = handle.snapshot
        self._cards = CardTable(handle.objects)

    @property
    def needs(self) -> Sequence[Resource[Any]]:
        return (SCVS,)

    def sort_key(self, queued: QueuedPodInfo) -> tuple[int, datetime]:
        text = queued.pod.labels.get(PRIORITY_LABEL, "")
        try:
            return (-int(text), queued.queued_at)
        except ValueError:
            return (0, queued.queued_at)

    def sign(self, pod: PodInfo) -> Hashable:
        try:
            return demand_of(pod.labels) or ()
        except DemandError as error:
            return str(error)

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        try:
            return None, SKIP if demand_of(pod.labels) is None else SUCCESS
        except DemandError as error:
            return None, unresolvable(str(error))

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        try:
            demand = demand_of(pod.labels)
        except DemandError:
            # Only where the profile leaves PreFilter out, as Yoda's own files do.
            return np.full(nodes.size, _WRONG_LABEL, np.int64)
        if demand is None:
            return None
        self._cards.follow(nodes.snapshot)
        codes = np.where(self._cards.facts(demand).is_met[nodes.rows], 0, _TOO_FEW_CARDS)
        codes[~self._cards.has_scv[nodes.rows]] = _NO_SCV
        return codes

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        if reason_code == _WRONG_LABEL:
            return self.pre_filter(state, pod, self._snapshot)[1]
        return _REJECTIONS[reason_code]

    def post_filter(
        self, state: CycleState, pod: PodInfo, statuses: NodeStatuses
    ) -> tuple[PostFilterResult | None, Status]:
        """No way out. In the framework for which Yoda was first written this point came where
        PreScore comes now, so its first files name it."""
        return None, unschedulable()

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        return SKIP if demand_of(pod.labels) is None else SUCCESS

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        demand = demand_of(pod.labels)
        if demand is None:
            # Only where the profile leaves PreScore out: then all nodes are alike.
            return np.zeros(nodes.size, np.int64)
        self._cards.follow(nodes.snapshot)
        rows = nodes.rows
        total = self._cards.total_sum[rows]
        allocated = nodes.snapshot.scv_memory.allocated_mib(nodes.snapshot.row_count)[rows]
        left = np.maximum(total - allocated, 0) * MAX_NODE_SCORE // np.maximum(total, 1)
        return self._cards.facts(demand).card_score[rows] + left * _UNALLOCATED_WEIGHT

    def normalize_scores(self, state: CycleState, pod: PodInfo, scores: IntArray) -> IntArray:
        lowest, highest = int(scores.min()), int(scores.max())
        if lowest == highest:
            return np.full_like(scores, MAX_NODE_SCORE)
        return (scores - lowest) * MAX_NODE_SCORE // (highest - lowest)

    def events_to_register(self) -> Sequence[Registration]:
        scv_changed = ClusterEvent(resource_name(SCVS), ActionType.ADD | ActionType.UPDATE_OTHER)
        labels_changed = ClusterEvent(UNSCHEDULED_POD, ActionType.UPDATE_POD_LABEL)
        return (
            Registration(scv_changed, _cards_help),
            Registration(NODE_ADD),
            Registration(labels_changed, is_own_change),
        )


def _cards_help(pod: PodInfo, before: Scv | None, after: Scv) -> QueueingHint:
    """The node of the object has the cards now, and had them not."""
    try:
        demand = demand_of(pod.labels)
    except DemandError:
        return QueueingHint.SKIP
    helps = (
        demand is not None
        and demand.is_met_by(after)
        and (before is None or not demand.is_met_by(before))
    )
    return QueueingHint.QUEUE if helps else QueueingHint.SKIP

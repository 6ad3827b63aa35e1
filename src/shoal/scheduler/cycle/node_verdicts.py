"""What the plugins that read nothing but nodes say of every node.

Placements do not outdate it, and it depends on little of a pod, so pods that differ in everything
else share it: thousands of different pods without tolerations are one row of verdicts here.
"""

import numpy as np

from shoal.scheduler.framework import filtering, scoring
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints
from shoal.scheduler.framework.filtering import ABSENT, EXCLUDED, PASSED
from shoal.scheduler.framework.plugin import Reads
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_JUDGED_NOTHING = -1


class NodeVerdicts:
    """Made for one pod; serves all pods for which these plugins give equal signatures."""

    def __init__(
        self,
        points: ExtensionPoints,
        state: CycleState,
        pod: PodInfo,
        snapshot: Snapshot,
        node_names: frozenset[str] | None,
    ) -> None:
        """`node_names`: those that PreFilter allows, None for all."""
        self._state = state
        self._pod = pod
        self._snapshot = snapshot
        self._node_names = node_names
        self._filters = points.by_reading.node_filters
        self.score_slots = points.by_reading.node_scores
        self._reserve_rows(0)

    def _reserve_rows(self, row_count: int) -> None:
        capacity = max(64, 2 * row_count)
        self.generation = _JUDGED_NOTHING
        """Of the nodes when they were filtered; whoever saw another has to look again."""
        self.rejecting = np.full(capacity, ABSENT, np.int16)
        self.codes = np.zeros(capacity, np.int64)
        self._scored_generation = _JUDGED_NOTHING
        self._raw = np.zeros((len(self.score_slots), capacity), np.int64)
        # Weighted sums of the normalised lines, by what they were measured by.
        self._sums: dict[tuple[int, ...], IntArray] = {}

    @property
    def size_bytes(self) -> int:
        return self.rejecting.nbytes + self.codes.nbytes + self._raw.nbytes

    def refresh(self) -> Status:
        """Filter nodes that changed since last time. Error ends the cycle."""
        snapshot = self._snapshot
        if self.generation == snapshot.node_generation:
            return SUCCESS
        if snapshot.row_count > self.rejecting.size:
            self._reserve_rows(snapshot.row_count)
        nodes = snapshot.nodes_changed_since(self.generation)
        if nodes is not None:
            status = self._filter(nodes)
            if not status.is_success:
                return status
        self.generation = snapshot.node_generation
        return SUCCESS

    def refresh_scores(self, state: CycleState) -> Status:
        """Score nodes that changed since last time; after `refresh` and PreScore, whose skips
        `state` has. Error ends the cycle."""
        nodes = self._snapshot.nodes_changed_since(self._scored_generation)
        if nodes is None:
            return SUCCESS
        passed = self.rejecting == PASSED
        for line, slot in enumerate(self.score_slots):
            if slot.plugin.name in state.skip_score:
                continue
            asked = self._snapshot.all_rows() if slot.reads is Reads.NODES else nodes
            raw = scoring.raw_scores(slot, state, self._pod, asked, passed)
            if isinstance(raw, Status):
                return raw
            self._raw[line, asked.rows] = raw
        self._scored_generation = self._snapshot.node_generation
        self._sums.clear()
        # A line of noughts stays one, whatever is feasible.
        self.measured = [
            (line, slot)
            for line, slot in enumerate(self.score_slots)
            if slot.is_measured and self._raw[line].any()
        ]
        """Lines that depend on which nodes are feasible."""
        return SUCCESS

    def highest(self, line: int, is_feasible: BoolArray) -> int:
        """What the line is measured by."""
        raw = self._raw[line, : is_feasible.size]
        return scoring.highest(self.score_slots[line], raw, is_feasible)

    def total_scores(
        self, state: CycleState, is_feasible: BoolArray, measures: tuple[int, ...]
    ) -> IntArray | Status:
        """All lines normalised, weighted and summed up. `measures`: the highest raw scores of
        those of `measured`. Not to be written to. Error ends the cycle."""
        sums = self._sums.get(measures)
        if sums is not None and sums.size == is_feasible.size:
            return sums
        highest = {line: own for (line, _), own in zip(self.measured, measures, strict=True)}
        sums = np.zeros(is_feasible.size, np.int64)
        for line, slot in enumerate(self.score_slots):
            if slot.plugin.name in state.skip_score:
                continue
            raw = self._raw[line, : is_feasible.size]
            scores = scoring.normalized(
                slot, state, self._pod, raw, is_feasible, highest.get(line, 0)
            )
            if isinstance(scores, Status):
                return scores
            sums += scores * slot.weight
        if not any(slot.custom for slot in self.score_slots):
            self._sums = {measures: sums}
        return sums

    def _filter(self, nodes: NodeRows) -> Status:
        is_present = nodes.is_present
        rejecting = np.where(is_present, PASSED, ABSENT).astype(np.int16)
        if self._node_names is not None:
            rows = (self._snapshot.row(name) for name in self._node_names)
            named = [row for row in rows if row is not None]
            rejecting[is_present & ~np.isin(nodes.numbers, named)] = EXCLUDED
        status = filtering.run_filters(
            self._filters, self._state, self._pod, nodes, rejecting, self.codes
        )
        self.rejecting[nodes.rows] = rejecting
        return status

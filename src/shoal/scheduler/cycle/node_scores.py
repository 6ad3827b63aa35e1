"""Scores of every node for a class of equal pods, kept up to date row by row.

`parts` has one line a score plugin: normalised and weighted. A plugin that normalises by rule
needs only the highest raw score of all feasible nodes; as long as that stands, a changed row
changes nothing else.
"""

from collections.abc import Sequence

import numpy as np

from shoal.scheduler.framework import scoring
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints, ScoreSlot
from shoal.scheduler.framework.plugin import Normalization, Reads
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Rows, Snapshot

_NOT_FEASIBLE = -1
_SCORED_NOTHING = -1


class NodeScores:
    def __init__(self, slots: Sequence[ScoreSlot], capacity: int) -> None:
        self._slots = slots
        self._scored_at = _SCORED_NOTHING
        self._raw = np.zeros((len(slots), capacity), np.int64)
        self._parts = np.zeros((len(slots), capacity), np.int64)
        self._total = np.full(capacity, _NOT_FEASIBLE, np.int64)
        self._was_feasible = np.zeros(capacity, np.bool_)
        self._highest = [_SCORED_NOTHING] * len(slots)

    @property
    def size_bytes(self) -> int:
        return (
            self._raw.nbytes + self._parts.nbytes + self._total.nbytes + self._was_feasible.nbytes
        )

    def best_row(self, row_count: int) -> int:
        """The lowest row of those with the highest total."""
        return int(self._total[:row_count].argmax())

    def total(self, row: int) -> int:
        return int(self._total[row])

    def refresh(
        self,
        points: ExtensionPoints,
        state: CycleState,
        pod: PodInfo,
        snapshot: Snapshot,
        is_feasible: BoolArray,
    ) -> Status:
        """Score the rows that changed since last time. `is_feasible` is as long as the table."""
        is_first = self._scored_at == _SCORED_NOTHING
        if is_first:
            feasible = np.flatnonzero(is_feasible)
            status = scoring.run_pre_scores(points, state, pod, snapshot, feasible)
            if not status.is_success:
                return status
        elif self._scored_at == snapshot.generation:
            return SUCCESS
        rows = snapshot.rows_changed_since(self._scored_at)
        if rows is None:
            self._scored_at = snapshot.generation
            return SUCCESS
        has_node_changed = is_first or snapshot.has_node_changed_since(rows, self._scored_at)
        has_flipped = bool((self._was_feasible[rows] != is_feasible[rows]).any())
        is_whole = is_first
        for slot in self._slots:
            if slot.plugin.name in state.skip_score:
                continue
            is_outdated = has_node_changed or slot.reads is Reads.PODS
            if is_outdated:
                raw = scoring.raw_scores(slot, state, pod, snapshot, rows, is_feasible[rows])
                if isinstance(raw, Status):
                    return raw
                self._raw[slot.index, rows] = raw
            if is_outdated or has_flipped:
                answer = self._normalize(slot, state, pod, rows, is_feasible)
                if isinstance(answer, Status):
                    return answer
                is_whole = is_whole or answer
        self._sum_up(slice(0, is_feasible.size) if is_whole else rows, is_feasible)
        self._was_feasible[rows] = is_feasible[rows]
        self._scored_at = snapshot.generation
        return SUCCESS

    def _normalize(
        self, slot: ScoreSlot, state: CycleState, pod: PodInfo, rows: Rows, is_feasible: BoolArray
    ) -> bool | Status:
        """Bring the plugin's line up to date; whether rows beyond `rows` changed."""
        raw = self._raw[slot.index, : is_feasible.size]
        line = self._parts[slot.index, : is_feasible.size]
        if slot.custom is not None:
            scores = scoring.normalized_by_plugin(slot, state, pod, raw[is_feasible])
            if isinstance(scores, Status):
                return scores
            line[is_feasible] = scores * slot.weight
            return scoring.out_of_range(slot, scores) or True
        is_whole = False
        if slot.normalization is not Normalization.NONE:
            highest = int(np.where(is_feasible, raw, 0).max())
            is_whole = highest != self._highest[slot.index]
            self._highest[slot.index] = highest
        affected: Rows = slice(0, is_feasible.size) if is_whole else rows
        scores = scoring.normalized_by_rule(
            slot.normalization, raw[affected], self._highest[slot.index]
        )
        line[affected] = scores * slot.weight
        return scoring.out_of_range(slot, scores[is_feasible[affected]]) or is_whole

    def _sum_up(self, rows: Rows, is_feasible: BoolArray) -> None:
        sums: IntArray = self._parts[:, rows].sum(axis=0)
        self._total[rows] = np.where(is_feasible[rows], sums, _NOT_FEASIBLE)

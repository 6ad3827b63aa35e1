"""Scores of every node for a class of equal pods, kept up to date row by row.

A total has three parts. `fixed`: plugins that read nothing but nodes; it changes only with nodes,
or where a raw score that the others are measured by comes or goes. `moving`: plugins whose score
of a row is final and depends on the row alone; a changed row changes nothing else. `relative`:
all others, measured anew over all feasible nodes whenever anything changed.
"""

from collections.abc import Sequence

import numpy as np

from shoal.base.guard import Failed, attempt
from shoal.scheduler.cycle.node_verdicts import NodeVerdicts
from shoal.scheduler.framework import scoring
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints
from shoal.scheduler.framework.plugin import Reads
from shoal.scheduler.framework.single_row import RowScorePlugin
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.scheduler.state.columns import has_all
from shoal.scheduler.state.node_row import NodeRow
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_NOT_FEASIBLE = -1
_SCORED_NOTHING = -1


class NodeScores:
    def __init__(
        self,
        points: ExtensionPoints,
        state: CycleState,
        pod: PodInfo,
        snapshot: Snapshot,
        capacity: int,
    ) -> None:
        self._points = points
        self._state = state
        self._pod = pod
        self._snapshot = snapshot
        self._moving_slots = points.by_reading.moving_scores
        self._relative_slots = points.by_reading.relative_scores
        self._scores_feasible_rows_only = any(
            slot.is_per_node for slot in (*self._moving_slots, *self._relative_slots)
        )
        self._skipped: frozenset[str] | None = None
        self._row_plugins_without: frozenset[str] | None = None
        self._row_plugins_known: list[tuple[int, RowScorePlugin]] | None = None
        self._scored_at = _SCORED_NOTHING
        self._node_generation = _SCORED_NOTHING
        self._measures: tuple[int, ...] = ()
        self._fixed: IntArray = np.zeros(0, np.int64)
        self._moving = np.zeros(capacity, np.int64)
        self._raw = np.zeros((len(self._relative_slots), capacity), np.int64)
        self._relative: IntArray | None = None
        self._total = np.empty(capacity, np.int64)

    @property
    def size_bytes(self) -> int:
        return self._moving.nbytes + self._raw.nbytes + self._total.nbytes

    def best_row(self) -> int:
        """The lowest row of those with the highest total."""
        return int(self._total[: self._snapshot.row_count].argmax())

    def best_row_of(self, rows: BoolArray) -> int:
        """The same of those that are True here."""
        total = self._total[: self._snapshot.row_count]
        return int(np.where(rows, total, _NOT_FEASIBLE - 1).argmax())

    def total(self, row: int) -> int:
        return int(self._total[row])

    def refresh(
        self,
        verdicts: NodeVerdicts,
        is_feasible: BoolArray,
        feasible_count: int,
        changed: tuple[int, NodeRows] | None,
        *,
        may_flip: bool,
    ) -> Status:
        """Score the rows that changed since last time. `is_feasible` is as long as the table;
        `changed` are the rows that changed after a generation, where the caller has them;
        `may_flip`: others may have become feasible, or ceased to be."""
        snapshot = self._snapshot
        since = self._scored_at
        generation = snapshot.generation
        if since == generation:
            return SUCCESS
        nodes = changed[1] if changed and changed[0] == since else None
        nodes = nodes or snapshot.rows_changed_since(since) or snapshot.all_rows()
        if may_flip and self._scores_feasible_rows_only:
            nodes = snapshot.all_rows()
        if since == _SCORED_NOTHING or self._points.by_reading.further_pre_scores:
            feasible = snapshot.where(is_feasible, feasible_count)
            only_cluster = since != _SCORED_NOTHING
            status = scoring.run_pre_scores(
                self._points, self._state, self._pod, feasible, only_cluster=only_cluster
            )
            if not status.is_success:
                return status
        if self._state.skip_score is not self._skipped:
            # Another set of plugins is asked from here on.
            self._skipped = self._state.skip_score
            nodes, may_flip = snapshot.all_rows(), True
        fixed = self._refresh_fixed(verdicts, is_feasible)
        if isinstance(fixed, Status):
            return fixed
        is_whole = fixed or may_flip
        row_plugins = self._row_plugins() if nodes.size == 1 and not is_whole else None
        if row_plugins is None:
            status = self._score_rows(nodes, is_feasible, is_whole=is_whole)
        else:
            status = self._score_row(nodes.only_row, is_feasible, row_plugins)
        if status.is_success:
            self._scored_at = generation
        return status

    def _row_plugins(self) -> list[tuple[int, RowScorePlugin]] | None:
        """Those that are to be asked, with their weights; None where one cannot score a row by
        itself."""
        skipped = self._state.skip_score
        if skipped is not self._row_plugins_without:
            self._row_plugins_without = skipped
            awake = [slot for slot in self._moving_slots if slot.plugin.name not in skipped]
            able = [(each.weight, each.row_plugin) for each in awake if each.row_plugin]
            is_relative = any(slot.plugin.name not in skipped for slot in self._relative_slots)
            self._row_plugins_known = able if len(able) == len(awake) and not is_relative else None
        return self._row_plugins_known if self._relative is None else None

    def _score_row(
        self, node: NodeRow, is_feasible: BoolArray, plugins: Sequence[tuple[int, RowScorePlugin]]
    ) -> Status:
        """A single row, by plain numbers."""
        row = node.row
        moving = 0
        for weight, plugin in plugins:
            score = attempt(plugin.score_row, self._state, self._pod, node)
            if isinstance(score, Failed):
                return scoring.score_error(plugin.name, score)
            moving += weight * score
        self._moving[row] = moving
        is_possible = is_feasible.item(row)
        self._total[row] = self._fixed.item(row) + moving if is_possible else _NOT_FEASIBLE
        return SUCCESS

    def _score_rows(self, nodes: NodeRows, is_feasible: BoolArray, *, is_whole: bool) -> Status:
        """`is_whole`: totals of all rows are to be summed up anew."""
        status = self._refresh_moving(nodes, is_feasible)
        if status.is_success and self._relative_slots:
            relative = self._refresh_relative(nodes, is_feasible)
            if isinstance(relative, Status):
                return relative
            is_whole = is_whole or relative
        if status.is_success:
            self._sum_up(self._snapshot.all_rows() if is_whole else nodes, is_feasible)
        return status

    def _refresh_fixed(self, verdicts: NodeVerdicts, is_feasible: BoolArray) -> bool | Status:
        """Whether any row changed, or an error."""
        is_outdated = self._node_generation != verdicts.generation
        if is_outdated:
            status = verdicts.refresh_scores(self._state)
            if not status.is_success:
                return status
        elif not verdicts.measured:
            return False
        measures = tuple(verdicts.highest(line, is_feasible) for line, _ in verdicts.measured)
        has_custom = any(slot.custom for _, slot in verdicts.measured)
        if not is_outdated and not has_custom and measures == self._measures:
            return False
        fixed = verdicts.total_scores(self._state, is_feasible, measures)
        if isinstance(fixed, Status):
            return fixed
        self._fixed = fixed
        self._node_generation = verdicts.generation
        self._measures = measures
        return True

    def _refresh_moving(self, nodes: NodeRows, is_feasible: BoolArray) -> Status:
        total: IntArray | None = None
        for slot in self._moving_slots:
            if slot.plugin.name in self._state.skip_score:
                continue
            raw = scoring.raw_scores(slot, self._state, self._pod, nodes, is_feasible)
            if isinstance(raw, Status):
                return raw
            if error := scoring.out_of_range(slot, raw):
                return error
            own = raw if slot.weight == 1 else raw * slot.weight
            total = own if total is None else total + own
        if total is not None:
            self._moving[nodes.rows] = total
        return SUCCESS

    def _refresh_relative(self, nodes: NodeRows, is_feasible: BoolArray) -> bool | Status:
        before = self._relative
        relative: IntArray | None = None
        for line, slot in enumerate(self._relative_slots):
            if slot.plugin.name in self._state.skip_score:
                continue
            asked = self._snapshot.all_rows() if slot.reads is Reads.CLUSTER else nodes
            raw = scoring.raw_scores(slot, self._state, self._pod, asked, is_feasible)
            if isinstance(raw, Status):
                return raw
            self._raw[line, asked.rows] = raw
            whole = self._raw[line, : is_feasible.size]
            highest = scoring.highest(slot, whole, is_feasible)
            scores = scoring.normalized(slot, self._state, self._pod, whole, is_feasible, highest)
            if isinstance(scores, Status):
                return scores
            own = scores * slot.weight
            relative = own if relative is None else relative + own
        self._relative = relative
        return relative is not None or before is not None

    def _sum_up(self, nodes: NodeRows, is_feasible: BoolArray) -> None:
        rows = nodes.rows
        total = self._fixed[rows] + self._moving[rows]
        if self._relative is not None:
            total += self._relative[rows]
        feasible = is_feasible[rows]
        if not has_all(feasible):
            total[~feasible] = _NOT_FEASIBLE
        self._total[rows] = total

"""What a class of equal pods knows of every node: verdicts, scores, totals.

The first pod of a class has every node judged; from then on only rows that changed are judged
again, so a run of equal pods costs a few rows each instead of the whole cluster. The result is the
same as if every pod were judged from scratch: plugins promise it when they sign (see
`framework.plugin`), and a pod that is not signed gets an evaluation of its own.

Every node is filtered and every feasible one scored; ties go to the lowest row, so a run is
reproducible.
"""

from collections import Counter

import numpy as np

from shoal.scheduler.cycle.diagnosis import Diagnosis
from shoal.scheduler.cycle.node_scores import NodeScores
from shoal.scheduler.framework import filtering
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints
from shoal.scheduler.framework.filtering import ABSENT, EXCLUDED, PASSED
from shoal.scheduler.framework.plugin import Reads
from shoal.scheduler.framework.status import SUCCESS, Code, Status, unresolvable
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Rows, Snapshot, row_numbers

_JUDGED_NOTHING = -1


class Evaluation:
    """Made for one pod; serves all pods of equal signature."""

    def __init__(self, points: ExtensionPoints, pod: PodInfo, snapshot: Snapshot) -> None:
        self._points = points
        self._pod = pod
        self._snapshot = snapshot
        self.state = CycleState()
        self.pre_filter = filtering.run_pre_filters(points, self.state, pod, snapshot)
        self._node_filters = [s for s in points.filter if s.reads is Reads.NODE]
        self._pod_filters = [s for s in points.filter if s.reads is Reads.PODS]
        self._diagnosis: Diagnosis | None = None
        self._reserve_rows(snapshot.row_count)

    def _reserve_rows(self, row_count: int) -> None:
        """Room for twice as many rows, with nothing judged yet."""
        capacity = max(64, 2 * row_count)
        self._filtered_at = _JUDGED_NOTHING
        self._rejecting = np.full(capacity, ABSENT, np.int16)
        self._codes = np.zeros(capacity, np.int64)
        # What filters that read only nodes say; placements do not outdate it.
        self._node_rejecting = self._rejecting.copy()
        self._node_codes = self._codes.copy()
        self._is_feasible = np.zeros(capacity, np.bool_)
        self._feasible_count = 0
        self._scores = NodeScores(self._points.score, capacity)

    @property
    def size_bytes(self) -> int:
        """What it takes to keep this."""
        arrays = (
            self._rejecting,
            self._codes,
            self._node_rejecting,
            self._node_codes,
            self._is_feasible,
        )
        return sum(array.nbytes for array in arrays) + self._scores.size_bytes

    def choose(self) -> int | Status:
        """The row of the best node now, or why there is none: a rejection, or an error."""
        if not self.pre_filter.status.is_success:
            return self.pre_filter.status
        status = self._refresh()
        if not status.is_success:
            return status
        if self._feasible_count == 0:
            return Status(Code.UNSCHEDULABLE)
        is_feasible = self._is_feasible[: self._snapshot.row_count]
        if self._feasible_count == 1:
            return int(is_feasible.argmax())
        status = self._scores.refresh(
            self._points, self.state, self._pod, self._snapshot, is_feasible
        )
        if not status.is_success:
            return status
        return self._scores.best_row(self._snapshot.row_count)

    def feasible_rows(self) -> list[int]:
        return np.flatnonzero(self._is_feasible[: self._snapshot.row_count]).tolist()

    def scores(self) -> NodeScores:
        """As of the latest `choose` with a choice."""
        return self._scores

    def get(self, row: int) -> Status:
        """The verdict on a row; Success where no filter rejects it."""
        return self._status(int(self._rejecting[row]), int(self._codes[row]))

    def rows_with_code(self, code: int) -> list[int]:
        """Rows rejected with a status of this code, ascending."""
        return [row for row in self._present_rows() if self.get(row).code == code]

    def diagnose(self) -> Diagnosis:
        """Why no node will do; after a `choose` without a choice."""
        if self._diagnosis is None:
            self._diagnosis = self._count_reasons()
        return self._diagnosis

    def _refresh(self) -> Status:
        """Judge the rows that changed since last time."""
        snapshot = self._snapshot
        if snapshot.row_count > self._rejecting.size:
            self._reserve_rows(snapshot.row_count)
        since = self._filtered_at
        if since == snapshot.generation:
            return SUCCESS
        rows = snapshot.rows_changed_since(since)
        if rows is None:
            self._filtered_at = snapshot.generation
            return SUCCESS
        status = self._filter(rows, snapshot.has_node_changed_since(rows, since))
        if status.is_success:
            self._filtered_at = snapshot.generation
        self._diagnosis = None
        return status

    def _filter(self, rows: Rows, has_node_changed: bool) -> Status:
        if has_node_changed:
            status = self._filter_nodes(rows)
            if not status.is_success:
                return status
        rejecting = self._node_rejecting[rows].copy()
        codes = self._node_codes[rows].copy()
        status = filtering.run_filters(
            self._pod_filters, self.state, self._pod, self._snapshot, rows, rejecting, codes
        )
        if not status.is_success:
            return status
        self._rejecting[rows] = rejecting
        self._codes[rows] = codes
        before = self._is_feasible[rows]
        after = rejecting == PASSED
        # Views of the same rows: count before writing.
        changed = int(np.count_nonzero(after)) - int(np.count_nonzero(before))
        self._feasible_count += changed
        self._is_feasible[rows] = after
        return SUCCESS

    def _filter_nodes(self, rows: Rows) -> Status:
        """The filters that read nothing but nodes."""
        is_present = self._snapshot.is_present[rows]
        rejecting = np.where(is_present, PASSED, ABSENT).astype(np.int16)
        named = self.pre_filter.node_names
        if named is not None:
            named_rows = [row for name in named if (row := self._snapshot.row(name)) is not None]
            is_named = np.isin(row_numbers(self._snapshot, rows), named_rows)
            rejecting[is_present & ~is_named] = EXCLUDED
        codes = np.zeros(rejecting.size, np.int64)
        status = filtering.run_filters(
            self._node_filters, self.state, self._pod, self._snapshot, rows, rejecting, codes
        )
        self._node_rejecting[rows] = rejecting
        self._node_codes[rows] = codes
        return status

    def _present_rows(self) -> list[int]:
        return np.flatnonzero(self._snapshot.is_present).tolist()

    def _status(self, rejecting: int, code: int) -> Status:
        if rejecting in (PASSED, ABSENT):
            return SUCCESS
        if rejecting == EXCLUDED:
            reason = self.pre_filter.exclusion_reason
            return unresolvable(reason).by(self.pre_filter.restricted_by[-1])
        plugin = self._points.filter[rejecting].plugin
        return plugin.filter_status(self.state, self._pod, code).by(plugin.name)

    def _count_reasons(self) -> Diagnosis:
        node_count = self._snapshot.node_count
        if node_count == 0:
            # Any new node may do, so every filter waits for one.
            everybody = frozenset(slot.plugin.name for slot in self._points.filter)
            return Diagnosis(0, unschedulable_plugins=everybody)
        if not self.pre_filter.status.is_success:
            status = self.pre_filter.status
            return Diagnosis(
                node_count,
                pre_filter_message=status.message,
                unschedulable_plugins=frozenset({status.plugin}),
            )
        present = self._present_rows()
        pairs = zip(self._rejecting[present].tolist(), self._codes[present].tolist(), strict=True)
        reasons: Counter[str] = Counter()
        rejectors: dict[bool, set[str]] = {False: set(), True: set()}
        for (rejecting, code), count in Counter(pairs).items():
            status = self._status(rejecting, code)
            if rejecting == EXCLUDED:
                rejectors[False].update(self.pre_filter.restricted_by)
            elif not status.is_success:
                rejectors[status.code is Code.PENDING].add(status.plugin)
            for reason in status.reasons:
                reasons[reason] += count
        return Diagnosis(
            node_count,
            dict(reasons),
            unschedulable_plugins=frozenset(rejectors[False]),
            pending_plugins=frozenset(rejectors[True]),
        )

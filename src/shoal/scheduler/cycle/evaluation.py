"""What a class of equal pods knows of every node: verdicts, scores, totals.

The first pod of a class has every node judged; from then on only rows that changed are judged
again, so a run of equal pods costs a few rows each instead of the whole cluster. The result is the
same as if every pod were judged from scratch: plugins promise it when they sign (see
`framework.plugin`), and a pod that is not signed gets an evaluation of its own.

Every node is filtered and every feasible one scored; ties go to the lowest row, so a run is
reproducible.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from shoal.base.guard import Failed, attempt
from shoal.scheduler.cycle.diagnosis import Diagnosis
from shoal.scheduler.cycle.node_scores import NodeScores
from shoal.scheduler.cycle.node_verdicts import NodeVerdicts
from shoal.scheduler.framework import filtering
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints, FilterSlot
from shoal.scheduler.framework.filtering import ABSENT, EXCLUDED, PASSED, PreFilterOutcome
from shoal.scheduler.framework.plugin import Reads
from shoal.scheduler.framework.single_row import RowFilterPlugin
from shoal.scheduler.framework.status import SUCCESS, Code, Status, unresolvable
from shoal.scheduler.state.columns import has_all, has_any
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

SharedVerdicts = dict[frozenset[str] | None, NodeVerdicts]
"""Of one node signature, by the names of nodes that PreFilter allows."""

_JUDGED_NOTHING = -1
_NO_NODE = Status(Code.UNSCHEDULABLE)


class Evaluation:
    """Made for one pod; serves all pods of equal signature."""

    def __init__(
        self,
        points: ExtensionPoints,
        pod: PodInfo,
        snapshot: Snapshot,
        shared_verdicts: SharedVerdicts | None = None,
    ) -> None:
        """`shared_verdicts`: those of pods that nodes by themselves suit alike."""
        self._points = points
        self._pod = pod
        self._snapshot = snapshot
        self.state = CycleState()
        self._shared_verdicts = shared_verdicts if shared_verdicts is not None else {}
        self._pre_filters = filtering.PreFilters(points)
        self._pod_filters = points.by_reading.pod_filters
        self._cluster_filters = points.by_reading.cluster_filters
        self._asked_at = _JUDGED_NOTHING
        self._diagnosis: Diagnosis | None = None
        self._ask_pre_filters(snapshot.generation)

    def _ask_pre_filters(self, generation: int) -> None:
        """Again where anything changed since, because a plugin may look beyond the pod."""
        outcome = self._pre_filters.run(self.state, self._pod, self._snapshot)
        self._asked_at = generation
        if outcome is not None:
            self.pre_filter: PreFilterOutcome = outcome
            if outcome.status.is_success:
                # Else some plugins were not asked, and their state is not there to be shared.
                self._verdicts = self._verdicts_of(outcome.node_names)
            skipped = self.state.skip_filter
            self._awake_cluster_filters = [
                slot for slot in self._cluster_filters if slot.plugin.name not in skipped
            ]
            self._row_filters = self._single_row_filters()
            self._reserve_rows(self._snapshot.row_count)

    def _single_row_filters(self) -> list[tuple[int, RowFilterPlugin]] | None:
        """Those that are to be asked, with their places in the order; None where some filter
        cannot judge a row by itself."""
        if self._awake_cluster_filters:
            return None
        skipped = self.state.skip_filter
        awake = [slot for slot in self._pod_filters if slot.plugin.name not in skipped]
        able = [(slot.index, slot.row_plugin) for slot in awake if slot.row_plugin is not None]
        return able if len(able) == len(awake) else None

    def _verdicts_of(self, node_names: frozenset[str] | None) -> NodeVerdicts:
        verdicts = self._shared_verdicts.get(node_names)
        if verdicts is None:
            verdicts = NodeVerdicts(self._points, self.state, self._pod, self._snapshot, node_names)
            self._shared_verdicts[node_names] = verdicts
        return verdicts

    def _reserve_rows(self, row_count: int) -> None:
        """Room for more rows, with nothing judged yet."""
        capacity = max(64, row_count + row_count // 4)
        self._filtered_at = _JUDGED_NOTHING
        # By filters that look at a row alone; those that look further are asked on top.
        self._own_rejecting = np.full(capacity, ABSENT, np.int16)
        self._rejecting = self._own_rejecting
        # Reason codes of filters that read pods, by what they read of them.
        self._codes = {
            Reads.PODS: np.empty(capacity, np.int64),
            Reads.CLUSTER: np.empty(capacity if self._cluster_filters else 0, np.int64),
        }
        self._is_feasible = np.zeros(capacity, np.bool_)
        self._feasible_count = 0
        self._changed: tuple[int, NodeRows] | None = None
        self._scores = NodeScores(self._points, self.state, self._pod, self._snapshot, capacity)

    @property
    def size_bytes(self) -> int:
        """What it takes to keep this."""
        own = self._own_rejecting.nbytes + self._is_feasible.nbytes
        codes = sum(array.nbytes for array in self._codes.values())
        return own + codes + self._scores.size_bytes

    def choose(self) -> int | Status:
        """The row of the best node now, or why there is none: a rejection, or an error."""
        status = self.judge()
        if not status.is_success:
            return status
        count = self._feasible_count
        if count == 0:
            return _NO_NODE
        is_feasible = self._is_feasible[: self._snapshot.row_count]
        if count == 1:
            return int(is_feasible.argmax())
        # Filters that look beyond a row may change their mind about rows that did not change.
        may_flip = self._rejecting is not self._own_rejecting
        status = self._scores.refresh(
            self._verdicts, is_feasible, count, self._changed, may_flip=may_flip
        )
        return self._scores.best_row() if status.is_success else status

    def choose_among(self, rows: BoolArray) -> int | Status:
        """As `choose`, of rows that are True here; others do not count for scores either way."""
        choice = self.choose()
        if isinstance(choice, Status):
            return choice
        count = self._snapshot.row_count
        possible = self._is_feasible[:count] & rows[:count]
        if self._feasible_count == 1 or not has_any(possible):
            return choice if possible[choice] else _NO_NODE
        return self._scores.best_row_of(possible)

    def judge(self) -> Status:
        """Bring the verdicts up to date: a rejection or an error where PreFilter or a failing
        filter ends the cycle; Success says nothing of how many nodes passed."""
        generation = self._snapshot.generation
        if self._asked_at != generation:
            self._ask_pre_filters(generation)
        if not self.pre_filter.status.is_success:
            return self.pre_filter.status
        return SUCCESS if self._filtered_at == generation else self._refresh(generation)

    def feasible_rows(self) -> list[int]:
        return np.flatnonzero(self._is_feasible[: self._snapshot.row_count]).tolist()

    def scores(self) -> NodeScores:
        """As of the latest `choose` with a choice."""
        return self._scores

    def get(self, row: int) -> Status:
        """The verdict on a row; Success where no filter rejects it."""
        if not self.pre_filter.status.is_success:
            return self.pre_filter.status
        rejecting = int(self._rejecting[row])
        return self._status(rejecting, int(self._codes_of(rejecting)[row]))

    def rows_with_code(self, code: int) -> list[int]:
        """Rows rejected with a status of this code, ascending."""
        present = np.flatnonzero(self._snapshot.is_present)
        if not self.pre_filter.status.is_success:
            return present.tolist() if self.pre_filter.status.code == code else []
        found = np.zeros(present.size, np.bool_)
        rejecting = self._rejecting[present]
        for who in np.unique(rejecting).tolist():
            is_own = rejecting == who
            codes = self._codes_of(who)[present]
            for reason_code in np.unique(codes[is_own]).tolist():
                if self._status(who, reason_code).code == code:
                    found |= is_own & (codes == reason_code)
        return present[found].tolist()

    def diagnose(self) -> Diagnosis:
        """Why no node will do; after a `choose` without a choice."""
        if self._diagnosis is None:
            self._diagnosis = self._count_reasons()
        return self._diagnosis

    def _refresh(self, generation: int) -> Status:
        """Judge the rows that changed since last time."""
        snapshot = self._snapshot
        if snapshot.row_count > self._own_rejecting.size:
            self._reserve_rows(snapshot.row_count)
        since = self._filtered_at
        status = self._verdicts.refresh()
        nodes = snapshot.rows_changed_since(since)
        if status.is_success and nodes is not None:
            if self._row_filters is not None and nodes.size == 1:
                status = self._filter_row(nodes, self._row_filters)
            else:
                status = self._filter(nodes)
        if status.is_success:
            self._filtered_at = generation
            self._changed = (since, nodes) if nodes else None
        self._diagnosis = None
        return status

    def _filter_row(
        self, nodes: NodeRows, filters: Sequence[tuple[int, RowFilterPlugin]]
    ) -> Status:
        """A single row, by plain numbers."""
        node = nodes.only_row
        row = node.row
        rejecting = self._verdicts.rejecting.item(row)
        for index, plugin in filters:
            if index > rejecting:
                break
            code = attempt(plugin.filter_row, self.state, self._pod, node)
            if isinstance(code, Failed):
                return filtering.filter_error(plugin.name, code)
            if code:
                rejecting = index
                self._codes[Reads.PODS][row] = code
                break
        self._own_rejecting[row] = rejecting
        has_passed = rejecting == PASSED
        if has_passed != self._is_feasible.item(row):
            self._is_feasible[row] = has_passed
            self._feasible_count += 1 if has_passed else -1
        return SUCCESS

    def _filter(self, nodes: NodeRows) -> Status:
        rows = nodes.rows
        rejecting = self._verdicts.rejecting[rows]
        if self._pod_filters:
            rejecting = rejecting.copy() if isinstance(rows, slice) else rejecting
            status = filtering.run_filters(
                self._pod_filters, self.state, self._pod, nodes, rejecting, self._codes[Reads.PODS]
            )
            if not status.is_success:
                return status
        self._rejecting = self._own_rejecting
        if self._awake_cluster_filters:
            self._own_rejecting[rows] = rejecting
            return self._filter_by_cluster(self._awake_cluster_filters)
        passed = rejecting == PASSED
        has_flipped = has_any(passed != self._is_feasible[rows])
        # Mostly rows passed and pass again; then there is nothing to write.
        if has_flipped or not has_all(passed):
            self._own_rejecting[rows] = rejecting
        if has_flipped:
            self._is_feasible[rows] = passed
            self._count_feasible()
        return SUCCESS

    def _filter_by_cluster(self, slots: Sequence[FilterSlot]) -> Status:
        """All rows, with those filters on top that look beyond a row."""
        nodes = self._snapshot.all_rows()
        rejecting = self._own_rejecting[nodes.rows].copy()
        status = filtering.run_filters(
            slots, self.state, self._pod, nodes, rejecting, self._codes[Reads.CLUSTER]
        )
        self._rejecting = rejecting
        self._is_feasible[nodes.rows] = rejecting == PASSED
        self._count_feasible()
        return status

    def _count_feasible(self) -> None:
        is_feasible = self._is_feasible[: self._snapshot.row_count]
        self._feasible_count = int(np.count_nonzero(is_feasible))

    def _codes_of(self, rejecting: int) -> IntArray:
        """The column that has the codes of this filter."""
        if rejecting in (PASSED, ABSENT, EXCLUDED):
            return self._verdicts.codes
        reads = self._points.filter[rejecting].reads
        return self._verdicts.codes if reads is Reads.NODE else self._codes[reads]

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

    def _counted_rejections(self) -> Iterator[tuple[int, int, int]]:
        """(who rejects, reason code, number of nodes)."""
        present = np.flatnonzero(self._snapshot.is_present)
        rejecting = self._rejecting[present]
        for who in np.unique(rejecting).tolist():
            codes = self._codes_of(who)[present[rejecting == who]]
            for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
                yield who, int(code), int(count)

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
        reasons: Counter[str] = Counter()
        rejectors: dict[bool, set[str]] = {False: set(), True: set()}
        for rejecting, code, count in self._counted_rejections():
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

"""Filters asked about many rows at once, as if other amounts were requested there.

That is possible for a pod where pods on a node matter by what they request alone: all other
filters look at nodes only, or have nothing to say about the pod.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from shoal.scheduler.framework import filtering
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints, FilterSlot
from shoal.scheduler.framework.filtering import PASSED
from shoal.scheduler.framework.lifted import PluginError
from shoal.scheduler.framework.nominations import Nominations
from shoal.scheduler.framework.plugin import ColumnFilterPlugin, Reads
from shoal.scheduler.framework.status import Status
from shoal.scheduler.state.node_table import PODS_ROW, BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

RowNumbers = npt.NDArray[np.intp]


class ColumnFilters:
    """Of one profile."""

    def __init__(self, points: ExtensionPoints) -> None:
        self._points = points
        self.by_requests = [slot for slot in points.filter if _reads_columns(slot)]
        """Those that depend on what is requested."""
        self.all = [s for s in points.filter if s.reads is Reads.NODE or _reads_columns(s)]
        self._others = [slot.plugin.name for slot in points.filter if slot not in self.all]

    def suffice(self, state: CycleState) -> bool:
        """Whether all others have nothing to say about the pod."""
        return state.skip_filter.issuperset(self._others)

    def status(self, state: CycleState, pod: PodInfo, rejecting: int, code: int) -> Status:
        plugin = self._points.filter[rejecting].plugin
        return plugin.filter_status(state, pod, code).by(plugin.name)


class ColumnRun:
    """One pod's."""

    def __init__(
        self, filters: ColumnFilters, snapshot: Snapshot, state: CycleState, pod: PodInfo
    ) -> None:
        self.filters = filters
        self._snapshot = snapshot
        self._state = state
        self._pod = pod
        self._codes: IntArray = np.zeros(snapshot.row_count, np.int64)
        self._rows: RowNumbers = np.zeros(0, np.intp)
        self._rejecting = np.zeros(0, np.int16)

    def judge(
        self, slots: Sequence[FilterSlot], rows: RowNumbers, requested: IntArray
    ) -> BoolArray:
        """Which rows take the pod with this requested, by resource. Raises PluginError."""
        nodes = self._snapshot.select(rows).with_requested(requested)
        rejecting = np.full(nodes.size, PASSED, np.int16)
        status = filtering.run_filters(slots, self._state, self._pod, nodes, rejecting, self._codes)
        if not status.is_success:
            raise PluginError(status.message)
        self._rows, self._rejecting = rows, rejecting
        return rejecting == PASSED

    def rejections(self) -> Iterator[tuple[Status, RowNumbers]]:
        """Each verdict of the latest `judge`, with the rows that it is about."""
        for who in np.unique(self._rejecting[self._rejecting != PASSED]).tolist():
            own = self._rows[self._rejecting == who]
            codes = self._codes[own]
            for code in np.unique(codes).tolist():
                status = self.filters.status(self._state, self._pod, who, code)
                yield status, own[codes == code]


def promised(
    nominations: Nominations, snapshot: Snapshot, pod: PodInfo
) -> tuple[dict[int, IntArray], set[int]]:
    """What nominated pods that the pod must leave room for request, by row, as a column of
    resources; and rows where they want more than that, which columns do not show."""
    by_row: dict[int, IntArray] = {}
    others: set[int] = set()
    if not nominations:
        return by_row, others
    for node_name in nominations.nodes_heeded_by(pod):
        row = snapshot.row(node_name)
        if row is None:
            continue
        heeded = nominations.heeded_by(pod, node_name)
        if any(each.affinity_terms.required_anti for each in heeded):
            others.add(row)
        else:
            by_row[row] = _requested(heeded, snapshot)
    return by_row, others


def _requested(pods: Sequence[PodInfo], snapshot: Snapshot) -> IntArray:
    resources = snapshot.resources
    column = np.zeros(len(resources), np.int64)
    column[PODS_ROW] = len(pods)
    for pod in pods:
        for name, amount in pod.request.amounts:
            # A resource that no node has does not make a node fuller.
            if name in resources:
                column[resources[name]] += amount
    return column


def _reads_columns(slot: FilterSlot) -> bool:
    return isinstance(slot.plugin, ColumnFilterPlugin) and slot.plugin.filters_columns

"""Room that is promised to nominated pods, in the cycles of others.

A pod that fits a node also has to fit it beside the pods nominated there that matter at least as
much. Such nodes are tried for the pod alone, at once where requests are all that counts and else
one by one; what they say is laid over the results that it shares with its class.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.framework.column_filters import ColumnFilters, ColumnRun, promised
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.dry_run import DryRun
from shoal.scheduler.framework.extension_points import FilterSlot
from shoal.scheduler.framework.lifted import PluginError
from shoal.scheduler.framework.nominations import Nominations
from shoal.scheduler.framework.plugin import Reads
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.framework.status import Status
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot


class BesideNominated:
    def __init__(self, snapshot: Snapshot, nominations: Nominations) -> None:
        self._snapshot = snapshot
        self._nominations = nominations
        self._filters: dict[str, ColumnFilters] = {}
        """By scheduler name."""

    def own_row(self, pod: PodInfo, profile: Profile, evaluation: Evaluation) -> int | None:
        """The row of the node that the pod itself is nominated to, where it fits now."""
        node_name = self._nominations.node_of(pod.uid)
        row = self._snapshot.row(node_name) if node_name else None
        if row is None or not evaluation.judge().is_success:
            return None
        if not evaluation.get(row).is_success:
            return None
        status = self._judge(pod, profile, evaluation, row)
        return row if status.is_success else None

    def profile_for(self, pod: PodInfo, profile: Profile, evaluation: Evaluation) -> Profile:
        """The profile, or for this pod and moment one whose filters leave nominated pods their
        room on nodes that `evaluation` finds fit."""
        refusals = self._refusals(pod, profile, evaluation)
        if not refusals:
            return profile
        points = profile.points
        last = FilterSlot(len(points.filter), _RoomKept(refusals), is_per_node=False)
        return replace(profile, points=replace(points, filter=(*points.filter, last)))

    def _refusals(
        self, pod: PodInfo, profile: Profile, evaluation: Evaluation
    ) -> dict[int, Status]:
        feasible = set(evaluation.feasible_rows()) if evaluation.judge().is_success else None
        if not feasible:
            return {}
        promises, others = promised(self._nominations, self._snapshot, pod)
        fit = [row for row in (*promises, *others) if row in feasible]
        refusals: dict[int, Status] = {}
        if fit and self._filters_of(profile).suffice(evaluation.state):
            counted = [row for row in fit if row in promises]
            refusals.update(self._refused_by_columns(pod, profile, evaluation, counted, promises))
            fit = [row for row in fit if row in others]
        for row in fit:
            status = self._judge(pod, profile, evaluation, row)
            if not status.is_success:
                refusals[row] = status
        return refusals

    def _refused_by_columns(
        self,
        pod: PodInfo,
        profile: Profile,
        evaluation: Evaluation,
        rows: Sequence[int],
        promises: Mapping[int, IntArray],
    ) -> Iterator[tuple[int, Status]]:
        """Of rows where nominated pods matter by their requests alone."""
        if not rows:
            return
        filters = self._filters_of(profile)
        run = ColumnRun(filters, self._snapshot, evaluation.state, pod)
        numbers = np.array(rows, np.intp)
        more = np.stack([promises[row] for row in rows], axis=1)
        run.judge(filters.by_requests, numbers, self._snapshot.select(numbers).requested + more)
        for status, refused in run.rejections():
            for row in refused.tolist():
                yield row, status

    def _judge(self, pod: PodInfo, profile: Profile, evaluation: Evaluation, row: int) -> Status:
        """Of a node that would do without its nominated pods."""
        state, snapshot, nominations = evaluation.state, self._snapshot, self._nominations
        with DryRun(profile.points, snapshot, nominations, state, pod, row) as run:
            return run.judge_with_nominated()

    def _filters_of(self, profile: Profile) -> ColumnFilters:
        filters = self._filters.get(profile.scheduler_name)
        if filters is None:
            filters = self._filters[profile.scheduler_name] = ColumnFilters(profile.points)
        return filters


class _RoomKept:
    """A filter after all others, which knows what to say of which row."""

    name = "RoomKept"
    filter_reads = Reads.PODS

    def __init__(self, refusals: Mapping[int, Status]) -> None:
        self._rows = np.array(list(refusals), np.intp)
        self._statuses = list(refusals.values())

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        codes = np.zeros(nodes.size, np.int64)
        for code, (row, status) in enumerate(zip(self._rows, self._statuses, strict=True), 1):
            if not status.is_rejected:
                raise PluginError(status.message)
            codes[nodes.numbers == row] = code
        return codes

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        """What the plugin said that refused."""
        return self._statuses[reason_code - 1]

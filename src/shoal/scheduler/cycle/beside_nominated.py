"""Room that is promised to nominated pods, in the cycles of others.

A pod that fits a node also has to fit it beside the pods nominated there that matter at least as
much. Few nodes have any, so such nodes are tried one by one, for the pod alone; what they say is
laid over the results that it shares with its class.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.dry_run import DryRun
from shoal.scheduler.framework.extension_points import ExtensionPoints, FilterSlot
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

    def profile_for(self, pod: PodInfo, profile: Profile, evaluation: Evaluation) -> Profile:
        """The profile, or for this pod and moment one whose filters leave nominated pods their
        room on nodes that `evaluation` finds fit."""
        refusals = self._refusals(pod, profile.points, evaluation)
        if not refusals:
            return profile
        points = profile.points
        last = FilterSlot(len(points.filter), _RoomKept(refusals), is_per_node=False)
        return replace(profile, points=replace(points, filter=(*points.filter, last)))

    def own_row(self, pod: PodInfo, evaluation: Evaluation) -> int | None:
        """The row of the node that the pod itself is nominated to, where it fits now."""
        node_name = self._nominations.node_of(pod.uid)
        row = self._snapshot.row(node_name) if node_name else None
        if row is None or not evaluation.judge().is_success:
            return None
        return row if evaluation.get(row).is_success else None

    def _refusals(
        self, pod: PodInfo, points: ExtensionPoints, evaluation: Evaluation
    ) -> dict[int, Status]:
        names = self._nominations.nodes_heeded_by(pod)
        if not names or not evaluation.judge().is_success:
            return {}
        rows = [row for name in names if (row := self._snapshot.row(name)) is not None]
        refusals: dict[int, Status] = {}
        for row in [row for row in rows if evaluation.get(row).is_success]:
            state = evaluation.state
            with DryRun(points, self._snapshot, self._nominations, state, pod, row) as run:
                status = run.judge_with_nominated()
            if not status.is_success:
                refusals[row] = status
        return refusals


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

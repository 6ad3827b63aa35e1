"""Plugins in the simple form, lifted to the form that the framework runs.

A per-node filter or score is called once for each row asked for; a comparison becomes a sort key.
An Error status is raised as `PluginError`, which the framework turns back into the verdict of
the cycle.
"""

from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Any

import numpy as np

from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import (
    FilterPlugin,
    QueuedPodInfo,
    QueueSortPlugin,
    Reads,
    ScorePlugin,
)
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo


class PluginError(Exception):
    """A plugin answered Error, or something that it must not; the text is for people."""


@dataclass
class _Reasons:
    """The statuses a per-node filter gave in this cycle; a reason code is their position."""

    statuses: list[Status] = field(default_factory=lambda: [SUCCESS])

    def clone(self) -> "_Reasons":
        return self

    def code_of(self, status: Status) -> int:
        if status in self.statuses:
            return self.statuses.index(status)
        self.statuses.append(status)
        return len(self.statuses) - 1


class LiftedFilter:
    """A `FilterPlugin` as a `VectorFilterPlugin`."""

    filter_reads = Reads.PODS

    def __init__(self, plugin: FilterPlugin) -> None:
        self._plugin = plugin
        self._key = f"shoal/lifted-filter/{plugin.name}"

    @property
    def name(self) -> str:
        return self._plugin.name

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        reasons = self._reasons(state)
        codes = np.zeros(nodes.size, np.int64)
        for position in range(nodes.size):
            status = self._plugin.filter(state, pod, nodes.node(position))
            if status.is_success:
                continue
            if not status.is_rejected:
                raise PluginError(status.message)
            codes[position] = reasons.code_of(status)
        return codes

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return self._reasons(state).statuses[reason_code]

    def _reasons(self, state: CycleState) -> _Reasons:
        try:
            return state.read(self._key, _Reasons)
        except LookupError:
            reasons = _Reasons()
            state.write(self._key, reasons)
            return reasons


class LiftedScore:
    """A `ScorePlugin` as a `VectorScorePlugin`."""

    score_reads = Reads.PODS

    def __init__(self, plugin: ScorePlugin) -> None:
        self._plugin = plugin

    @property
    def name(self) -> str:
        return self._plugin.name

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        scores = np.zeros(nodes.size, np.int64)
        for position in range(nodes.size):
            score, status = self._plugin.score(state, pod, nodes.node(position))
            if status.code is not Code.SUCCESS:
                raise PluginError(status.message)
            scores[position] = score
        return scores


class LiftedQueueSort:
    """A `QueueSortPlugin` as a `KeyedQueueSortPlugin`."""

    def __init__(self, plugin: QueueSortPlugin) -> None:
        self._plugin = plugin
        self._key = cmp_to_key(self._compare)

    @property
    def name(self) -> str:
        return self._plugin.name

    def sort_key(self, queued: QueuedPodInfo) -> Any:
        return self._key(queued)

    def _compare(self, left: QueuedPodInfo, right: QueuedPodInfo) -> int:
        if self._plugin.less(left, right):
            return -1
        return 1 if self._plugin.less(right, left) else 0

"""PreFilter, Filter and PostFilter: run their plugins in order, with the framework's rules.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/runtime/framework.go.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoal.base.guard import Failed, attempt
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints, FilterSlot
from shoal.scheduler.framework.plugin import NodeStatuses, PostFilterResult
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Rows, Snapshot, row_numbers

PASSED = 32767
"""In a column of rejecting filters: none rejected the row."""
EXCLUDED = -1
"""A PreFilter result left the row's node out."""
ABSENT = -2
"""The row has no node."""

RejectingArray = npt.NDArray[np.int16]
"""The index of the first filter that rejects each row, or one of the numbers above."""


@dataclass(frozen=True, slots=True)
class PreFilterOutcome:
    status: Status
    node_names: frozenset[str] | None = None
    """Nodes that may be filtered; None is all."""
    restricted_by: tuple[str, ...] = ()
    """Plugins that named nodes, in order."""

    @property
    def exclusion_reason(self) -> str:
        """Why a node that was not named is left out."""
        return f"node(s) didn't satisfy plugin(s) [{' '.join(self.restricted_by)}]"


def run_pre_filters(
    points: ExtensionPoints, state: CycleState, pod: PodInfo, snapshot: Snapshot
) -> PreFilterOutcome:
    """Unschedulable lets the others run, unresolvable stops at once; both reject the pod."""
    skipped: set[str] = set()
    rejection: Status | None = None
    node_names: frozenset[str] | None = None
    restricted_by: tuple[str, ...] = ()
    for plugin in points.pre_filter:
        answer = attempt(plugin.pre_filter, state, pod, snapshot)
        if isinstance(answer, Failed):
            return PreFilterOutcome(_pre_filter_error(plugin.name, answer.text))
        result, status = answer
        match status.code:
            case Code.SUCCESS:
                pass
            case Code.SKIP:
                skipped.add(plugin.name)
                continue
            case Code.UNSCHEDULABLE:
                rejection = status.by(plugin.name)
                continue
            case Code.UNSCHEDULABLE_AND_UNRESOLVABLE:
                return PreFilterOutcome(status.by(plugin.name))
            case Code.ERROR | Code.WAIT | Code.PENDING:
                return PreFilterOutcome(_pre_filter_error(plugin.name, status.message))
        if result is not None and result.node_names is not None:
            restricted_by = (*restricted_by, plugin.name)
            named = result.node_names
            node_names = named if node_names is None else node_names & named
            if not node_names:
                return PreFilterOutcome(_no_node_left(restricted_by))
    state.skip_filter = frozenset(skipped)
    return PreFilterOutcome(rejection or SUCCESS, node_names, restricted_by)


def run_filters(
    slots: Iterable[FilterSlot],
    state: CycleState,
    pod: PodInfo,
    snapshot: Snapshot,
    rows: Rows,
    rejecting: RejectingArray,
    codes: IntArray,
) -> Status:
    """Write the first rejection of each of `rows` into `rejecting` and `codes`, which are as long
    as `rows` and may hold rejections by filters that ran before. Error ends the cycle."""
    for slot in slots:
        plugin = slot.plugin
        if plugin.name in state.skip_filter:
            continue
        undecided = rejecting > slot.index
        asked: Rows = rows
        if slot.is_per_node:
            asked = row_numbers(snapshot, rows)[undecided]
        answer = attempt(plugin.filter_rows, state, pod, snapshot, asked)
        if isinstance(answer, Failed):
            text = f'running "{plugin.name}" filter plugin: {answer.text}'
            return statuses.error(text, plugin.name)
        if slot.is_per_node:
            positions = np.flatnonzero(undecided)[answer != 0]
            rejecting[positions] = slot.index
            codes[positions] = answer[answer != 0]
        else:
            hit = undecided & (answer != 0)
            rejecting[hit] = slot.index
            codes[hit] = answer[hit]
    return SUCCESS


def run_post_filters(
    points: ExtensionPoints, state: CycleState, pod: PodInfo, rejected: NodeStatuses
) -> tuple[PostFilterResult | None, Status]:
    """Success and unresolvable end the round; other rejections add their reasons."""
    reasons: list[str] = []
    result: PostFilterResult | None = None
    for plugin in points.post_filter:
        answer = attempt(plugin.post_filter, state, pod, rejected)
        if isinstance(answer, Failed):
            return None, statuses.error(answer.text, plugin.name)
        found, status = answer
        if status.is_success or status.code is Code.UNSCHEDULABLE_AND_UNRESOLVABLE:
            return found, status.by(plugin.name)
        if not status.is_rejected:
            return None, statuses.error(status.message, plugin.name)
        reasons.extend(status.reasons)
        result = found if found and found.nominated_node_name is not None else result
    return result, statuses.unschedulable(*reasons)


def _pre_filter_error(plugin: str, text: str) -> Status:
    return statuses.error(f'running PreFilter plugin "{plugin}": {text}', plugin)


def _no_node_left(restricted_by: tuple[str, ...]) -> Status:
    if len(restricted_by) == 1:
        reason = f"node(s) didn't satisfy plugin {restricted_by[0]}"
    else:
        reason = f"node(s) didn't satisfy plugin(s) [{' '.join(restricted_by)}] simultaneously"
    return statuses.unresolvable(reason).by(restricted_by[-1])

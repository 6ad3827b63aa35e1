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
from shoal.scheduler.framework.plugin import (
    NodeStatuses,
    PostFilterResult,
    PreFilterPlugin,
    PreFilterResult,
)
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

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
    """What the plugins of a round said together."""

    status: Status
    node_names: frozenset[str] | None = None
    """Nodes that may be filtered; None is all."""
    restricted_by: tuple[str, ...] = ()
    """Plugins that named nodes, in order."""

    @property
    def exclusion_reason(self) -> str:
        """Why a node that was not named is left out."""
        return f"node(s) didn't satisfy plugin(s) [{' '.join(self.restricted_by)}]"


_PreFilterAnswer = tuple[PreFilterResult | None, Status]


class PreFilters:
    """The PreFilter round of one pod, or of a class of equal pods."""

    def __init__(self, points: ExtensionPoints) -> None:
        self._plugins = points.pre_filter
        self._further = points.by_reading.further_pre_filters
        self._answers: list[_PreFilterAnswer] | None = None

    def run(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> PreFilterOutcome | None:
        """Ask the plugins; in later rounds only those that look beyond the pod. None where
        nothing is new. Unschedulable lets the others run, anything worse stops at once; both
        reject the pod."""
        known = self._answers
        if known is not None and len(known) == len(self._plugins):
            is_news = False
            for index in self._further:
                plugin = self._plugins[index]
                said = attempt(plugin.pre_filter, state, pod, snapshot)
                if said == known[index]:
                    continue
                answer = _understood(plugin, said)
                is_news = is_news or answer != known[index]
                known[index] = answer
            if not is_news:
                return None
        else:
            known = self._answers = self._ask_in_order(state, pod, snapshot)
        return self._outcome(known, state)

    def _ask_in_order(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> list[_PreFilterAnswer]:
        answers: list[_PreFilterAnswer] = []
        for plugin in self._plugins:
            answer = ask_pre_filter(plugin, state, pod, snapshot)
            answers.append(answer)
            if _ends_round(answer[1]):
                break
        return answers

    def _outcome(self, answers: list[_PreFilterAnswer], state: CycleState) -> PreFilterOutcome:
        skipped: set[str] = set()
        rejection: Status | None = None
        node_names: frozenset[str] | None = None
        restricted_by: tuple[str, ...] = ()
        for plugin, (result, status) in zip(self._plugins, answers, strict=False):
            if _ends_round(status):
                return PreFilterOutcome(status)
            if status.code is Code.SKIP:
                skipped.add(plugin.name)
            elif status.code is Code.UNSCHEDULABLE:
                rejection = status
            elif result is not None and result.node_names is not None:
                restricted_by = (*restricted_by, plugin.name)
                named = result.node_names
                node_names = named if node_names is None else node_names & named
                if not node_names:
                    return PreFilterOutcome(_no_node_left(restricted_by))
        state.skip_filter = frozenset(skipped)
        return PreFilterOutcome(rejection or SUCCESS, node_names, restricted_by)


def ask_pre_filter(
    plugin: PreFilterPlugin, state: CycleState, pod: PodInfo, snapshot: Snapshot
) -> _PreFilterAnswer:
    """What the plugin says; whatever it must not say becomes an error."""
    return _understood(plugin, attempt(plugin.pre_filter, state, pod, snapshot))


def _understood(plugin: PreFilterPlugin, answer: _PreFilterAnswer | Failed) -> _PreFilterAnswer:
    if isinstance(answer, Failed):
        return None, _pre_filter_error(plugin.name, answer.text)
    result, status = answer
    match status.code:
        case Code.SUCCESS | Code.SKIP:
            return result, status
        case Code.UNSCHEDULABLE | Code.UNSCHEDULABLE_AND_UNRESOLVABLE:
            return result, status.by(plugin.name)
        case Code.ERROR | Code.WAIT | Code.PENDING:
            return None, _pre_filter_error(plugin.name, status.message)


def _ends_round(status: Status) -> bool:
    return status.code in (Code.UNSCHEDULABLE_AND_UNRESOLVABLE, Code.ERROR)


def run_pre_filters(
    points: ExtensionPoints, state: CycleState, pod: PodInfo, snapshot: Snapshot
) -> PreFilterOutcome:
    """One round for one pod."""
    outcome = PreFilters(points).run(state, pod, snapshot)
    assert outcome is not None
    return outcome


def run_filters(
    slots: Iterable[FilterSlot],
    state: CycleState,
    pod: PodInfo,
    nodes: NodeRows,
    rejecting: RejectingArray,
    codes: IntArray,
) -> Status:
    """Write the first rejection of each row into `rejecting`, which is as long as `nodes` and may
    hold rejections by other filters, and its code into `codes`, which is as long as the table.
    Error ends the cycle."""
    for slot in slots:
        plugin = slot.plugin
        if plugin.name in state.skip_filter:
            continue
        asked = nodes
        undecided: BoolArray | None = None
        if slot.is_per_node:
            undecided = rejecting > slot.index
            asked = nodes.where(undecided)
        answer = attempt(plugin.filter_rows, state, pod, asked)
        if isinstance(answer, Failed):
            return filter_error(plugin.name, answer)
        if answer is None:
            continue
        hit = answer != 0
        if undecided is None:
            hit &= rejecting > slot.index
            rejecting[hit] = slot.index
        else:
            rejecting[np.flatnonzero(undecided)[hit]] = slot.index
        codes[asked.numbers[hit]] = answer[hit]
    return SUCCESS


def filter_error(plugin: str, failed: Failed) -> Status:
    """What ends the cycle where a filter fails."""
    return statuses.error(f'running "{plugin}" filter plugin: {failed.text}', plugin)


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

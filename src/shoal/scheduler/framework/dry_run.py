"""Would a node take the pod if some pods left it, or others came?

A dry run asks all filters about one node while pods are supposed away or back. Plugins that keep
PreFilter's data by AddPod and RemovePod are told of each; those of Shoal that look beyond rows are
asked for PreFilter again instead, which their indices make cheap. A pod passes only where it
passes with the pods nominated to the node, too. Source of the rules and texts: Kubernetes v1.36,
pkg/scheduler/framework/runtime/framework.go (RunFilterPluginsWithNominatedPods).
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Self

import numpy as np

from shoal.base.guard import Failed, attempt
from shoal.scheduler.framework import filtering
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints
from shoal.scheduler.framework.filtering import PASSED
from shoal.scheduler.framework.nominations import Nominations
from shoal.scheduler.framework.plugin import PreFilterExtensions, PreFilterPlugin, reads_cluster
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import NodeInfo, Snapshot

_Extension = Callable[[CycleState, PodInfo, PodInfo, NodeInfo], Status]


class DryRun:
    """About one pod on one node; a context, at whose end all is as before."""

    def __init__(
        self,
        points: ExtensionPoints,
        snapshot: Snapshot,
        nominations: Nominations,
        state: CycleState,
        pod: PodInfo,
        row: int,
    ) -> None:
        """`state` is what the cycle of the pod has; it stays as it is."""
        self._points = points
        self._snapshot = snapshot
        self._nominations = nominations
        self._state = state.clone()
        self._pod = pod
        self._row = row
        self._node_name = snapshot.node(row).name
        self._extended = points.pre_filter_extensions
        self._asked_again = [p for p in points.pre_filter if _is_asked_again(p)]
        self._codes: IntArray = np.zeros(snapshot.row_count, np.int64)
        self._taken_off: dict[str, ExitStack] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._taken_off:
            self._taken_off.popitem()[1].close()

    def take_off(self, pod: PodInfo) -> Status:
        """Suppose a pod of the node away. Anything but Success is an error of a plugin."""
        self._taken_off[pod.uid] = _begun(self._snapshot.supposing(without=[pod]))
        return self._tell("RemovePod", self._removals(), pod)

    def put_back(self, pod: PodInfo) -> Status:
        """The pod is there again."""
        self._taken_off.pop(pod.uid).close()
        return self._tell("AddPod", self._additions(), pod)

    def judge(self) -> Status:
        """The verdict of all filters as it is supposed: with the nominated pods that the pod must
        leave room for, and without."""
        status = self.judge_with_nominated()
        return self._filter() if status.is_success else status

    def judge_with_nominated(self) -> Status:
        """Success where there are none."""
        others = self._nominations.heeded_by(self._pod, self._node_name)
        if not others:
            return SUCCESS
        own = self._state
        self._state = own.clone()
        try:
            with self._snapshot.supposing(plus=[(each, self._node_name) for each in others]):
                for each in others:
                    status = self._tell("AddPod", self._additions(), each)
                    if not status.is_success:
                        return status
                return self._filter()
        finally:
            self._state = own

    def _filter(self) -> Status:
        status = self._pre_filter_again()
        if not status.is_success:
            return status
        rejecting = np.full(1, PASSED, np.int16)
        row = self._row
        nodes = self._snapshot.select(slice(row, row + 1))
        status = filtering.run_filters(
            self._points.filter, self._state, self._pod, nodes, rejecting, self._codes
        )
        rejector = int(rejecting[0])
        if not status.is_success or rejector == PASSED:
            return status
        plugin = self._points.filter[rejector].plugin
        code = int(self._codes[row])
        return plugin.filter_status(self._state, self._pod, code).by(plugin.name)

    def _pre_filter_again(self) -> Status:
        skipped = set(self._state.skip_filter)
        for plugin in self._asked_again:
            _, status = filtering.ask_pre_filter(plugin, self._state, self._pod, self._snapshot)
            if status.code is Code.SKIP:
                skipped.add(plugin.name)
            elif status.is_success:
                skipped.discard(plugin.name)
            else:
                return status
        self._state.skip_filter = frozenset(skipped)
        return SUCCESS

    def _additions(self) -> Iterable[tuple[str, _Extension]]:
        return ((plugin.name, plugin.add_pod) for plugin in self._extended)

    def _removals(self) -> Iterable[tuple[str, _Extension]]:
        return ((plugin.name, plugin.remove_pod) for plugin in self._extended)

    def _tell(
        self, point: str, extensions: Iterable[tuple[str, _Extension]], other: PodInfo
    ) -> Status:
        for name, extension in extensions:
            if name in self._state.skip_filter:
                continue
            node = self._snapshot.node(self._row)
            answer = attempt(extension, self._state, self._pod, other, node)
            if isinstance(answer, Status) and answer.is_success:
                continue
            text = answer.text if isinstance(answer, Failed) else answer.message
            return statuses.error(f'running {point} on PreFilter plugin "{name}": {text}', name)
        return SUCCESS


class DryRuns:
    """Dry runs with the filters of one profile. `points` come once its plugins are made."""

    def __init__(self, snapshot: Snapshot, nominations: Nominations) -> None:
        self._snapshot = snapshot
        self._nominations = nominations
        self._points: ExtensionPoints | None = None

    @property
    def points(self) -> ExtensionPoints:
        assert self._points is not None, "plugins may look only when they are run"
        return self._points

    @points.setter
    def points(self, points: ExtensionPoints) -> None:
        self._points = points

    def on(self, state: CycleState, pod: PodInfo, row: int) -> DryRun:
        """To be used as a context; one at a time."""
        return DryRun(self.points, self._snapshot, self._nominations, state, pod, row)


def _begun(supposition: AbstractContextManager[None]) -> ExitStack:
    stack = ExitStack()
    stack.enter_context(supposition)
    return stack


def _is_asked_again(plugin: PreFilterPlugin) -> bool:
    return reads_cluster(plugin) and not isinstance(plugin, PreFilterExtensions)

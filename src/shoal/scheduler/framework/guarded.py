"""Plugins of others behind a guard: what they raise, answer wrongly or take too long over costs
their own verdict.

`guarded(plugin, guard)` has the points that the plugin has, and the framework runs it in the
plugin's place; in-tree plugins are trusted and run bare. At points with a status the guard raises
`PluginError`, which the framework turns into an Error of that plugin. At points without one there
is a way on that harms nobody: a pod that cannot be signed shares no results, pods that cannot be
sorted go by priority and time. Such slips no pod shows, so they are reported.

Time is the caller's: `Guard.call` bounds each call.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np

from shoal.base.guard import CallTookTooLong, Failed, attempt
from shoal.scheduler.framework import answers
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.answers import Check, WrongAnswer
from shoal.scheduler.framework.cluster_event import Registration
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.lifted import PluginError
from shoal.scheduler.framework.plugin import Plugin, QueuedPodInfo
from shoal.scheduler.framework.status import Status
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo

_T = TypeVar("_T")


class BoundedCall(Protocol):
    """Calls, and raises CallTookTooLong for a call that takes too long."""

    def __call__(self, function: Callable[..., _T], *args: Any) -> _T: ...


def unbounded(function: Callable[..., _T], *args: Any) -> _T:
    """For tests and simulations, whose time is not the machine's."""
    return function(*args)


def _unheard(text: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Guard:
    """What the guard needs of its caller."""

    call: BoundedCall = unbounded
    report: Callable[[str], None] = _unheard
    """Told of slips that no status shows, once a plugin and point."""


@dataclass(frozen=True, slots=True)
class _Point:
    label: str
    """What messages call it."""
    check: Check


_STATUS_POINTS: Mapping[str, _Point] = {
    "pre_filter": _Point("PreFilter", answers.pre_filter),
    "add_pod": _Point("AddPod", answers.verdict),
    "remove_pod": _Point("RemovePod", answers.verdict),
    "filter": _Point("Filter", answers.verdict),
    "post_filter": _Point("PostFilter", answers.post_filter),
    "pre_score": _Point("PreScore", answers.verdict_or_skip),
    "score": _Point("Score", answers.score),
    "score_rows": _Point("Score", answers.one_a_row),
    "normalize_scores": _Point("NormalizeScore", answers.normalized_scores),
    "reserve": _Point("Reserve", answers.verdict),
    "permit": _Point("Permit", answers.permission),
    "pre_bind": _Point("PreBind", answers.patches),
    "bind": _Point("Bind", answers.binding),
}
_SILENT_POINTS: Mapping[str, _Point] = {
    "pre_enqueue": _Point("PreEnqueue", answers.verdict),
    "unreserve": _Point("Unreserve", answers.anything),
    "post_bind": _Point("PostBind", answers.anything),
}
"""What goes wrong here stands in no message of the pod."""
_ROWS = _Point("Filter", answers.codes)
_REASON = _Point("Filter", answers.rejection)
_SIGN = _Point("sign", answers.hashable)
_SORT_KEY = _Point("QueueSort", answers.sort_key)
_LESS = _Point("QueueSort", answers.anything)
_EVENTS = _Point("events_to_register", answers.registrations)
_HINT = _Point("a queueing hint", answers.hint)

_OWN_WAYS = ("filter_rows", "filter_status", "sort_key", "less", "sign")
_DATA = ("filter_reads", "filters_columns", "score_reads", "normalization", "needs")


def guarded(plugin: Plugin, guard: Guard) -> Plugin:
    """The plugin behind the guard. Raises PluginError where it cannot say what it waits for."""
    return _GuardedPlugin(plugin, guard)


class _GuardedPlugin:
    """Gets the attributes that the plugin has: they tell at which points it is run."""

    def __init__(self, plugin: Any, guard: Guard) -> None:
        self.name: str = plugin.name
        self._plugin = plugin
        self._guard = guard
        self._reported: set[str] = set()
        for method, point in _STATUS_POINTS.items():
            if hasattr(plugin, method):
                setattr(self, method, partial(self._ask, point, getattr(plugin, method)))
        for method, point in _SILENT_POINTS.items():
            if hasattr(plugin, method):
                setattr(self, method, partial(self._ask_aloud, point, getattr(plugin, method)))
        for method in _OWN_WAYS:
            if hasattr(plugin, method):
                setattr(self, method, getattr(self, f"_{method}"))
        for attribute in _DATA:
            if hasattr(plugin, attribute):
                setattr(self, attribute, getattr(plugin, attribute))
        if hasattr(plugin, "events_to_register"):
            self._registrations = self._register()
            self.events_to_register = lambda: self._registrations

    def _ask(self, point: _Point, function: Callable[..., Any], *args: Any) -> Any:
        """Raises what the plugin raises, or PluginError."""
        try:
            return point.check(self._guard.call(function, *args), args)
        except CallTookTooLong as error:
            text = f"{error} in {point.label}"
        except WrongAnswer as error:
            text = f"gave a wrong answer in {point.label}: {error}"
        except (SystemExit, GeneratorExit, KeyboardInterrupt):
            text = f"tried to end the program in {point.label}"
        raise PluginError(f'plugin "{self.name}" {text}')

    def _ask_aloud(self, point: _Point, function: Callable[..., Any], *args: Any) -> Any:
        """The same, with a report of what was raised."""
        answer = self._try(point, function, *args)
        if isinstance(answer, Failed):
            raise answer.error
        return answer

    def _try(self, point: _Point, function: Callable[..., Any], *args: Any) -> Any | Failed:
        answer = attempt(self._ask, point, function, *args)
        if isinstance(answer, Failed) and point.label not in self._reported:
            self._reported.add(point.label)
            text = answer.text
            if not isinstance(answer.error, PluginError):
                kind = type(answer.error).__name__
                text = f'plugin "{self.name}" raised {kind} in {point.label}: {text}'
            self._guard.report(text)
        return answer

    def _filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        """Reason codes that stand for no rejection are found here, where it can still be said."""
        codes: IntArray | None = self._ask(_ROWS, self._plugin.filter_rows, state, pod, nodes)
        if codes is None:
            return None
        for code in np.unique(codes[nodes.is_present]).tolist():
            if code:
                self._ask(_REASON, self._plugin.filter_status, state, pod, code)
        return codes

    def _filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        answer = attempt(self._ask, _REASON, self._plugin.filter_status, state, pod, reason_code)
        return statuses.error(answer.text) if isinstance(answer, Failed) else answer

    def _sign(self, pod: PodInfo) -> Hashable | None:
        answer = self._try(_SIGN, self._plugin.sign, pod)
        return None if isinstance(answer, Failed) else answer

    def _sort_key(self, queued: QueuedPodInfo) -> "_SafeKey":
        key = self._try(_SORT_KEY, self._plugin.sort_key, queued)
        if isinstance(key, Failed):
            return _SafeKey(None, _usual_order(queued), is_sound=False)
        return _SafeKey(key, _usual_order(queued))

    def _less(self, left: QueuedPodInfo, right: QueuedPodInfo) -> bool:
        answer = self._try(_LESS, self._plugin.less, left, right)
        if isinstance(answer, Failed):
            return _usual_order(left) < _usual_order(right)
        return bool(answer)

    def _register(self) -> Sequence[Registration]:
        registered = self._ask(_EVENTS, self._plugin.events_to_register)
        return tuple(
            replace(each, hint=partial(self._ask_aloud, _HINT, each.hint)) if each.hint else each
            for each in registered
        )


@dataclass(frozen=True, slots=True, eq=False)
class _SafeKey:
    """A sort key of a plugin; where keys do not compare, priority and time do."""

    key: Any
    usual: tuple[Any, ...]
    is_sound: bool = True

    def __lt__(self, other: "_SafeKey") -> bool:
        if self.is_sound and other.is_sound:
            answer = attempt(lambda: bool(self.key < other.key))
            if not isinstance(answer, Failed):
                return answer
        return self.usual < other.usual

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SafeKey) and not self < other and not other < self

    def __hash__(self) -> int:
        return hash(self.usual)


def _usual_order(queued: QueuedPodInfo) -> tuple[Any, ...]:
    return (-queued.pod.priority, queued.queued_at)

"""Which events wake which pods: the hints that plugins registered, by profile and plugin.

Source of the rules: Kubernetes v1.36, pkg/scheduler/scheduler.go (buildQueueingHintMap) and
backend/queue/scheduling_queue.go (isPodWorthRequeuing).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from shoal.base.guard import Failed, attempt
from shoal.scheduler.framework.cluster_event import (
    NODE,
    WILDCARD,
    ActionType,
    ClusterEvent,
    HintFunction,
    QueueingHint,
    Registration,
)
from shoal.scheduler.framework.extension_points import registers_events
from shoal.scheduler.framework.plugin import Plugin
from shoal.scheduler.framework.points import EXTENDER
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.queueing.queued_pod import QueuedPod
from shoal.scheduler.state.pod_info import PodInfo


class Wake(Enum):
    """What an event means for a waiting pod; higher is sooner."""

    NOT = 0
    AFTER_BACKOFF = 1
    NOW = 2


@dataclass(frozen=True, slots=True)
class Happening:
    """A cluster event with the objects, as hints look at them."""

    event: ClusterEvent
    before: Any = None
    after: Any = None


TIMEOUT = Happening(WILDCARD)
"""A pod has waited so long that it is tried again whatever happened."""

_Hints = Sequence[HintFunction | None]


class WakeRules:
    """All registrations and hints; asked about each event and each pod that waits."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._registrations: dict[str, Mapping[str, Sequence[Registration]]] = {
            profile.scheduler_name: {
                plugin.name: _registrations(plugin) for plugin in profile.points.rejecting
            }
            # Extenders cannot say what helps, so anything may.
            | {EXTENDER: (Registration(WILDCARD),)}
            for profile in profiles
        }
        self._hints: dict[tuple[str, ClusterEvent], Mapping[str, _Hints]] = {}
        self._plugins: dict[ClusterEvent, Sequence[str]] = {}

    def interested_plugins(self, event: ClusterEvent) -> Sequence[str]:
        """Names of plugins, of any profile, that registered the event."""
        plugins = self._plugins.get(event)
        if plugins is None:
            names = (self._hints_for(profile, event) for profile in self._registrations)
            plugins = tuple(dict.fromkeys(name for each in names for name in each))
            self._plugins[event] = plugins
        return plugins

    def judge(self, queued: QueuedPod, happening: Happening) -> Wake:
        """Whether the event is worth another attempt of a rejected pod."""
        if not queued.rejectors or happening.event == WILDCARD:
            return Wake.AFTER_BACKOFF
        hints = self._hints_for(queued.profile.scheduler_name, happening.event)
        verdict = Wake.NOT
        for plugin, functions in hints.items():
            is_pending = plugin in queued.pending_plugins
            if not is_pending and (
                verdict is Wake.AFTER_BACKOFF or plugin not in queued.unschedulable_plugins
            ):
                continue
            if any(_helps(function, queued.pod, happening) for function in functions):
                if is_pending:
                    return Wake.NOW
                verdict = Wake.AFTER_BACKOFF
        return verdict

    def _hints_for(self, profile: str, event: ClusterEvent) -> Mapping[str, _Hints]:
        hints = self._hints.get((profile, event))
        if hints is None:
            found = {
                plugin: tuple(each.hint for each in registrations if each.event.covers(event))
                for plugin, registrations in self._registrations[profile].items()
            }
            hints = {plugin: functions for plugin, functions in found.items() if functions}
            self._hints[profile, event] = hints
        return hints


def _registrations(plugin: Plugin) -> Sequence[Registration]:
    extension = registers_events(plugin)
    if extension is None:
        return (Registration(WILDCARD),)
    registered = extension.events_to_register()
    return [wider for each in registered for wider in _with_taints(each)]


def _with_taints(registration: Registration) -> Sequence[Registration]:
    """A plugin that waits for nodes to appear is woken by changed taints as well: kube-scheduler
    may have looked at a new node only while it still had the taints of a node that starts."""
    event = registration.event
    waits_for_nodes = event.resource == NODE and event.action & ActionType.ADD
    if not waits_for_nodes or event.action & ActionType.UPDATE_NODE_TAINT:
        return (registration,)
    return (registration, Registration(ClusterEvent(NODE, ActionType.UPDATE_NODE_TAINT)))


def _helps(function: HintFunction | None, pod: PodInfo, happening: Happening) -> bool:
    """A hint that fails must not keep a pod waiting, so it counts as help."""
    if function is None:
        return True
    answer = attempt(function, pod, happening.before, happening.after)
    return isinstance(answer, Failed) or answer is QueueingHint.QUEUE

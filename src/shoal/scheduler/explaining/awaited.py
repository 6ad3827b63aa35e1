"""What a rejected pod waits for, in words: the events that its rejectors registered.

The queue goes by the registrations themselves (`queueing.wake_rules`); here they are only told.
A hint may still find that an event of the kind does not help.
"""

from collections.abc import Collection, Mapping, Sequence

from shoal.base.guard import Failed, attempt
from shoal.scheduler.framework.cluster_event import (
    ANY_RESOURCE,
    ASSIGNED_POD,
    NODE,
    POD,
    UNSCHEDULED_POD,
    ActionType,
    ClusterEvent,
)
from shoal.scheduler.framework.extension_points import ExtensionPoints, registers_events
from shoal.scheduler.framework.plugin import Plugin

_NOUNS = {
    ANY_RESOURCE: "anything",
    NODE: "a node",
    POD: "a pod",
    ASSIGNED_POD: "a placed pod",
    UNSCHEDULED_POD: "a waiting pod",
}
_VERBS = {
    ActionType.ADD: "is added",
    ActionType.DELETE: "goes",
    ActionType.UPDATE_NODE_ALLOCATABLE: "offers other amounts",
    ActionType.UPDATE_NODE_LABEL: "gets other labels",
    ActionType.UPDATE_NODE_TAINT: "gets other taints",
    ActionType.UPDATE_NODE_CONDITION: "changes its conditions",
    ActionType.UPDATE_NODE_ANNOTATION: "gets other annotations",
    ActionType.UPDATE_POD_LABEL: "gets other labels",
    ActionType.UPDATE_POD_SCALE_DOWN: "asks for less",
    ActionType.UPDATE_POD_TOLERATION: "gets other tolerations",
    ActionType.UPDATE_POD_SCHEDULING_GATES_ELIMINATED: "loses its scheduling gates",
    ActionType.UPDATE_OTHER: "changes",
}


def awaited(points: ExtensionPoints, rejectors: Collection[str]) -> Mapping[str, Sequence[str]]:
    """By plugin, each event as the end of `when ...`: `a node is added or gets other labels`.
    Empty for one that only time helps."""
    return {
        plugin.name: list(dict.fromkeys(phrase(event) for event in _events(plugin)))
        for plugin in points.rejecting
        if plugin.name in rejectors
    }


def phrase(event: ClusterEvent) -> str:
    noun = _NOUNS.get(event.resource) or f"a {event.resource}"
    if event.action == ActionType.ALL:
        return f"{noun} changes"
    if event.action & ActionType.UPDATE == ActionType.UPDATE:
        rest = event.action & ~ActionType.UPDATE | ActionType.UPDATE_OTHER
    else:
        rest = event.action
    verbs = dict.fromkeys(verb for action, verb in _VERBS.items() if rest & action)
    *most, last = verbs
    return f"{noun} {', '.join(most)} or {last}" if most else f"{noun} {last}"


def _events(plugin: Plugin) -> Sequence[ClusterEvent]:
    """As the queue reads them: who says nothing is waked by everything."""
    extension = registers_events(plugin)
    if extension is None:
        return [ClusterEvent(ANY_RESOURCE, ActionType.ALL)]
    registered = attempt(extension.events_to_register)
    return [] if isinstance(registered, Failed) else [each.event for each in registered]

"""Which changes of the cluster can make a rejected pod schedulable.

A `ClusterEvent` is a resource and an action on it. What happened is described by one or more of
them, and plugins register those that may undo their rejections; the queue wakes the pods of the
plugins that match. Source of the classes: Kubernetes v1.36, kube-scheduler/framework/types.go and
pkg/scheduler/framework/events.go.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag, StrEnum
from typing import Any

from shoal.api.node import Node
from shoal.api.resource import Resource
from shoal.scheduler.state.pod_info import PodInfo


class ActionType(IntFlag):
    ADD = 1
    DELETE = 2
    UPDATE_NODE_ALLOCATABLE = 4
    UPDATE_NODE_LABEL = 8
    UPDATE_NODE_TAINT = 16
    UPDATE_NODE_CONDITION = 32
    UPDATE_NODE_ANNOTATION = 64
    UPDATE_POD_LABEL = 128
    UPDATE_POD_SCALE_DOWN = 256
    UPDATE_POD_TOLERATION = 512
    UPDATE_POD_SCHEDULING_GATES_ELIMINATED = 1024
    UPDATE_OTHER = 2048
    UPDATE = (
        UPDATE_NODE_ALLOCATABLE
        | UPDATE_NODE_LABEL
        | UPDATE_NODE_TAINT
        | UPDATE_NODE_CONDITION
        | UPDATE_NODE_ANNOTATION
        | UPDATE_POD_LABEL
        | UPDATE_POD_SCALE_DOWN
        | UPDATE_POD_TOLERATION
        | UPDATE_POD_SCHEDULING_GATES_ELIMINATED
        | UPDATE_OTHER
    )
    ALL = ADD | DELETE | UPDATE


ANY_RESOURCE = "*"
NODE = "Node"
POD = "Pod"
"""Registered by plugins: placed pods and waiting ones."""
ASSIGNED_POD = "AssignedPod"
UNSCHEDULED_POD = "UnscheduledPod"


@dataclass(frozen=True, slots=True)
class ClusterEvent:
    """What kind of thing happened to what kind of object."""

    resource: str
    """One of the names above, or `plural.version.group` of any other kind."""
    action: ActionType

    def covers(self, happened: "ClusterEvent") -> bool:
        """Whether a plugin that registered this one waits for what happened."""
        if self.resource not in (ANY_RESOURCE, happened.resource) and not (
            self.resource == POD and happened.resource in (ASSIGNED_POD, UNSCHEDULED_POD)
        ):
            return False
        return bool(self.action & happened.action)


class QueueingHint(StrEnum):
    SKIP = "Skip"
    QUEUE = "Queue"


HintFunction = Callable[[PodInfo, Any, Any], QueueingHint]
"""(waiting pod, object before, object after): whether the change may help the pod. Before is None
for what is new, after for what is gone. Nodes come as `Node`, pods as `PodInfo`."""


@dataclass(frozen=True, slots=True)
class Registration:
    """An event a plugin waits for, and how it looks closer; without a function all help."""

    event: ClusterEvent
    hint: HintFunction | None = None


def is_own_change(pod: PodInfo, before: PodInfo, after: PodInfo) -> QueueingHint:
    """A hint: the waiting pod itself changed."""
    return QueueingHint.QUEUE if after.uid == pod.uid else QueueingHint.SKIP


NODE_ADD = ClusterEvent(NODE, ActionType.ADD)
NODE_DELETE = ClusterEvent(NODE, ActionType.DELETE)
ASSIGNED_POD_ADD = ClusterEvent(ASSIGNED_POD, ActionType.ADD)
ASSIGNED_POD_DELETE = ClusterEvent(ASSIGNED_POD, ActionType.DELETE)
WILDCARD = ClusterEvent(ANY_RESOURCE, ActionType.ALL)
"""Registered by plugins that say nothing; as a happening, it wakes every pod."""


def is_kubernetes_own(resource: Resource[Any]) -> bool:
    """Built into the API server, not defined by a CustomResourceDefinition."""
    return "." not in resource.group or resource.group.endswith(".k8s.io")


def resource_name(resource: Resource[Any]) -> str:
    """What a `ClusterEvent` calls a collection: the kind for Kubernetes' own."""
    if is_kubernetes_own(resource):
        return resource.kind
    return f"{resource.plural}.{resource.version}.{resource.group}"


def object_change(resource: Resource[Any], before: object, after: object) -> ClusterEvent:
    """What happened to an object that is new where `before` is None, gone where `after` is."""
    action = ActionType.UPDATE_OTHER
    if before is None:
        action = ActionType.ADD
    elif after is None:
        action = ActionType.DELETE
    return ClusterEvent(resource_name(resource), action)


def node_changes(before: Node, after: Node) -> list[ClusterEvent]:
    """At most one event of each kind."""
    actions: list[ActionType] = []
    if before.status.allocatable != after.status.allocatable:
        actions.append(ActionType.UPDATE_NODE_ALLOCATABLE)
    if before.metadata.labels != after.metadata.labels:
        actions.append(ActionType.UPDATE_NODE_LABEL)
    became_schedulable = before.spec.unschedulable and not after.spec.unschedulable
    if before.spec.taints != after.spec.taints or became_schedulable:
        actions.append(ActionType.UPDATE_NODE_TAINT)
    if _conditions(before) != _conditions(after):
        actions.append(ActionType.UPDATE_NODE_CONDITION)
    if before.metadata.annotations != after.metadata.annotations:
        actions.append(ActionType.UPDATE_NODE_ANNOTATION)
    return [ClusterEvent(NODE, action) for action in actions]


def pod_changes(before: PodInfo, after: PodInfo, resource: str) -> list[ClusterEvent]:
    """`resource` is ASSIGNED_POD or UNSCHEDULED_POD. What is no known kind is UPDATE_OTHER."""
    actions: list[ActionType] = []
    if before.labels != after.labels:
        actions.append(ActionType.UPDATE_POD_LABEL)
    if _is_scaled_down(before, after):
        actions.append(ActionType.UPDATE_POD_SCALE_DOWN)
    if before.spec.scheduling_gates and not after.spec.scheduling_gates:
        actions.append(ActionType.UPDATE_POD_SCHEDULING_GATES_ELIMINATED)
    if before.spec.tolerations != after.spec.tolerations:
        actions.append(ActionType.UPDATE_POD_TOLERATION)
    return [ClusterEvent(resource, action) for action in actions or [ActionType.UPDATE_OTHER]]


def _is_scaled_down(before: PodInfo, after: PodInfo) -> bool:
    return any(after.request.amount(name) < amount for name, amount in before.request.amounts)


def _conditions(node: Node) -> dict[str, str]:
    return {each.type: each.status for each in node.status.conditions}

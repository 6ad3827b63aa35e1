"""What the scheduler wants done. The core only returns effects; `dispatcher` carries them out.

Effects name pods by reference, so that they can be kept, compared and printed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from shoal.api.core import EventType
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject, Resource


class PodRef(msgspec.Struct, frozen=True):
    """One life of a pod: the uid keeps an effect off a successor of the same name."""

    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def ref(pod: Pod) -> PodRef:
    meta = pod.metadata
    return PodRef(meta.namespace, meta.name, meta.uid)


class UnscheduledReason(StrEnum):
    """Reasons of a PodScheduled condition that is False."""

    UNSCHEDULABLE = "Unschedulable"
    """Plugins rejected the pod."""
    SCHEDULABLE = "Schedulable"
    """It has to wait for the rest of its gang."""
    SCHEDULER_ERROR = "SchedulerError"
    """Something failed: a plugin, a binding."""


@dataclass(frozen=True, slots=True)
class SetCondition:
    """Write PodScheduled=False to the pod's status."""

    pod: PodRef
    reason: UnscheduledReason
    message: str
    transition_time: datetime
    """When the condition last changed its status."""
    observed_generation: int = 0
    nominated_node_name: str | None = None
    """None leaves the field as it is; empty clears it."""


class RecordEvent(msgspec.Struct, frozen=True):
    """Tell people: an Event object about the pod, or about another object."""

    pod: PodRef
    type: EventType
    reason: str
    action: str
    note: str
    resource: Resource[Any] = PODS
    """Of what `pod` refers to."""
    component: str = ""
    """Who speaks: the scheduler by the name that the pod knows it by. Empty: the default one."""


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """Merge a status into an object that is no pod. A later one about the same object takes the
    place of one that is not written yet."""

    pod: PodRef
    """Refers to the object; the namespace is empty for cluster-wide kinds."""
    resource: Resource[Any]
    patch: JsonObject
    is_subresource: bool
    """Whether the kind's status is written by itself."""


@dataclass(frozen=True, slots=True)
class Evict:
    """Mark the pod as a disruption target, then delete it."""

    pod: PodRef
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class PatchPod:
    """Merge these annotations into the pod, before it is bound."""

    pod: PodRef
    annotations: tuple[tuple[str, str], ...]


class ClearNomination(msgspec.Struct, frozen=True):
    """The pod is nominated to no node any more: its room is for a more important one."""

    pod: PodRef


class PatchObject(msgspec.Struct, frozen=True):
    """Merge a patch into another object, before the pod is bound."""

    resource: Resource[Any]
    namespace: str
    name: str
    patch: JsonObject
    plugin: str
    """The PreBind plugin, which failures name."""


class AwaitBoundClaims(msgspec.Struct, frozen=True):
    """Let the volume controller bind these claims, before the pod is bound."""

    namespace: str
    names: tuple[str, ...]
    timeout_s: float
    """After this long the binding fails."""
    plugin: str
    """The PreBind plugin, which failures name."""


BeforeBinding = PatchPod | PatchObject | AwaitBoundClaims
"""What has to be done before a pod is bound."""


class Bind(msgspec.Struct, frozen=True):
    """Write the pod's node through the binding subresource."""

    pod: PodRef
    node_name: str
    plugin: str
    """The bind plugin, which failures name."""
    before: tuple[BeforeBinding, ...] = ()
    """What PreBind plugins want done first; one that fails fails the binding."""
    extender: int | None = None
    """Which extender of the configuration binds it instead; None for none."""


class AskExtenders(msgspec.Struct, frozen=True):
    """Ask extenders which of these nodes will do for the pod, and how well."""

    pod: PodRef
    extenders: tuple[int, ...]
    """Which of the configuration, in the order in which they are asked."""
    node_names: tuple[str, ...]


Effect = (
    Bind
    | SetCondition
    | RecordEvent
    | Evict
    | ClearNomination
    | PatchPod
    | AskExtenders
    | WriteStatus
)

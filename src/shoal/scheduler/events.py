"""What the scheduler core is told: changes of nodes and pods, outcomes of effects, time.

Everything that happens reaches `core.Scheduler.handle` as one of these, so a run can be recorded,
replayed and simulated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shoal.api.node import Node
from shoal.api.pod import Pod
from shoal.api.resource import Resource
from shoal.scheduler.effects import PodRef


@dataclass(frozen=True, slots=True)
class NodeAdded:
    node: Node


@dataclass(frozen=True, slots=True)
class NodeUpdated:
    node: Node


@dataclass(frozen=True, slots=True)
class NodeDeleted:
    name: str


@dataclass(frozen=True, slots=True)
class PodAdded:
    pod: Pod


@dataclass(frozen=True, slots=True)
class PodUpdated:
    pod: Pod


@dataclass(frozen=True, slots=True)
class PodDeleted:
    pod: Pod


@dataclass(frozen=True, slots=True)
class ObjectChanged:
    """Of a collection that plugins need, beyond nodes and pods."""

    resource: Resource[Any]
    before: Any
    """None for a new object."""
    after: Any
    """None for one that is gone."""


class BindSucceeded(msgspec.Struct, frozen=True):
    pod: PodRef
    node_name: str


@dataclass(frozen=True, slots=True)
class BindFailed:
    pod: PodRef
    node_name: str
    message: str
    """What failed, as people are to read it."""


@dataclass(frozen=True, slots=True)
class EvictFailed:
    """The pod could not be evicted; who waits for that waits in vain."""

    pod: PodRef


@dataclass(frozen=True, slots=True)
class ExtendersAnswered:
    """What became of an `AskExtenders`."""

    pod: PodRef
    asked: tuple[str, ...]
    """The nodes that were asked about."""
    passed: tuple[str, ...] = ()
    scores: Mapping[str, int] = field(default_factory=dict[str, int])
    """Of passed nodes: the sum of each extender's 0 to 10 by its weight."""
    failed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why a node will not do."""
    unresolvable: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why a node will not do, whatever is removed from it."""
    error: str = ""
    """Of an extender that must not fail, as people are to read it."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has come: wake what has waited long enough, and run cycles."""

    max_cycles: int = 64
    """At most so many, so that a caller can look at other news between batches."""


SchedulerEvent = (
    NodeAdded
    | NodeUpdated
    | NodeDeleted
    | PodAdded
    | PodUpdated
    | PodDeleted
    | ObjectChanged
    | BindSucceeded
    | BindFailed
    | EvictFailed
    | ExtendersAnswered
    | Tick
)

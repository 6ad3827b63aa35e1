"""A scheduler under a configuration file, on virtual time, with nodes, pods and objects in memory.

What it wants done is done at once: bindings succeed and annotations are written, unless a test
says that bindings fail.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from shoal.api.resource import JsonObject, Resource
from shoal.scheduler.config.loading import load
from shoal.scheduler.core import Scheduler
from shoal.scheduler.effects import Bind, Evict, SetCondition
from shoal.scheduler.events import (
    BindFailed,
    BindSucceeded,
    NodeAdded,
    ObjectChanged,
    PodAdded,
    PodDeleted,
    PodUpdated,
    SchedulerEvent,
    Tick,
)
from shoal.scheduler.framework.profile import build_profiles
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.objects import Objects
from shoal.testing.builders import NodeBuilder, PodBuilder

EXAMPLES = Path(__file__).parents[1] / "examples"


class Stage:
    def __init__(self, configuration: str, nodes: Iterable[NodeBuilder] = ()) -> None:
        loaded = load(configuration, DEFAULT_PROFILES[0].plugins)
        self.scheduler_name = loaded.profiles[0].scheduler_name
        cache = Cache()
        self.snapshot = cache.snapshot
        handle = Handle(cache.snapshot, WaitingPods(), Objects())
        profiles = build_profiles(loaded.profiles, in_tree_registry(), handle)
        self.scheduler = Scheduler(profiles, cache, handle)
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.pods: dict[str, PodBuilder] = {}
        self.messages: dict[str, str] = {}
        """Why pods are not placed, by name."""
        self.bound: list[str] = []
        """Names, in order of their bindings."""
        self.evicted: list[str] = []
        self.failing_binds = 0
        """How many bindings are still to fail."""
        self._objects: dict[tuple[str, str], Any] = {}
        for node in nodes:
            self.tell(NodeAdded(node.obj()))

    def put(self, resource: Resource[Any], *manifests: JsonObject) -> None:
        """Objects come into being, or change."""
        for manifest in manifests:
            after = msgspec.convert(manifest, resource.type)
            key = (resource.plural, after.metadata.name)
            before, self._objects[key] = self._objects.get(key), after
            self.tell(ObjectChanged(resource, before, after))

    def add(self, *pods: PodBuilder) -> None:
        """Waiting ones are of the configuration's first profile."""
        for pod in pods:
            self.pods[pod.name] = pod.scheduler(self.scheduler_name)
            self.tell(PodAdded(self.pods[pod.name].obj()))

    def delete(self, name: str) -> None:
        self.tell(PodDeleted(self.pods.pop(name).obj()))

    def run(self, *pods: PodBuilder) -> None:
        """Add the pods, and let the scheduler do all that it can do now."""
        self.add(*pods)
        while (wake_at := self.scheduler.next_wake(self.now)) and wake_at <= self.now:
            self.tell(Tick())

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.run()

    def node_of(self, name: str) -> str:
        """Empty while the pod waits."""
        return self.pods[name].obj().spec.node_name

    def annotations_of(self, name: str) -> dict[str, str]:
        return self.pods[name].obj().metadata.annotations

    def tell(self, event: SchedulerEvent) -> None:
        for effect in self.scheduler.handle(event, self.now):
            match effect:
                case Bind():
                    self._bind(effect)
                case Evict():
                    self.evicted.append(effect.pod.name)
                    self.delete(effect.pod.name)
                case SetCondition():
                    self.messages[effect.pod.name] = effect.message
                case _:
                    pass

    def _bind(self, bind: Bind) -> None:
        pod = self.pods[bind.pod.name]
        for patch in bind.before:
            annotations = pod.obj().metadata.annotations
            pod = pod.annotations(**{**annotations, **dict(patch.annotations)})
        self.pods[bind.pod.name] = pod
        if self.failing_binds:
            self.failing_binds -= 1
            self.tell(PodUpdated(pod.obj()))
            self.tell(BindFailed(bind.pod, bind.node_name, "conflict"))
            return
        self.bound.append(bind.pod.name)
        placed = self.pods[bind.pod.name] = pod.node(bind.node_name)
        self.tell(BindSucceeded(bind.pod, bind.node_name))
        self.tell(PodUpdated(placed.obj()))

"""A rehearsal: the production scheduler on virtual time, with nodes and pods in memory.

    rehearsal = Rehearsal(SpreadOverRacks)
    rehearsal.add(make_node("n1").capacity(cpu="4"), make_pod("a").req(cpu="1"))
    rehearsal.run()
    assert rehearsal.node_of("a") == "n1"

There is no API server. What the scheduler wants done, the rehearsal does to its own objects and
tells the scheduler of it, as watches would: bindings succeed unless told otherwise, conditions
and annotations are written, evicted pods are gone at once, unless told otherwise. Nothing sleeps;
`advance` moves time.
Plugins run behind the guard that they have in production, without its time limit unless `guard`
brings one.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from shoal.api.meta import ObjectKey, timestamp
from shoal.api.pod import Pod
from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES
from shoal.scheduler import effects
from shoal.scheduler.config.loading import load
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.effects import (
    Bind,
    ClearNomination,
    Effect,
    Evict,
    PatchPod,
    PodRef,
    RecordEvent,
    SetCondition,
    WriteStatus,
)
from shoal.scheduler.events import (
    BindFailed,
    BindSucceeded,
    EvictFailed,
    NodeAdded,
    NodeDeleted,
    NodeUpdated,
    ObjectChanged,
    PodAdded,
    PodDeleted,
    PodUpdated,
    SchedulerEvent,
    Tick,
)
from shoal.scheduler.framework import out_of_tree
from shoal.scheduler.framework.guarded import Guard
from shoal.scheduler.framework.profile import PluginSpec, ProfileSpec
from shoal.scheduler.framework.registry import ENTRY_POINT_GROUP, Handle
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.queueing.scheduling_queue import QueueSettings
from shoal.testing.builders import NodeBuilder, PodBuilder
from shoal.testing.volcano import PodGroupBuilder, QueueBuilder

T = TypeVar("T")

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Enabled:
    """A plugin with what a configuration file would say of it."""

    plugin: Callable[..., Any]
    """Its class."""
    weight: int = 1
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])


Made = NodeBuilder | PodBuilder | QueueBuilder | PodGroupBuilder


class Rehearsal:
    """The default profile, less the plugins named in `without`, plus those given. Or what a
    KubeSchedulerConfiguration says, a text or a file; plugins given beside it are those that it
    may name."""

    def __init__(
        self,
        *plugins: Callable[..., Any] | Enabled,
        without: tuple[str, ...] = (),
        configuration: str | Path = "",
        settings: QueueSettings = QueueSettings(),
        guard: Guard = Guard(),
    ) -> None:
        self.now = START
        self.plugins: dict[str, Any] = {}
        """The given plugins as they were made, by name."""
        self.effects: list[Effect] = []
        """All that the scheduler wanted done, in order."""
        self.is_holding_binds = False
        """Whether bindings stay open until `confirm` or `fail`."""
        self.open_binds: dict[str, Bind] = {}
        """By namespace and name of the pod: `default/a`."""
        self.is_holding_evictions = False
        """Whether evicted pods stay, about to end, until they are deleted."""
        self.watch: Callable[[SchedulerEvent, Sequence[Effect]], None] | None = None
        """Told of each event that the scheduler was given, and of what it wants done upon it."""
        self._bind_failures: deque[str] = deque()
        self._refused_evictions = 0
        self._nodes: dict[str, NodeBuilder] = {}
        self._pods: dict[str, PodBuilder] = {}
        self._news: deque[SchedulerEvent] = deque()
        self._objects: dict[tuple[Resource[Any], ObjectKey], Any] = {}
        registry = in_tree_registry()
        registry.guard_with(guard)
        registry.register_entry_points(lambda: entry_points(group=ENTRY_POINT_GROUP))
        specs = [each for each in DEFAULT_PROFILES[0].plugins if each.name not in without]
        for plugin in plugins:
            use = plugin if isinstance(plugin, Enabled) else Enabled(plugin)
            name = _name_of(use.plugin)
            registry.register(name, self._recorded(name, use.plugin))
            specs.append(PluginSpec(name, weight=use.weight, arguments=use.arguments))
        profiles = (ProfileSpec(DEFAULT_PROFILES[0].scheduler_name, tuple(specs)),)
        if configuration:
            is_file = isinstance(configuration, Path)
            text = configuration.read_text() if is_file else configuration
            loaded = load(text, DEFAULT_PROFILES[0].plugins)
            profiles, settings = loaded.profiles, QueueSettings(backoff=loaded.backoff)
        self._build = lambda: build_scheduler(profiles, registry, settings)
        self.scheduler = self._build()

    def restart(self) -> None:
        """Another scheduler takes over: it knows what the objects say, and nothing besides."""
        self.scheduler = self._build()
        for (resource, _), each in self._objects.items():
            self.tell(ObjectChanged(resource, None, each))
        self.tell(*(NodeAdded(each.obj()) for each in self._nodes.values()))
        self.tell(*(PodAdded(each.obj()) for each in self._pods.values()))

    def _recorded(self, name: str, plugin: Callable[..., Any]) -> Callable[..., Any]:
        def build(arguments: Any, handle: Handle) -> Any:
            made = out_of_tree.construct(plugin, arguments, handle)
            self.plugins[name] = made
            return made

        return build

    def add(self, *objects: Made) -> None:
        """Objects come into being, or change."""
        for each in objects:
            if isinstance(each, QueueBuilder):
                self.put(QUEUES, each.manifest())
                continue
            if isinstance(each, PodGroupBuilder):
                self.put(POD_GROUPS, each.manifest())
                continue
            is_new = self._put(each)
            if isinstance(each, NodeBuilder):
                self.tell(NodeAdded(each.obj()) if is_new else NodeUpdated(each.obj()))
            else:
                self.tell(PodAdded(each.obj()) if is_new else PodUpdated(each.obj()))

    def delete(self, *objects: NodeBuilder | PodBuilder) -> None:
        for each in objects:
            if isinstance(each, NodeBuilder):
                del self._nodes[each.name]
                self.tell(NodeDeleted(each.name))
            else:
                gone = self._pods.pop(_key(each))
                self.tell(PodDeleted(gone.obj()))

    def change(self, pod: PodBuilder | str, change: Callable[[PodBuilder], PodBuilder]) -> None:
        """Somebody writes to a pod as it is now: `change("a", lambda p: p.phase("Running"))`."""
        known = self._pods[_key(pod)]
        self.add(change(known))

    def put(self, resource: Resource[Any], manifest: JsonObject) -> None:
        """An object of another collection comes into being, or changes: what plugins name in their
        `needs`."""
        after = msgspec.convert(manifest, resource.type)
        key = (resource, after.metadata.key)
        before = self._objects.get(key)
        self._objects[key] = after
        self.tell(ObjectChanged(resource, before, after))

    def get(self, resource: Resource[T], name: str, namespace: str = "default") -> T:
        """An object of another collection as it is now. Raises KeyError for one that is not."""
        key = ObjectKey(namespace if resource.namespaced else "", name)
        return self._objects[(resource, key)]

    def remove(self, resource: Resource[Any], name: str, namespace: str = "") -> None:
        """An object of another collection is deleted."""
        gone = self._objects.pop((resource, ObjectKey(namespace, name)))
        self.tell(ObjectChanged(resource, gone, None))

    def run(self) -> list[Effect]:
        """Let the scheduler do all that it can do now. Gives what it wanted done."""
        done = len(self.effects)
        while True:
            wake_at = self.scheduler.next_wake(self.now)
            if wake_at is None or wake_at > self.now:
                return self.effects[done:]
            self.tell(Tick())

    def advance(self, seconds: float) -> list[Effect]:
        """Let time pass; whatever comes due is done at its time."""
        done = len(self.effects)
        end = self.now + timedelta(seconds=seconds)
        self.run()
        while (wake_at := self.scheduler.next_wake(self.now)) and wake_at <= end:
            self.now = wake_at
            self.run()
        self.now = end
        return self.effects[done:]

    def tell(self, *events: SchedulerEvent) -> list[Effect]:
        """Give the scheduler these events, and then those that follow from what it wants done.
        Gives what it wanted done."""
        done = len(self.effects)
        self._news.extend(events)
        while self._news:
            event = self._news.popleft()
            wanted = self.scheduler.handle(event, self.now)
            if self.watch is not None:
                self.watch(event, wanted)
            for effect in wanted:
                self.effects.append(effect)
                self._carry_out(effect)
        return self.effects[done:]

    def fail_next_bind(self, message: str = "conflict") -> None:
        """The next binding that the scheduler asks for fails."""
        self._bind_failures.append(message)

    def refuse_next_eviction(self) -> None:
        """The next pod that the scheduler wants evicted stays."""
        self._refused_evictions += 1

    def confirm(self, pod: PodBuilder | str) -> None:
        """An open binding succeeds."""
        self._succeed(self.open_binds.pop(_key(pod)))
        self.tell()

    def fail(self, pod: PodBuilder | str, message: str = "conflict") -> None:
        """An open binding fails."""
        bind = self.open_binds.pop(_key(pod))
        self.tell(BindFailed(bind.pod, bind.node_name, message))

    def pod(self, pod: PodBuilder | str) -> Pod:
        """As it is now. Raises KeyError for one that is gone."""
        return self._pods[_key(pod)].obj()

    def node_of(self, pod: PodBuilder | str) -> str | None:
        """Where it is bound to; None while it is not."""
        return self.pod(pod).spec.node_name or None

    def message_of(self, pod: PodBuilder | str) -> str:
        """Why it is not placed, as its condition PodScheduled says; empty where that says nothing
        yet."""
        found = self.pod(pod).status.conditions
        return next((each.message for each in found if each.type == "PodScheduled"), "")

    def events_of(self, pod: PodBuilder | str) -> list[str]:
        """The notes of its events, oldest first."""
        key = _key(pod)
        recorded = (each for each in self.effects if isinstance(each, RecordEvent))
        return [each.note for each in recorded if str(each.pod) == key]

    def _put(self, each: NodeBuilder | PodBuilder) -> bool:
        """Whether it is new."""
        known: dict[str, Any] = self._nodes if isinstance(each, NodeBuilder) else self._pods
        key = each.name if isinstance(each, NodeBuilder) else _key(each)
        is_new = key not in known
        known[key] = each
        return is_new

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Bind() if self.is_holding_binds:
                self.open_binds[str(effect.pod)] = effect
            case Bind() if self._bind_failures:
                failed = BindFailed(effect.pod, effect.node_name, self._bind_failures.popleft())
                self._news.append(failed)
            case Bind():
                self._succeed(effect)
            case SetCondition():
                self._change(effect.pod, lambda pod: _with_condition(pod, effect))
            case ClearNomination():
                self._change(effect.pod, lambda pod: pod.status(nominatedNodeName=""))
            case PatchPod():
                self._annotate(effect)
            case WriteStatus():
                self._write_status(effect)
            case Evict() if self._refused_evictions:
                self._refused_evictions -= 1
                self._news.append(EvictFailed(effect.pod))
            case Evict() if self.is_holding_evictions:
                ending = timestamp(self.now)
                self._change(effect.pod, lambda pod: pod.meta(deletionTimestamp=ending))
            case Evict() if (gone := self._pods.pop(str(effect.pod), None)) is not None:
                self._news.append(PodDeleted(gone.obj()))
            case _:
                pass

    def _write_status(self, effect: WriteStatus) -> None:
        key = (effect.resource, ObjectKey(effect.pod.namespace, effect.pod.name))
        before = self._objects.get(key)
        if before is None:
            return
        known: JsonObject = msgspec.to_builtins(before)
        status = {**known.get("status", {}), **effect.patch["status"]}
        after = msgspec.convert({**known, "status": _without_nulls(status)}, effect.resource.type)
        self._objects[key] = after
        self._news.append(ObjectChanged(effect.resource, before, after))

    def _succeed(self, bind: Bind) -> None:
        for step in bind.before:
            if isinstance(step, PatchPod):
                self._annotate(step)
        self._news.append(BindSucceeded(bind.pod, bind.node_name))
        self._change(bind.pod, lambda pod: pod.node(bind.node_name))

    def _annotate(self, patch: PatchPod) -> None:
        def annotated(pod: PodBuilder) -> PodBuilder:
            before = pod.manifest()["metadata"].get("annotations", {})
            return pod.meta(annotations={**before, **dict(patch.annotations)})

        self._change(patch.pod, annotated)

    def _change(self, ref: PodRef, change: Callable[[PodBuilder], PodBuilder]) -> None:
        pod = self._pods.get(str(ref))
        if pod is not None:
            changed = self._pods[str(ref)] = change(pod)
            self._news.append(PodUpdated(changed.obj()))


def _without_nulls(value: JsonObject) -> JsonObject:
    """What a merge patch leaves."""
    return {
        key: _without_nulls(each) if isinstance(each, dict) else each
        for key, each in value.items()
        if each is not None
    }


def _with_condition(pod: PodBuilder, wanted: SetCondition) -> PodBuilder:
    told = pod.condition("PodScheduled", "False", wanted.reason, wanted.message)
    if wanted.nominated_node_name is None:
        return told
    return told.status(nominatedNodeName=wanted.nominated_node_name)


def _name_of(plugin: Callable[..., Any]) -> str:
    name = getattr(plugin, "name", None)
    return name if isinstance(name, str) else getattr(plugin, "__name__", type(plugin).__name__)


def _key(pod: PodBuilder | str) -> str:
    """A name alone is of namespace `default`."""
    if isinstance(pod, str):
        return pod if "/" in pod else f"default/{pod}"
    return str(effects.ref(pod.obj()))

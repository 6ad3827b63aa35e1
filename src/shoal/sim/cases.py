"""Cases: the state of a cluster in, so many scheduling cycles, and what was done out.

A case is a JSON object: `config` (the text of a volcano-scheduler.conf; Shoal's own rules where it
is absent), `nodes`, `queues`, `podGroups`, `pods`, `priorityClasses`, `hyperNodes`, `pdbs` as
manifests, and `cycles`. Between cycles nothing changes but what the scheduler did: a bound pod runs
on its node, an evicted one is gone.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from shoal.api.core import PRIORITY_CLASSES
from shoal.api.node import Node
from shoal.api.pod import Pod
from shoal.api.policy import BUDGETS
from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano.hyper_node import HYPER_NODES
from shoal.api.volcano.job import SCHEDULER_NAME
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES, ROOT, manifest
from shoal.scheduler.config.volcano_conf import load_volcano_conf
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.effects import Bind, Effect, Evict
from shoal.scheduler.events import (
    BindSucceeded,
    NodeAdded,
    ObjectChanged,
    PodAdded,
    PodDeleted,
    PodUpdated,
    Tick,
)
from shoal.scheduler.framework.profile import ProfileSpec
from shoal.scheduler.gangs.statuses import phase_of
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry

START = datetime(2026, 1, 2, tzinfo=UTC)
"""A day after the objects of most cases came into being."""
_CYCLE = timedelta(seconds=1)
_ENOUGH = 2**20


class CaseUnreadableError(ValueError):
    """A case that cannot be read; the text says why."""


class ClusterCase(msgspec.Struct, rename="camel", frozen=True):
    """As it is written."""

    name: str = ""
    config: str = ""
    nodes: list[JsonObject] = []
    queues: list[JsonObject] = []
    pod_groups: list[JsonObject] = []
    pods: list[JsonObject] = []
    priority_classes: list[JsonObject] = []
    hyper_nodes: list[JsonObject] = []
    pdbs: list[JsonObject] = []
    cycles: int = 1


class CaseOutcome(msgspec.Struct, frozen=True):
    """What was done: `binds` and `evictions` in all cycles, the rest as after the last one."""

    binds: dict[str, str]
    """`namespace/pod` -> node."""
    evictions: list[str]
    """Sorted."""
    pipelined: dict[str, str]
    """Pods that wait for room on a node that is about to become free."""
    phases: dict[str, str]
    """Of PodGroups."""


def read_case(line: bytes | str) -> ClusterCase:
    """Raises CaseUnreadableError."""
    try:
        return msgspec.json.decode(line, type=ClusterCase)
    except msgspec.DecodeError as error:
        raise CaseUnreadableError(str(error)) from error


def answer(case: ClusterCase) -> CaseOutcome:
    """Run the case on the production core. Raises CaseUnreadableError where an object of it cannot
    be read, ConfigurationError where its configuration is wrong."""
    run = _Run(_build(case.config))
    try:
        run.load(case)
    except msgspec.ValidationError as error:
        raise CaseUnreadableError(str(error)) from error
    for _ in range(case.cycles):
        run.cycle()
    return run.outcome()


def _build(config: str) -> Scheduler:
    if not config:
        specs = [ProfileSpec(SCHEDULER_NAME, DEFAULT_PROFILES[0].plugins)]
        return build_scheduler(specs, in_tree_registry())
    loaded = load_volcano_conf(config)
    scheduler = build_scheduler([loaded.profile], in_tree_registry())
    scheduler.set_rules(loaded.rules)
    return scheduler


@dataclass(slots=True)
class _Run:
    scheduler: Scheduler
    now: datetime = START
    pods: dict[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    binds: dict[str, str] = field(default_factory=dict[str, str])
    evictions: list[str] = field(default_factory=list[str])
    phases: dict[str, str] = field(default_factory=dict[str, str])

    def load(self, case: ClusterCase) -> None:
        for manifest_ in case.nodes:
            self.scheduler.handle(NodeAdded(msgspec.convert(manifest_, Node)), self.now)
        self._put(QUEUES, manifest(ROOT))  # One that the case has comes over it.
        for resource, objects in (
            (PRIORITY_CLASSES, case.priority_classes),
            (HYPER_NODES, case.hyper_nodes),
            (BUDGETS, case.pdbs),
            (QUEUES, case.queues),
            (POD_GROUPS, case.pod_groups),
        ):
            for each in objects:
                self._put(resource, each)
        for each in case.pods:
            pod = msgspec.convert(each, Pod)
            self.pods[str(pod.metadata.key)] = each
            self.scheduler.handle(PodAdded(pod), self.now)

    def cycle(self) -> None:
        """One round, then what follows from it."""
        done = self.scheduler.handle(Tick(_ENOUGH), self.now)
        groups = [each for each in self.scheduler.gangs.book if each.is_known]
        # Pods that are being bound do not count before they are.
        self.phases = {str(group.key): phase_of(group).value for group in groups}
        for effect in done:
            self._carry_out(effect)
        self.now += _CYCLE

    def outcome(self) -> CaseOutcome:
        book = self.scheduler.gangs.book
        nominations, reservation = self.scheduler.nominations, self.scheduler.gangs.reservation
        waiting = [each for group in book for each in group.waiting()]
        pipelined = {
            str(each.pod.key): nominations.node_of(each.uid)
            for each in waiting
            if nominations.node_of(each.uid) and not reservation.has(each.uid)
        }
        return CaseOutcome(self.binds, sorted(self.evictions), pipelined, self.phases)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Bind():
                key = str(effect.pod)
                self.binds[key] = effect.node_name
                self.scheduler.handle(BindSucceeded(effect.pod, effect.node_name), self.now)
                self._update(key, effect.node_name)
            case Evict():
                key = str(effect.pod)
                self.evictions.append(key)
                gone = self.pods.pop(key)
                self.scheduler.handle(PodDeleted(msgspec.convert(gone, Pod)), self.now)
            case _:
                pass

    def _update(self, key: str, node_name: str) -> None:
        before = self.pods[key]
        after = {
            **before,
            "spec": {**before["spec"], "nodeName": node_name},
            "status": {**before.get("status", {}), "phase": "Running"},
        }
        self.pods[key] = after
        self.scheduler.handle(PodUpdated(msgspec.convert(after, Pod)), self.now)

    def _put(self, resource: Resource[Any], obj: JsonObject) -> None:
        change = ObjectChanged(resource, None, msgspec.convert(obj, resource.type))
        self.scheduler.handle(change, self.now)

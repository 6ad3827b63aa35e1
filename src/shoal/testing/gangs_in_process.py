"""How fast the scheduler's core places gangs: in process, no API, no I/O.

All PodGroups and pods are taken in before the clock starts. It stops when the last pod is bound,
and covers rounds, bindings, and what a control plane would tell of them: outcomes, bound pods and
statuses. Time is real, since statuses are due by it.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec

from shoal.api.pod import Pod
from shoal.api.volcano.keys import GROUP_NAME
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup, PodGroupStatus
from shoal.api.volcano.queue import QUEUES, Queue, built_in_queues
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.effects import Bind, Effect, WriteStatus
from shoal.scheduler.events import (
    BindSucceeded,
    NodeAdded,
    ObjectChanged,
    PodAdded,
    PodUpdated,
    Tick,
)
from shoal.scheduler.loop import BATCH_CYCLES
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.testing.gang_load import GangLoad, GangsMeasured, Watcher, Way, members, pod_group
from shoal.testing.scheduling_load import Report, make_nodes, settled

_START = datetime(2026, 1, 1, tzinfo=UTC)


def measure_in_process(load: GangLoad, report: Report = lambda text: None) -> GangsMeasured:
    """Gangs that do not fit make the measure end when nothing more is due."""
    report("making nodes and pods")
    cluster = _Cluster(load)
    report(f"placing {load.pods} pods")
    with settled():
        return cluster.run()


class _Cluster:
    """What the core believes to be one: every effect is carried out at once, and told back."""

    def __init__(self, load: GangLoad) -> None:
        self._load = load
        self._scheduler: Scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
        self._pods: dict[str, Pod] = {}
        self._groups: dict[str, PodGroup] = {}
        self._writes: Counter[str] = Counter()
        self._tell_of_cluster()
        for number in range(load.gangs):
            self._tell_of_gang(number)

    def _tell_of_cluster(self) -> None:
        for node in make_nodes(self._load.nodes):
            self._scheduler.handle(NodeAdded(node), _START)
        for each in built_in_queues():
            queue = msgspec.convert(each, Queue)
            self._scheduler.handle(ObjectChanged(QUEUES, None, queue), _START)

    def _tell_of_gang(self, number: int) -> None:
        manifest = pod_group(self._load, number)
        manifest["metadata"]["uid"] = manifest["metadata"]["name"]
        group = self._groups[manifest["metadata"]["name"]] = msgspec.convert(manifest, PodGroup)
        self._scheduler.handle(ObjectChanged(POD_GROUPS, None, group), _START)
        for each in members(self._load, number):
            uid = each["metadata"]["uid"] = each["metadata"]["name"]
            pod = self._pods[uid] = msgspec.json.decode(msgspec.json.encode(each), type=Pod)
            self._scheduler.handle(PodAdded(pod), _START)

    def run(self) -> GangsMeasured:
        """Until all is bound, or nothing is due but what time brings."""
        watcher = Watcher(self._load)
        now = _START
        while not watcher.is_done and self._scheduler.next_wake(now) == now:
            for effect in self._scheduler.handle(Tick(BATCH_CYCLES), now):
                self._carry_out(effect, watcher, now)
            now = _START + timedelta(seconds=watcher.now_s)
        return watcher.measured(Way.IN_PROCESS, self._writes)

    def _carry_out(self, effect: Effect, watcher: Watcher, now: datetime) -> None:
        match effect:
            case Bind(pod=ref):
                self._writes["bind pods"] += 1
                self._scheduler.handle(BindSucceeded(ref, effect.node_name), now)
                pod = self._pods[ref.uid]
                spec = msgspec.structs.replace(pod.spec, node_name=effect.node_name)
                bound = msgspec.structs.replace(pod, spec=spec)
                self._scheduler.handle(PodUpdated(bound), now)
                watcher.note_bound(pod.metadata.annotations[GROUP_NAME])
            case WriteStatus(resource=resource):
                self._writes[f"update {resource.plural}"] += 1
                if resource == POD_GROUPS:
                    self._write_group(effect, now)
            case _:
                self._writes[type(effect).__name__] += 1

    def _write_group(self, effect: WriteStatus, now: datetime) -> None:
        before = self._groups[effect.pod.uid]
        known = msgspec.to_builtins(before.status)
        status = msgspec.convert({**known, **effect.patch["status"]}, PodGroupStatus)
        after = self._groups[effect.pod.uid] = msgspec.structs.replace(before, status=status)
        self._scheduler.handle(ObjectChanged(POD_GROUPS, before, after), now)

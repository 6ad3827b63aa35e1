"""What the API server knows of a shared cluster, and sums that are taken from it anew each time.

It is told what the scheduler is told and what the scheduler wants done, and shares nothing with the
scheduler's own books.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shoal.api.volcano import keys
from shoal.scheduler.effects import Bind, Effect
from shoal.scheduler.events import (
    BindFailed,
    PodAdded,
    PodDeleted,
    PodUpdated,
    SchedulerEvent,
)
from tests.simulation.drawn import QueueSpec, Room, Submit

ROOT = "root"


@dataclass
class KnownPod:
    name: str
    gang: str
    role: int
    request: Room
    node: str = ""
    """Where it is, or is being bound to."""
    phase: str = ""
    is_deleting: bool = False
    nominated: str = ""

    @property
    def is_finished(self) -> bool:
        return self.phase in ("Succeeded", "Failed")

    @property
    def is_holding(self) -> bool:
        return bool(self.node) and not self.is_finished

    @property
    def is_ready(self) -> bool:
        """Counts for the gang's minimum."""
        return self.phase == "Succeeded" or (self.is_holding and not self.is_deleting)


@dataclass
class Picture:
    nodes: dict[str, Room] = field(default_factory=dict[str, Room])
    queues: dict[str, QueueSpec] = field(default_factory=dict[str, QueueSpec])
    parents: dict[str, str] = field(default_factory=dict[str, str])
    gangs: dict[str, Submit] = field(default_factory=dict[str, Submit])
    queue_of: dict[str, str] = field(default_factory=dict[str, str])
    """By gang."""
    pods: dict[str, KnownPod] = field(default_factory=dict[str, KnownPod])

    def take(self, event: SchedulerEvent, wanted: Sequence[Effect]) -> None:
        match event:
            case PodAdded(pod) | PodUpdated(pod):
                name = pod.metadata.name
                gang = pod.metadata.annotations[keys.GROUP_NAME]
                role = int(pod.metadata.annotations[keys.TASK_SPEC][1:])
                known = self.pods.get(name)
                if known is None:
                    request = self.gangs[gang].roles[role].request
                    known = self.pods[name] = KnownPod(name, gang, role, request)
                known.node = pod.spec.node_name or known.node
                known.phase = pod.status.phase or ""
                known.is_deleting = pod.is_deleting
                known.nominated = pod.status.nominated_node_name
            case PodDeleted(pod):
                self.pods.pop(pod.metadata.name, None)
            case BindFailed(pod):
                if pod.name in self.pods:
                    self.pods[pod.name].node = ""
            case _:
                pass
        for each in wanted:
            if isinstance(each, Bind):
                pod = self.pods[each.pod.name]
                assert not pod.node, "a pod that has a node is bound"
                assert not pod.is_deleting, "a pod that is about to end is bound"
                assert each.node_name in self.nodes, "a pod is bound to a node that is not there"
                pod.node = each.node_name

    def members(self, gang: str) -> list[KnownPod]:
        return [each for each in self.pods.values() if each.gang == gang]

    def chain(self, queue: str) -> Iterator[str]:
        """The queue itself, its parent, and so on; without the root."""
        while queue != ROOT:
            yield queue
            queue = self.parents[queue]

    def held(self, queue: str = ROOT, *, with_leaving: bool = True) -> Counter[str]:
        """By pods of the queue and of those below it."""
        total: Counter[str] = Counter()
        for pod in self.pods.values():
            if not pod.is_holding or (pod.is_deleting and not with_leaving):
                continue
            if queue == ROOT or queue in self.chain(self.queue_of[pod.gang]):
                total.update(amounts_of(pod.request))
        return total

    def total(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for room in self.nodes.values():
            total.update(amounts_of(room))
        return total

    def free_on(self, node: str) -> Counter[str]:
        free = Counter(amounts_of(self.nodes[node]))
        for pod in self.pods.values():
            if pod.node == node and pod.is_holding:
                free.subtract(amounts_of(pod.request))
        return free

    def ready(self, gang: str) -> int:
        return sum(each.is_ready for each in self.members(gang))

    def has_minimum(self, gang: str) -> bool:
        ready = Counter(each.role for each in self.members(gang) if each.is_ready)
        return all(ready[i] >= role.least for i, role in enumerate(self.gangs[gang].roles))

    def minimum(self, gang: str) -> int:
        return sum(role.least for role in self.gangs[gang].roles)


def amounts_of(room: Room) -> dict[str, int]:
    """Only what is there."""
    named = {"cpu": room.cpu, "gpu": room.gpu}
    return {name: amount for name, amount in named.items() if amount}

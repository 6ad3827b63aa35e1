"""A shared cluster that lives: the production scheduler, and all those around it.

Controllers that make lost members anew, nodes on which pods start, end and take their time to end,
and an API server that refuses now and then. After each happening the scheduler does what it can;
`checks` looks at each of its steps.
"""

from collections.abc import Sequence
from typing import assert_never

from shoal.api.core import PRIORITY_CLASSES
from shoal.api.volcano import keys
from shoal.scheduler.effects import Bind, Effect, Evict, WriteStatus
from shoal.scheduler.events import BindFailed, SchedulerEvent, Tick
from shoal.scheduler.fairness.rules import Division
from shoal.testing.builders import NodeBuilder, make_node, make_pod
from shoal.testing.rehearsal import Rehearsal
from shoal.testing.volcano import make_pod_group, make_queue
from tests.simulation import book_check, checks
from tests.simulation.drawn import (
    AddNode,
    Drawn,
    EndVictims,
    FailBinds,
    Finish,
    Happening,
    Kill,
    LoseNode,
    QueueSpec,
    RefuseEviction,
    Restart,
    Room,
    Start,
    Submit,
)
from tests.simulation.expectations import Expectations
from tests.simulation.picture import ROOT, KnownPod, Picture

GPU = "nvidia.com/gpu"
MOST_TURNS = 40
"""Until a cluster of which nobody wants anything new is at rest."""
MOST_STEPS_AT_ONCE = 200
"""Of the scheduler, without any time going by."""


class World:
    def __init__(self, drawn: Drawn) -> None:
        self.rehearsal = Rehearsal()
        self.rehearsal.scheduler.set_rules(drawn.rules)
        self.rehearsal.is_holding_evictions = True
        self.rehearsal.watch = self._step
        self.rules = drawn.rules
        self.picture = Picture()
        self.expectations = Expectations(self.picture)
        self.eviction_count = 0
        self.bind_count = 0
        self.tick_count = 0
        self.write_count = 0
        self._steps_at_once = 0
        self._latest = self.rehearsal.now
        self._numbers: dict[str, int] = {}
        """Members made so far, by gang."""
        self._node_count = 0
        self._set_up(drawn)

    def _set_up(self, drawn: Drawn) -> None:
        for value in (1, 2):
            manifest = {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": f"p{value}"},
                "value": value,
            }
            self.rehearsal.put(PRIORITY_CLASSES, manifest)
        self.rehearsal.add(make_queue(ROOT))
        for number, spec in enumerate(drawn.queues):
            self._add_queue(number, spec)
        for room in drawn.nodes:
            self._add_node(room)

    def _add_queue(self, number: int, spec: QueueSpec) -> None:
        name = f"q{number}"
        parent = f"q{spec.parent}" if spec.parent >= 0 else ROOT
        self.picture.queues[name] = spec
        self.picture.parents[name] = parent
        queue = make_queue(name).weight(spec.weight).priority(spec.priority)
        queue = queue.spec(
            parent=parent, reclaimable=spec.is_reclaimable, dequeueStrategy=spec.strategy
        )
        if spec.capability:
            queue = queue.capability(**listed(spec.capability))
        if spec.guarantee:
            queue = queue.guarantee(**listed(spec.guarantee))
        if spec.deserved:
            queue = queue.deserves(**listed(spec.deserved))
        self.rehearsal.add(queue)

    def live(self, happening: Happening) -> None:
        """It happens, and the scheduler does what it can within three seconds."""
        self._happen(happening)
        self.let_be()

    def let_be(self) -> None:
        self.rehearsal.advance(3)
        self.expectations.check()

    def _happen(self, happening: Happening) -> None:
        match happening:
            case Submit():
                self.submit(happening)
            case Finish(number):
                self._finish(number)
            case Kill(number):
                self._kill(number)
            case AddNode(room):
                self._add_node(room)
            case LoseNode(number):
                self._lose_node(number)
            case FailBinds(count):
                for _ in range(count):
                    self.rehearsal.fail_next_bind()
            case EndVictims(count):
                self._end_victims(count)
            case RefuseEviction():
                self.expectations.drop_all()
                self.expectations.refusals += 1
                self.rehearsal.refuse_next_eviction()
            case Start():
                self.start_pods()
            case Restart():
                self.expectations.drop_all()
                self.rehearsal.restart()
                self.rehearsal.scheduler.set_rules(self.rules)
            case _:
                assert_never(happening)

    def submit(self, gang: Submit) -> None:
        name = f"g{len(self.picture.gangs)}"
        parents = set(self.picture.parents.values())
        leaves = sorted(each for each in self.picture.queues if each not in parents)
        queue = leaves[gang.queue % len(leaves)]
        self.picture.gangs[name] = gang
        self.picture.queue_of[name] = queue
        self.expectations.submitted(gang)
        least = sum(role.least for role in gang.roles)
        group = make_pod_group(name).queue(queue).created(self.rehearsal.now)
        minimums = {f"r{index}": role.least for index, role in enumerate(gang.roles)}
        group = group.spec(minMember=least, minTaskMember=minimums)
        if gang.priority:
            group = group.spec(priorityClassName=f"p{gang.priority}")
        if gang.says_min_resources:
            cpu = sum(role.least * role.request.cpu for role in gang.roles)
            gpu = sum(role.least * role.request.gpu for role in gang.roles)
            group = group.spec(minResources=listed(Room(cpu, gpu)))
        self.rehearsal.add(group)
        for index, role in enumerate(gang.roles):
            for _ in range(role.count):
                self._make_member(name, index)

    def _make_member(self, gang: str, role: int) -> None:
        number = self._numbers[gang] = self._numbers.get(gang, 0) + 1
        spec = self.picture.gangs[gang]
        pod = make_pod(f"{gang}-{number}").req(listed(spec.roles[role].request))
        pod = pod.priority(spec.priority).spec(restartPolicy="Never")
        pod = pod.meta(annotations={keys.GROUP_NAME: gang, keys.TASK_SPEC: f"r{role}"})
        self.rehearsal.add(pod)

    def _finish(self, number: int) -> None:
        running = self._chosen(number, with_leaving=False)
        if running is not None:
            self._change(running, "Succeeded")

    def _kill(self, number: int) -> None:
        pod = self._chosen(number)
        if pod is not None:
            self.expectations.drop_of(pod.gang)
            self._replace(pod)

    def _chosen(self, number: int, *, with_leaving: bool = True) -> KnownPod | None:
        pods = [
            each
            for each in self.picture.pods.values()
            if each.is_holding and (with_leaving or not each.is_deleting)
        ]
        return pods[number % len(pods)] if pods else None

    def _change(self, pod: KnownPod, phase: str) -> None:
        self.rehearsal.change(pod.name, lambda known: known.phase(phase))

    def _replace(self, pod: KnownPod) -> None:
        """It is gone, and its controller makes another."""
        self.rehearsal.delete(make_pod(pod.name))
        self._make_member(pod.gang, pod.role)

    def _add_node(self, room: Room) -> None:
        name = f"n{self._node_count}"
        self._node_count += 1
        self.picture.nodes[name] = room
        self.rehearsal.add(_node(name, room))

    def _lose_node(self, number: int) -> None:
        if not self.picture.nodes:
            return
        self.expectations.drop_all()
        names = sorted(self.picture.nodes)
        name = names[number % len(names)]
        self.rehearsal.delete(_node(name, self.picture.nodes.pop(name)))
        for pod in [each for each in self.picture.pods.values() if each.node == name]:
            if pod.is_holding:
                self._replace(pod)

    def victims(self) -> list[KnownPod]:
        return [each for each in self.picture.pods.values() if each.is_deleting]

    def _end_victims(self, count: int) -> None:
        for pod in self.victims()[:count]:
            self._replace(pod)

    def end_all_victims(self) -> None:
        self._end_victims(len(self.victims()))

    def come_to_rest(self) -> None:
        """Nobody asks for anything new: victims end and come back, pods start, until nothing is
        left to do. Then the scheduler sleeps."""
        limit = 3 * len(self.picture.pods)
        before = self.eviction_count
        for _ in range(MOST_TURNS):
            done = self.bind_count, self.eviction_count
            self.end_all_victims()
            self.start_pods()
            self.let_be()
            if done == (self.bind_count, self.eviction_count) and not self.victims():
                break
            assert self.eviction_count - before <= limit, "pods are evicted in turns"
        else:
            raise AssertionError("the cluster does not come to rest")
        self.rehearsal.advance(60)
        ticks, effects = self.tick_count, len(self.rehearsal.effects)
        self.rehearsal.advance(3600)
        assert len(self.rehearsal.effects) == effects, self.rehearsal.effects[effects:]
        assert self.tick_count - ticks <= 1, "the scheduler does not sleep"
        book_check.check_book(self.picture, self.rehearsal)

    def start_pods(self) -> None:
        for pod in list(self.picture.pods.values()):
            if pod.is_holding and not pod.is_deleting and pod.phase != "Running":
                self._change(pod, "Running")

    def _step(self, event: SchedulerEvent, wanted: Sequence[Effect]) -> None:
        self.picture.take(event, wanted)
        self.bind_count += sum(isinstance(each, Bind) for each in wanted)
        self.eviction_count += sum(isinstance(each, Evict) for each in wanted)
        self.write_count += sum(isinstance(each, WriteStatus) for each in wanted)
        if isinstance(event, BindFailed):
            self.expectations.drop_all()
        if not isinstance(event, Tick):
            return
        self.tick_count += 1
        self._steps_at_once = self._steps_at_once + 1 if self._latest == self.rehearsal.now else 0
        self._latest = self.rehearsal.now
        assert self._steps_at_once < MOST_STEPS_AT_ONCE, "the scheduler is busy with nothing"
        checks.check_step(self.picture, wanted, is_tree=self.rules.division is Division.FAIR)
        book_check.check_members(self.picture, self.rehearsal.scheduler.gangs.book)
        self.expectations.note(wanted, knows_all_promises=not self.rules.reservation)


def listed(room: Room) -> dict[str, str]:
    """As manifests have it."""
    named = {"cpu": room.cpu, GPU: room.gpu}
    return {name: str(amount) for name, amount in named.items() if amount}


def _node(name: str, room: Room) -> NodeBuilder:
    return make_node(name).capacity(**listed(room), pods="110")

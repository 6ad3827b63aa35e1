"""What holds whatever happens: drawn sequences of events against the whole core."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unittest import TestCase

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shoal.scheduler.core import build_scheduler
from shoal.scheduler.effects import Bind, Effect, Evict, PodRef
from shoal.scheduler.events import (
    BindFailed,
    BindSucceeded,
    EvictFailed,
    NodeAdded,
    NodeDeleted,
    NodeUpdated,
    PodAdded,
    PodDeleted,
    PodUpdated,
    Tick,
)
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.queueing.rooms import Room
from shoal.testing.builders import PodBuilder, make_node, make_pod

CPU_REQUESTS = ("500m", "1", "1500m", "3")


@dataclass
class Known:
    """A pod of the test's own picture of the API server."""

    builder: PodBuilder
    cpu_millis: int
    node_name: str = ""
    is_binding: bool = False


class SchedulerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
        self.nodes: dict[str, int] = {}
        self.pods: dict[str, Known] = {}
        self.binds: list[Bind] = []
        self.evictions: list[PodRef] = []
        self.count = 0

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Bind):
                pod = self.pods[effect.pod.name]
                assert not pod.node_name
                assert not pod.is_binding
                assert effect.node_name in self.nodes
                pod.is_binding = True
                pod.node_name = effect.node_name
                self.binds.append(effect)
                self.check_no_node_is_overcommitted(effect.node_name)
            elif isinstance(effect, Evict):
                self.evictions.append(effect.pod)

    def check_no_node_is_overcommitted(self, name: str) -> None:
        used = sum(pod.cpu_millis for pod in self.pods.values() if pod.node_name == name)
        assert used <= self.nodes[name] * 1000

    @rule(cpu=st.integers(1, 4))
    def add_node(self, cpu: int) -> None:
        name = f"n{len(self.nodes)}"
        if name not in self.nodes:
            self.nodes[name] = cpu
            node = make_node(name).capacity(cpu=str(cpu)).obj()
            self.take(self.scheduler.handle(NodeAdded(node), self.now))

    @precondition(lambda self: self.nodes)
    @rule(data=st.data(), taint=st.booleans())
    def taint_node(self, data: st.DataObject, taint: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.nodes)))
        node = make_node(name).capacity(cpu=str(self.nodes[name]))
        node = node.taint("full") if taint else node
        self.take(self.scheduler.handle(NodeUpdated(node.obj()), self.now))

    @precondition(lambda self: self.nodes)
    @rule()
    def remove_last_node(self) -> None:
        name = f"n{len(self.nodes) - 1}"
        if any(pod.node_name == name for pod in self.pods.values()):
            return
        del self.nodes[name]
        self.take(self.scheduler.handle(NodeDeleted(name), self.now))

    @rule(cpu=st.sampled_from(CPU_REQUESTS), priority=st.integers(0, 2))
    def add_pod(self, cpu: str, priority: int) -> None:
        self.count += 1
        name = f"p{self.count}"
        builder = make_pod(name).req(cpu=cpu).priority(priority)
        millis = int(cpu[:-1]) if cpu.endswith("m") else int(cpu) * 1000
        self.pods[name] = Known(builder, millis)
        self.take(self.scheduler.handle(PodAdded(builder.obj()), self.now))

    @precondition(lambda self: self.pods)
    @rule(data=st.data())
    def delete_pod(self, data: st.DataObject) -> None:
        self.delete(data.draw(st.sampled_from(sorted(self.pods))))

    def delete(self, name: str) -> None:
        pod = self.pods.pop(name)
        builder = pod.builder if pod.is_binding else pod.builder.node(pod.node_name)
        self.take(self.scheduler.handle(PodDeleted(builder.obj()), self.now))

    @precondition(lambda self: self.evictions)
    @rule(data=st.data(), works=st.booleans())
    def end_an_eviction(self, data: st.DataObject, works: bool) -> None:
        pod = self.evictions.pop(data.draw(st.integers(0, len(self.evictions) - 1)))
        if works and pod.name in self.pods:
            self.delete(pod.name)
        else:
            self.take(self.scheduler.handle(EvictFailed(pod), self.now))

    @precondition(lambda self: self.binds)
    @rule(data=st.data(), works=st.booleans(), watch_is_first=st.booleans())
    def end_a_binding(self, data: st.DataObject, works: bool, watch_is_first: bool) -> None:
        bind = self.binds.pop(data.draw(st.integers(0, len(self.binds) - 1)))
        pod = self.pods.get(bind.pod.name)
        if pod is None or not works:
            if pod is not None:
                pod.is_binding, pod.node_name = False, ""
            failed = BindFailed(bind.pod, bind.node_name, "no")
            self.take(self.scheduler.handle(failed, self.now))
            return
        pod.is_binding = False
        answers = [
            BindSucceeded(bind.pod, bind.node_name),
            PodUpdated(pod.builder.node(bind.node_name).obj()),
        ]
        for event in reversed(answers) if watch_is_first else answers:
            self.take(self.scheduler.handle(event, self.now))

    @rule(delay_s=st.sampled_from((0, 1, 5, 400)), max_cycles=st.integers(1, 5))
    def tick(self, delay_s: int, max_cycles: int) -> None:
        self.now += timedelta(seconds=delay_s)
        self.take(self.scheduler.handle(Tick(max_cycles), self.now))

    @invariant()
    def every_waiting_pod_is_in_one_room(self) -> None:
        rooms = self.scheduler.statistics()
        waiting = sum(1 for pod in self.pods.values() if not pod.node_name)
        assert sum(rooms.values()) == waiting
        assert rooms[Room.IN_FLIGHT] == 0

    def teardown(self) -> None:
        """Whatever happened, room that is free is used in the end."""
        for bind in self.binds:
            self.take(self.scheduler.handle(BindFailed(bind.pod, bind.node_name, "no"), self.now))
            if pod := self.pods.get(bind.pod.name):
                pod.is_binding, pod.node_name = False, ""
        self.binds.clear()
        while self.evictions:
            self.take(self.scheduler.handle(EvictFailed(self.evictions.pop()), self.now))
        self.nodes["spare"] = 1000
        spare = make_node("spare").capacity(cpu="1000").obj()
        self.take(self.scheduler.handle(NodeAdded(spare), self.now))
        for _ in range(20):
            self.now += timedelta(seconds=30)
            self.take(self.scheduler.handle(Tick(), self.now))
        assert not self.evictions
        assert all(pod.node_name for pod in self.pods.values())


class TestSchedulerInvariants(SchedulerMachine.TestCase, TestCase):
    settings = settings(max_examples=60, stateful_step_count=40)

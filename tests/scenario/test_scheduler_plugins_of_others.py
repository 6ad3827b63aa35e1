"""Plugins of users in the whole core: permission, PreBind, and plugins that misbehave."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shoal.scheduler import effects
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.effects import (
    Bind,
    Effect,
    Evict,
    PatchPod,
    PodRef,
    RecordEvent,
    SetCondition,
    UnscheduledReason,
)
from shoal.scheduler.events import BindFailed, BindSucceeded, NodeAdded, PodAdded, Tick
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.plugin import PostFilterResult
from shoal.scheduler.framework.profile import PluginSpec, ProfileSpec
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.testing.builders import make_node, make_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NODE = make_node("n").capacity(cpu="4", memory="8Gi").obj()
POD = make_pod("a").req(cpu="3").obj()


def scheduler_with(factory: Callable[[Any, Handle], Any]) -> Scheduler:
    registry = in_tree_registry()
    registry.register("Mine", factory)
    plugins = (*DEFAULT_PROFILES[0].plugins, PluginSpec("Mine"))
    made = build_scheduler([ProfileSpec("default-scheduler", plugins)], registry)
    made.handle(NodeAdded(NODE), NOW)
    made.handle(PodAdded(POD), NOW)
    return made


def binds(done: Sequence[Effect]) -> list[Bind]:
    return [each for each in done if isinstance(each, Bind)]


def notes(done: Sequence[Effect]) -> list[str]:
    return [each.note for each in done if isinstance(each, RecordEvent)]


class Doorman:
    """Lets pods wait for a minute."""

    name = "Mine"

    def __init__(self, arguments: Any, handle: Handle) -> None:
        self.waiting = handle.waiting_pods
        self.unreserved: list[str] = []

    def permit(self, *_: object) -> tuple[Status, float]:
        return Status(Code.WAIT), 60.0

    def reserve(self, *_: object) -> Status:
        return SUCCESS

    def unreserve(self, state: Any, pod: Any, node_name: str) -> None:
        self.unreserved.append(pod.name)


def doorman() -> tuple[Scheduler, Doorman]:
    made: list[Doorman] = []

    def build(arguments: Any, handle: Handle) -> Doorman:
        made.append(Doorman(arguments, handle))
        return made[0]

    return scheduler_with(build), made[0]


def test_a_pod_is_bound_when_it_is_allowed() -> None:
    scheduler, plugin = doorman()
    assert scheduler.handle(Tick(), NOW) == []
    [waiting] = plugin.waiting
    assert (waiting.pod.name, waiting.node_name) == ("a", "n")
    waiting.allow("Mine")
    assert scheduler.next_wake(NOW) == NOW
    [bind] = binds(scheduler.handle(Tick(), NOW))
    assert bind.node_name == "n"


def test_a_waiting_pod_holds_its_room() -> None:
    scheduler, _ = doorman()
    scheduler.handle(Tick(), NOW)
    scheduler.handle(PodAdded(make_pod("b").req(cpu="2").obj()), NOW)
    assert notes(scheduler.handle(Tick(), NOW)) == [
        "0/1 nodes are available: 1 Insufficient cpu.",
    ]


def test_a_pod_that_waits_too_long_is_taken_back() -> None:
    scheduler, plugin = doorman()
    scheduler.handle(Tick(), NOW)
    deadline = NOW + timedelta(seconds=60)
    assert scheduler.next_wake(NOW) == deadline
    done = scheduler.handle(Tick(max_cycles=0), deadline)
    text = "rejected due to timeout after waiting 60s at plugin Mine"
    assert notes(done) == [f"0/1 nodes are available: 1 {text}."]
    assert plugin.unreserved == ["a"]


class Labeller:
    """Writes down where the pod goes before it is bound."""

    name = "Mine"

    def __init__(self, arguments: Any, handle: Handle) -> None:
        self.bound: list[str] = []

    def pre_bind(self, state: Any, pod: Any, node_name: str) -> tuple[tuple[PatchPod, ...], Status]:
        return (PatchPod(effects.ref(pod.object), (("went-to", node_name),)),), SUCCESS

    def post_bind(self, state: Any, pod: Any, node_name: str) -> None:
        self.bound.append(node_name)


def test_what_pre_bind_wants_goes_with_the_binding() -> None:
    made: list[Labeller] = []

    def build(arguments: Any, handle: Handle) -> Labeller:
        made.append(Labeller(arguments, handle))
        return made[0]

    scheduler = scheduler_with(build)
    [bind] = binds(scheduler.handle(Tick(), NOW))
    assert bind.before == (PatchPod(PodRef("default", "a", "a"), (("went-to", "n"),)),)
    assert made[0].bound == []
    scheduler.handle(BindSucceeded(bind.pod, "n"), NOW)
    assert made[0].bound == ["n"]


class Broken:
    name = "Mine"

    def __init__(self, arguments: Any, handle: Handle) -> None:
        pass

    def filter(self, *_: object) -> Status:
        raise KeyError("oops")


def test_a_plugin_that_raises_costs_the_attempt_and_is_named() -> None:
    scheduler = scheduler_with(Broken)
    done = scheduler.handle(Tick(), NOW)
    text = "running \"Mine\" filter plugin: 'oops'"
    assert notes(done) == [text]
    [condition] = [each for each in done if isinstance(each, SetCondition)]
    assert (condition.reason, condition.message) == (UnscheduledReason.SCHEDULER_ERROR, text)


class Preemptor:
    name = "Mine"

    def __init__(self, arguments: Any, handle: Handle) -> None:
        pass

    def post_filter(
        self, state: Any, pod: Any, rejected: Any
    ) -> tuple[PostFilterResult | None, Status]:
        assert rejected.rows_with_code(Code.UNSCHEDULABLE) == [0]
        victim = Evict(PodRef("default", "victim", "victim"), "PreemptionByScheduler", "make room")
        return PostFilterResult("n", (victim,)), SUCCESS


def test_what_post_filter_wants_is_done_and_its_nomination_written() -> None:
    scheduler = scheduler_with(Preemptor)
    victim = make_pod("victim").req(cpu="3").node("n").obj()
    scheduler.handle(PodAdded(victim), NOW)
    done = scheduler.handle(Tick(), NOW)
    [condition] = [each for each in done if isinstance(each, SetCondition)]
    assert condition.nominated_node_name == "n"
    assert isinstance(done[-1], Evict)


class Refuser:
    name = "Mine"

    def __init__(self, arguments: Any, handle: Handle) -> None:
        pass

    def reserve(self, *_: object) -> Status:
        return statuses.unschedulable("no device left")

    def unreserve(self, *_: object) -> None:
        pass


def test_a_refused_reservation_frees_the_node() -> None:
    scheduler = scheduler_with(Refuser)
    assert notes(scheduler.handle(Tick(), NOW)) == [
        "0/1 nodes are available: 1 no device left.",
    ]
    failed = BindFailed(PodRef("default", "a", "a"), "n", "never bound")
    assert scheduler.handle(failed, NOW) == []

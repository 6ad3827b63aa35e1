"""Pods that make room for others, from the first attempt to the placement, in virtual time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
import pytest

from shoal.api.policy import BUDGETS, PodDisruptionBudget
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.effects import (
    Bind,
    ClearNomination,
    Effect,
    Evict,
    PodRef,
    RecordEvent,
    SetCondition,
)
from shoal.scheduler.events import (
    BindSucceeded,
    EvictFailed,
    NodeAdded,
    ObjectChanged,
    PodAdded,
    PodDeleted,
    PodUpdated,
    SchedulerEvent,
    Tick,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.points import PluginSpec
from shoal.scheduler.framework.profile import ProfileSpec
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state.pod_info import PodInfo
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod

_E = TypeVar("_E", bound=Effect)

N1 = make_node("n1").capacity(cpu="2")
N2 = make_node("n2").capacity(cpu="2")


class HoldLowPods:
    """Lets pods of priority 1 wait for a permission that nobody gives."""

    name = "HoldLowPods"

    def __init__(self, arguments: object, handle: Handle) -> None:
        pass

    def permit(self, state: CycleState, pod: PodInfo, node_name: str) -> tuple[Status, float]:
        return (Status(Code.WAIT), 600.0) if pod.priority == 1 else (SUCCESS, 0.0)


def scheduler_that_holds_low_pods() -> Scheduler:
    base = DEFAULT_PROFILES[0]
    registry = in_tree_registry()
    registry.register("HoldLowPods", HoldLowPods)
    plugins = (*base.plugins, PluginSpec("HoldLowPods"))
    return build_scheduler([ProfileSpec(base.scheduler_name, plugins)], registry)


@dataclass
class Run:
    """A scheduler, its time, and what it wanted done lately."""

    scheduler: Scheduler = field(
        default_factory=lambda: build_scheduler(DEFAULT_PROFILES, in_tree_registry())
    )
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    done: list[Effect] = field(default_factory=list[Effect])

    def tell(self, *events: SchedulerEvent) -> None:
        self.done = [each for event in events for each in self.scheduler.handle(event, self.now)]

    def add(self, *objects: NodeBuilder | PodBuilder) -> None:
        for each in objects:
            is_node = isinstance(each, NodeBuilder)
            self.tell(NodeAdded(each.obj()) if is_node else PodAdded(each.obj()))

    def budget(self, allowed: int, **labels: str) -> None:
        raw = {
            "metadata": {"name": "budget", "namespace": "default"},
            "spec": {"selector": {"matchLabels": labels}},
            "status": {"disruptionsAllowed": allowed},
        }
        self.tell(ObjectChanged(BUDGETS, None, msgspec.convert(raw, PodDisruptionBudget)))

    def after(self, delay_s: float) -> None:
        self.now += timedelta(seconds=delay_s)
        self.tell(Tick())

    def all(self, kind: type[_E]) -> Sequence[_E]:
        """Of what the latest call wanted done."""
        return [each for each in self.done if isinstance(each, kind)]

    @property
    def bound(self) -> dict[str, str]:
        return {each.pod.name: each.node_name for each in self.all(Bind)}

    @property
    def evicted(self) -> list[str]:
        return [each.pod.name for each in self.all(Evict)]

    @property
    def nominated(self) -> dict[str, str | None]:
        return {each.pod.name: each.nominated_node_name for each in self.all(SetCondition)}

    @property
    def messages(self) -> list[str]:
        failed = (each for each in self.all(RecordEvent) if each.reason == "FailedScheduling")
        return [each.note for each in failed]


def low(name: str, cpu: str = "2", node: str = "n1", priority: int = 0) -> PodBuilder:
    return make_pod(name).req(cpu=cpu).priority(priority).node(node)


def high(name: str = "high", cpu: str = "2", priority: int = 10) -> PodBuilder:
    return make_pod(name).req(cpu=cpu).priority(priority)


def terminating(pod: PodBuilder) -> PodBuilder:
    return pod.terminating().condition("DisruptionTarget", "True", "PreemptionByScheduler")


def test_a_pod_of_higher_priority_takes_the_place_of_a_lower_one() -> None:
    run = Run()
    run.add(N1, low("victim"), high())
    run.after(0)
    assert run.messages == ["0/1 nodes are available: 1 Insufficient cpu."]
    assert run.nominated == {"high": "n1"}
    [evict] = run.all(Evict)
    assert evict.pod == PodRef("default", "victim", "victim")
    assert evict.reason == "PreemptionByScheduler"
    assert evict.message == ("default-scheduler: preempting to accommodate a higher priority pod")
    told = next(each for each in run.all(RecordEvent) if each.reason == "Preempted")
    assert (told.pod, told.action) == (evict.pod, "Preempting")
    assert told.note == "Preempted by pod high on node n1"
    run.tell(PodDeleted(low("victim").obj()))
    run.after(1)
    assert run.bound == {"high": "n1"}


def test_nobody_goes_in_vain() -> None:
    run = Run()
    run.add(N1, low("small", "1"), low("other", "1"), high(cpu="3"))
    run.after(0)
    assert run.evicted == []
    assert run.messages == [
        "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
        "1 Preemption is not helpful for scheduling."
    ]


def test_pods_of_equal_priority_stay() -> None:
    run = Run()
    run.add(N1, low("equal", priority=10), high())
    run.after(0)
    assert run.evicted == []
    assert run.messages == [
        "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
        "1 No preemption victims found for incoming pod."
    ]


def test_a_pod_that_must_not_preempt_waits() -> None:
    run = Run()
    run.add(N1, low("low"), high().spec(preemptionPolicy="Never"))
    run.after(0)
    assert run.evicted == []
    assert run.messages == [
        "0/1 nodes are available: 1 Insufficient cpu. "
        "preemption: not eligible due to preemptionPolicy=Never."
    ]


def test_only_as_many_go_as_must_and_the_less_important_first() -> None:
    run = Run()
    run.add(N1, low("old", "1", priority=2), low("young", "1", priority=1), high(cpu="1"))
    run.after(0)
    assert run.evicted == ["young"]


def test_the_node_with_the_less_important_victim_is_taken() -> None:
    run = Run()
    run.add(N1, N2, low("dear", priority=5), low("cheap", node="n2", priority=1), high())
    run.after(0)
    assert run.evicted == ["cheap"]
    assert run.nominated == {"high": "n2"}


def test_a_budget_protects_its_pods_while_others_can_go() -> None:
    run = Run()
    run.budget(0, app="db")
    protected = low("protected", priority=1).labels(app="db")
    run.add(N1, N2, protected, low("other", node="n2", priority=5), high())
    run.after(0)
    assert run.evicted == ["other"]


def test_a_budget_gives_way_where_nothing_else_helps() -> None:
    run = Run()
    run.budget(0, app="db")
    run.add(N1, low("protected").labels(app="db"), high())
    run.after(0)
    assert run.evicted == ["protected"]


def test_the_pod_is_tried_again_only_when_all_its_victims_are_leaving() -> None:
    run = Run()
    run.add(N1, low("a", "1"), low("b", "1"), high())
    run.after(0)
    assert sorted(run.evicted) == ["a", "b"]
    run.tell(PodDeleted(low("a", "1").obj()))
    run.after(60)
    assert run.messages == []
    run.tell(PodDeleted(low("b", "1").obj()))
    run.after(1)
    assert run.bound == {"high": "n1"}


def test_a_victim_that_takes_its_time_is_waited_for() -> None:
    run = Run()
    run.add(N1, low("victim"), high())
    run.after(0)
    run.tell(PodUpdated(terminating(low("victim")).obj()))
    run.tell(PodUpdated(high().status(nominatedNodeName="n1").obj()))
    run.add(make_node("tainted").capacity(cpu="8").taint("dedicated"))
    run.after(60)
    assert run.evicted == []
    [message] = run.messages
    assert message.endswith(
        "preemption: not eligible due to a terminating pod on the nominated node."
    )
    run.tell(PodDeleted(terminating(low("victim")).obj()))
    run.after(10)
    assert run.bound == {"high": "n1"}


def test_the_pod_may_go_elsewhere_while_its_victim_takes_its_time() -> None:
    run = Run()
    run.add(N1, low("victim"), high())
    run.after(0)
    run.tell(PodUpdated(terminating(low("victim")).obj()))
    run.add(N2)
    run.after(60)
    assert run.bound == {"high": "n2"}


def test_lower_pods_leave_the_room_that_was_made() -> None:
    run = Run()
    run.add(N1, low("a", "1"), low("b", "1"), high())
    run.after(0)
    run.tell(PodDeleted(low("a", "1").obj()))
    run.add(make_pod("latecomer").req(cpu="1").priority(1))
    run.after(1)
    assert run.bound == {}
    assert run.messages[0].startswith("0/1 nodes are available: 1 Insufficient cpu.")


def test_a_pod_that_matters_more_may_take_the_room() -> None:
    run = Run()
    run.add(N1, low("victim"), high())
    run.after(0)
    run.tell(PodDeleted(low("victim").obj()))
    run.add(high("higher", priority=20))
    run.after(1)
    assert run.bound == {"higher": "n1"}
    run.tell(BindSucceeded(PodRef("default", "higher", "higher"), "n1"))
    run.add(N2)
    run.after(10)
    assert run.bound == {"high": "n2"}


def test_a_more_important_pod_takes_over_the_node_and_the_nomination_ends() -> None:
    run = Run()
    run.add(N1, low("victim"), high("mid", priority=5))
    run.after(0)
    run.add(high("top", priority=20))
    run.after(0)
    assert run.nominated["top"] == "n1"
    assert [each.pod.name for each in run.all(ClearNomination)] == ["mid"]
    run.tell(PodDeleted(low("victim").obj()))
    run.after(1)
    assert run.bound == {"top": "n1"}


def test_an_evicted_pod_that_comes_back_evicts_a_lower_one_in_turn() -> None:
    run = Run()
    run.add(N1, N2, low("mid", priority=5), low("least", node="n2", priority=6), high())
    run.after(0)
    assert run.evicted == ["mid"]
    run.tell(PodDeleted(low("mid", priority=5).obj()))
    run.add(high("mid-again", priority=8))
    run.after(1)
    assert run.bound == {"high": "n1"}
    assert run.evicted == ["least"]
    assert run.nominated == {"mid-again": "n2"}


def test_an_eviction_that_fails_is_tried_again() -> None:
    run = Run()
    run.add(N1, low("victim"), high())
    run.after(0)
    run.tell(EvictFailed(PodRef("default", "victim", "victim")))
    run.after(1)
    assert run.evicted == ["victim"]


def test_a_pod_that_waits_for_permission_is_turned_back_and_not_deleted() -> None:
    run = Run(scheduler_that_holds_low_pods())
    run.add(N1, make_pod("waits").req(cpu="2").priority(1))
    run.after(0)
    assert run.bound == {}
    run.add(high())
    run.after(0)
    assert run.evicted == []
    notes = [each.note for each in run.all(RecordEvent) if each.reason == "Preempted"]
    assert notes == ["Preempted by pod high on node n1 (in kube-scheduler memory)."]
    run.after(1)
    assert run.bound == {"high": "n1"}


def test_a_nomination_that_the_api_server_tells_of_keeps_its_room() -> None:
    run = Run()
    run.add(N1, high().gate("later").status(nominatedNodeName="n1"))
    run.add(make_pod("lower").req(cpu="1"))
    run.after(0)
    assert run.bound == {}
    run.tell(PodDeleted(high().gate("later").status(nominatedNodeName="n1").obj()))
    run.after(10)
    assert run.bound == {"lower": "n1"}


def test_a_nomination_that_came_to_nothing_is_taken_back() -> None:
    run = Run()
    run.add(N1, low("equal", priority=10))
    run.add(high().status(nominatedNodeName="n1"))
    run.after(0)
    assert run.nominated == {"high": ""}
    run.tell(PodDeleted(low("equal", priority=10).obj()))
    run.add(make_pod("lower").req(cpu="1").priority(1))
    run.after(0)
    assert run.bound == {"lower": "n1"}


def test_a_pod_goes_where_it_is_nominated_to_though_another_node_scores_higher() -> None:
    run = Run()
    run.add(make_node("empty").capacity(cpu="64"), N1)
    run.add(high(cpu="1").status(nominatedNodeName="n1"))
    run.after(0)
    assert run.bound == {"high": "n1"}


def test_pods_keep_apart_from_nominated_pods_that_want_to_be_alone() -> None:
    alone = high("alone", "1").pod_anti_affinity("kubernetes.io/hostname", {"app": "web"})
    run = Run()
    run.add(N1, alone.gate("later").status(nominatedNodeName="n1"))
    run.add(make_pod("web").req(cpu="1").labels(app="web"), make_pod("db").req(cpu="1"))
    run.after(0)
    assert run.bound == {"db": "n1"}
    [message] = run.messages
    assert "didn't satisfy existing pods anti-affinity rules" in message


@pytest.mark.parametrize("has_port", [True, False])
def test_what_is_in_the_way_goes_whatever_it_is(has_port: bool) -> None:
    run = Run()
    in_the_way = low("in-the-way", "1", priority=5)
    preemptor = high(cpu="1")
    if has_port:
        in_the_way, preemptor = in_the_way.host_port(80), preemptor.host_port(80)
    else:
        in_the_way = in_the_way.labels(app="web")
        preemptor = preemptor.pod_anti_affinity("kubernetes.io/hostname", {"app": "web"})
    run.add(N1, in_the_way, low("bystander", "1", priority=1), preemptor)
    run.after(0)
    assert run.evicted == ["in-the-way"]

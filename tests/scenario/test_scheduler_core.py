"""The whole scheduler core in virtual time: events in, effects out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from shoal.api.pod import Pod
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.effects import (
    Bind,
    Effect,
    PodRef,
    RecordEvent,
    SetCondition,
    UnscheduledReason,
)
from shoal.scheduler.events import (
    BindFailed,
    BindSucceeded,
    NodeAdded,
    NodeDeleted,
    NodeUpdated,
    PodAdded,
    PodDeleted,
    PodUpdated,
    SchedulerEvent,
    Tick,
)
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.queueing.rooms import Room
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod


@dataclass
class Run:
    """A scheduler and its time."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    effects: list[Effect] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())

    def tell(self, *events: SchedulerEvent) -> list[Effect]:
        told: list[Effect] = []
        for event in events:
            told += self.scheduler.handle(event, self.now)
        self.effects += told
        return told

    def nodes(self, *nodes: NodeBuilder) -> None:
        self.tell(*(NodeAdded(node.obj()) for node in nodes))

    def pods(self, *pods: PodBuilder) -> None:
        self.tell(*(PodAdded(pod.obj()) for pod in pods))

    def tick(self) -> list[Effect]:
        return self.tell(Tick())

    def after(self, delay_s: float) -> list[Effect]:
        self.now += timedelta(seconds=delay_s)
        return self.tick()

    def bound(self, effects: Sequence[Effect]) -> dict[str, str]:
        return {each.pod.name: each.node_name for each in effects if isinstance(each, Bind)}

    def is_waiting(self) -> bool:
        wake_at = self.scheduler.next_wake(self.now)
        return wake_at is None or wake_at > self.now


def messages(effects: Sequence[Effect]) -> list[str]:
    return [each.note for each in effects if isinstance(each, RecordEvent)]


def conditions(effects: Sequence[Effect]) -> list[SetCondition]:
    return [each for each in effects if isinstance(each, SetCondition)]


def placed(pod: PodBuilder, node_name: str) -> Pod:
    return pod.node(node_name).obj()


SMALL = make_node("small").capacity(cpu="1", memory="4Gi")
LARGE = make_node("large").capacity(cpu="8", memory="32Gi")
NO_HELP_1 = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
BIG_POD = make_pod("big").req(cpu="4", memory="1Gi")


def test_a_pod_goes_to_the_emptier_node() -> None:
    run = Run()
    run.nodes(SMALL, LARGE)
    run.pods(make_pod("a").req(cpu="500m", memory="1Gi"))
    assert run.bound(run.tick()) == {"a": "large"}


def test_equal_scores_go_to_the_node_that_came_first() -> None:
    run = Run()
    run.nodes(*(make_node(f"n{i}").capacity(cpu="4", memory="8Gi") for i in range(3)))
    run.pods(*(make_pod(f"p{i}").req(cpu="1", memory="1Gi") for i in range(4)))
    assert run.bound(run.tick()) == {"p0": "n0", "p1": "n1", "p2": "n2", "p3": "n0"}


def test_higher_priority_is_served_first() -> None:
    run = Run()
    run.nodes(make_node("n").capacity(cpu="1"))
    run.pods(
        make_pod("low").req(cpu="1"),
        make_pod("high").req(cpu="1").priority(10),
    )
    assert run.bound(run.tick()) == {"high": "n"}


def test_success_is_told_when_the_binding_is_made() -> None:
    run = Run()
    run.nodes(LARGE)
    run.pods(BIG_POD)
    run.tick()
    told = run.tell(BindSucceeded(PodRef("default", "big", "big"), "large"))
    assert messages(told) == ["Successfully assigned default/big to large"]


def test_a_pod_waits_for_a_node_that_its_selector_matches() -> None:
    run = Run()
    run.nodes(LARGE)
    run.pods(BIG_POD.spec(nodeSelector={"disk": "ssd"}))
    text = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    assert messages(run.tick()) == [f"{text} {NO_HELP_1}"]
    run.tell(NodeUpdated(LARGE.labels(disk="ssd").obj()))
    assert run.bound(run.after(1)) == {"big": "large"}


def test_a_rejected_pod_says_why_in_its_event_and_condition() -> None:
    run = Run()
    run.nodes(SMALL, make_node("tainted").capacity(cpu="8").taint("dedicated"))
    run.pods(BIG_POD)
    told = run.tick()
    text = (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). "
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )
    assert messages(told) == [text]
    [condition] = conditions(told)
    assert (condition.reason, condition.message) == (UnscheduledReason.UNSCHEDULABLE, text)


def test_a_condition_that_says_nothing_new_is_not_written_again() -> None:
    run = Run()
    run.nodes(SMALL)
    run.pods(BIG_POD)
    [condition] = conditions(run.tick())
    told = BIG_POD.condition("PodScheduled", "False", "Unschedulable", condition.message)
    run.tell(PodUpdated(told.obj()))
    run.tell(NodeUpdated(SMALL.capacity(cpu="2", memory="8Gi").obj()))
    later = run.after(301)
    assert messages(later) == [condition.message]
    assert conditions(later) == []


def test_without_nodes_a_pod_waits_for_one() -> None:
    run = Run()
    run.pods(BIG_POD)
    assert messages(run.tick()) == ["no nodes available to schedule pods"]
    assert run.is_waiting()
    run.nodes(LARGE)
    assert run.bound(run.tick()) == {"big": "large"}


def test_a_rejected_pod_is_not_tried_again_before_something_helps() -> None:
    run = Run()
    run.nodes(SMALL)
    run.pods(BIG_POD)
    run.tick()
    assert run.after(60) == []
    run.nodes(make_node("other").capacity(cpu="2"))
    assert run.after(60) == []
    run.nodes(LARGE)
    assert run.bound(run.tick()) == {"big": "large"}


def test_a_rejected_pod_is_tried_again_after_five_minutes_whatever_happens() -> None:
    run = Run()
    run.nodes(SMALL)
    run.pods(BIG_POD)
    run.tick()
    assert run.after(299) == []
    assert len(messages(run.after(1))) == 1


def test_the_room_that_a_deleted_pod_leaves_is_used() -> None:
    run = Run()
    run.nodes(LARGE)
    holder = make_pod("holder").req(cpu="6")
    run.tell(PodAdded(placed(holder, "large")))
    run.pods(BIG_POD)
    assert run.bound(run.tick()) == {}
    run.tell(PodDeleted(placed(holder, "large")))
    assert run.bound(run.after(2)) == {"big": "large"}


def test_a_finished_pod_takes_no_room() -> None:
    run = Run()
    run.nodes(LARGE)
    holder = make_pod("holder").req(cpu="6").node("large")
    run.tell(PodAdded(holder.obj()))
    run.pods(BIG_POD)
    run.tick()
    run.tell(PodUpdated(holder.phase("Succeeded").obj()))
    assert run.bound(run.after(2)) == {"big": "large"}


def test_a_failed_binding_is_forgotten_and_tried_again_after_a_back_off() -> None:
    run = Run()
    run.nodes(LARGE)
    run.pods(BIG_POD)
    run.tick()
    told = run.tell(BindFailed(PodRef("default", "big", "big"), "large", "no connection"))
    assert messages(told) == ["no connection"]
    assert conditions(told)[0].reason == UnscheduledReason.SCHEDULER_ERROR
    assert run.tick() == []
    assert run.bound(run.after(3)) == {"big": "large"}


def test_a_binding_whose_answer_was_lost_is_left_alone() -> None:
    run = Run()
    run.nodes(LARGE)
    run.pods(BIG_POD)
    run.tick()
    run.tell(PodUpdated(placed(BIG_POD, "large")))
    assert run.tell(BindFailed(PodRef("default", "big", "big"), "large", "lost")) == []
    assert run.after(30) == []


def test_a_pod_deleted_while_it_is_bound_is_not_tried_again() -> None:
    run = Run()
    run.nodes(LARGE)
    run.pods(BIG_POD)
    run.tick()
    run.tell(PodDeleted(BIG_POD.obj()))
    assert run.tell(BindFailed(PodRef("default", "big", "big"), "large", "not found")) == []
    assert run.after(30) == []
    run.pods(make_pod("next").req(cpu="8"))
    assert run.bound(run.tick()) == {"next": "large"}


def test_a_pod_recreated_under_its_name_is_a_new_pod() -> None:
    run = Run()
    run.nodes(LARGE)
    run.tell(PodAdded(placed(BIG_POD, "large")))
    run.tell(PodUpdated(BIG_POD.uid("another").obj()))
    assert run.bound(run.tick()) == {"big": "large"}
    run.pods(make_pod("rest").req(cpu="4"))
    assert run.bound(run.tick()) == {"rest": "large"}


def test_a_deleting_pod_is_skipped() -> None:
    run = Run()
    run.nodes(LARGE)
    run.pods(BIG_POD.terminating())
    assert messages(run.tick()) == ["skip schedule deleting pod: default/big"]
    assert run.scheduler.statistics()[Room.ACTIVE] == 0


def test_an_uncordoned_node_wakes_the_pods_that_it_rejected() -> None:
    run = Run()
    run.nodes(LARGE.unschedulable())
    run.pods(BIG_POD)
    assert messages(run.tick()) == [
        f"0/1 nodes are available: 1 node(s) were unschedulable. {NO_HELP_1}",
    ]
    run.tell(NodeUpdated(LARGE.obj()))
    assert run.bound(run.tick()) == {"big": "large"}


def test_a_toleration_added_to_a_waiting_pod_wakes_it() -> None:
    run = Run()
    run.nodes(LARGE.taint("dedicated"))
    run.pods(BIG_POD)
    run.tick()
    run.tell(PodUpdated(BIG_POD.toleration("dedicated").obj()))
    assert run.bound(run.tick()) == {"big": "large"}


def test_pods_are_not_placed_on_a_node_that_went_away() -> None:
    run = Run()
    run.nodes(LARGE, SMALL)
    run.pods(make_pod("a").req(cpu="1"))
    assert run.bound(run.tick()) == {"a": "large"}
    run.tell(NodeDeleted("large"))
    run.pods(make_pod("b").req(cpu="1"), make_pod("c").req(cpu="1"))
    assert run.bound(run.tick()) == {"b": "small"}


@pytest.mark.parametrize(
    "absurd",
    [
        make_pod("absurd").req(cpu="10E", memory="100E"),
        make_pod("absurd").label("scv/memory", "9" * 40),
        make_pod("absurd").meta(annotations={"alibabacloud.com/gpu-milli": "9" * 5000}),
        make_pod("absurd").meta(
            annotations={
                "alibabacloud.com/gpu-milli": "500",
                "alibabacloud.com/gpu-index": "9" * 5000,
            }
        ),
    ],
)
def test_a_pod_that_asks_for_absurd_amounts_harms_nobody(absurd: PodBuilder) -> None:
    run = Run()
    run.nodes(make_node("n").capacity(cpu="1"), make_node("vast").capacity(memory="100E"))
    run.tell(PodAdded(absurd.node("vast").obj()))
    run.pods(make_pod("b").req(cpu="1"))
    assert [bind.node_name for bind in run.tick() if isinstance(bind, Bind)] == ["n"]


def test_a_tick_stops_after_its_share_of_cycles() -> None:
    run = Run()
    run.nodes(LARGE)
    run.pods(*(make_pod(f"p{i}").req(cpu="1") for i in range(5)))
    assert len(run.bound(run.tell(Tick(max_cycles=2)))) == 2
    assert not run.is_waiting()
    assert len(run.bound(run.tick())) == 3


def test_runs_of_equal_events_are_equal() -> None:
    def play() -> list[Effect]:
        run = Run()
        run.nodes(*(make_node(f"n{i}").capacity(cpu="4", memory="8Gi") for i in range(7)))
        run.pods(*(make_pod(f"p{i}").req(cpu=f"{100 + i % 3}m") for i in range(50)))
        run.tick()
        return run.effects

    assert play() == play()

"""The three rooms: who waits where, for how long, and what wakes whom."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cluster_event import (
    NODE,
    NODE_ADD,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
)
from shoal.scheduler.framework.extension_points import sort_out
from shoal.scheduler.framework.plugin import WeightedPlugin
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.default_binder import DefaultBinder
from shoal.scheduler.plugins.priority_sort import PrioritySort
from shoal.scheduler.queueing.queued_pod import QueuedPod
from shoal.scheduler.queueing.rooms import Move, Room, next_state
from shoal.scheduler.queueing.scheduling_queue import SchedulingQueue
from shoal.scheduler.queueing.wake_rules import Happening
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import PodBuilder, make_pod
from tests.transitions import transitions

START = datetime(2026, 1, 1, tzinfo=UTC)
LABELS_CHANGED = ClusterEvent(NODE, ActionType.UPDATE_NODE_LABEL)
TAINTS_CHANGED = ClusterEvent(NODE, ActionType.UPDATE_NODE_TAINT)
NODE_COMES = frozenset({"NodeWaiter"})


class Gate:
    """Keeps pods with gates out."""

    name = "Gate"

    def pre_enqueue(self, pod: pod_info.PodInfo) -> Status:
        return statuses.unresolvable("gated") if pod.spec.scheduling_gates else SUCCESS

    def events_to_register(self) -> Sequence[Registration]:
        return ()


class NodeWaiter:
    """Rejects; a new node helps."""

    name = "NodeWaiter"

    def pre_filter(self, *_: object) -> tuple[None, Status]:
        return None, SUCCESS

    def events_to_register(self) -> Sequence[Registration]:
        return (Registration(NODE_ADD),)


class LabelWaiter:
    """Rejects; a changed label helps where the node is called `good`. Counts its hints."""

    name = "LabelWaiter"

    def __init__(self) -> None:
        self.asked = 0

    def pre_filter(self, *_: object) -> tuple[None, Status]:
        return None, SUCCESS

    def sign(self, pod: pod_info.PodInfo) -> str:
        return "all alike"

    def events_to_register(self) -> Sequence[Registration]:
        return (Registration(LABELS_CHANGED, self.hint),)

    def hint(self, pod: pod_info.PodInfo, before: Any, after: Any) -> QueueingHint:
        self.asked += 1
        if after == "broken":
            raise ValueError
        return QueueingHint.QUEUE if after == "good" else QueueingHint.SKIP


class Silent:
    """Rejects, and registers nothing: everything may help."""

    name = "Silent"

    def pre_filter(self, *_: object) -> tuple[None, Status]:
        return None, SUCCESS


class Queueing:
    """A queue with its time."""

    def __init__(self, *plugins: Any) -> None:
        handle = Handle(Cache().snapshot, WaitingPods())
        made = [PrioritySort({}, handle), DefaultBinder({}, handle), *plugins]
        points = sort_out("test", [WeightedPlugin(plugin) for plugin in made])
        self.profile = Profile("default-scheduler", points)
        self.queue = SchedulingQueue({"default-scheduler": self.profile})
        self.now = START

    def add(self, *pods: PodBuilder) -> None:
        for pod in pods:
            self.queue.add(pod_info.of(pod.obj()), self.profile, self.now)

    def pop(self) -> QueuedPod:
        queued = self.queue.pop()
        assert queued is not None
        return queued

    def names(self) -> list[str]:
        names: list[str] = []
        while queued := self.queue.pop():
            names.append(queued.pod.name)
        return names

    def happen(self, event: ClusterEvent, after: Any = None) -> None:
        self.queue.move_all(Happening(event, None, after), self.now)

    def room(self, name: str) -> Room:
        queued = self.queue.get(name)
        return queued.room if queued else Room.OUTSIDE

    def wait(self, delay_s: float) -> None:
        self.now += timedelta(seconds=delay_s)
        self.queue.flush(self.now)


@pytest.fixture
def rooms() -> Queueing:
    return Queueing(Gate(), NodeWaiter(), LabelWaiter(), Silent())


def test_every_room_answers_every_move() -> None:
    legal = transitions(next_state)
    assert (Room.OUTSIDE, Move.POP) not in legal
    assert (Room.IN_FLIGHT, Move.POP) not in legal
    assert (Room.UNSCHEDULABLE, Move.POP) not in legal
    assert (Room.OUTSIDE, Move.LEAVE) not in legal
    assert len(legal) == 16


def test_priority_then_age_is_the_order(rooms: Queueing) -> None:
    rooms.add(make_pod("first"), make_pod("high").priority(5))
    rooms.wait(1)
    rooms.add(make_pod("second"))
    assert rooms.names() == ["high", "first", "second"]


def test_a_rejected_pod_waits_for_an_event_that_its_rejector_registered(rooms: Queueing) -> None:
    rooms.add(make_pod("a"))
    rooms.queue.reject(rooms.pop(), rooms.now, NODE_COMES)
    rooms.happen(LABELS_CHANGED, "good")
    assert rooms.room("a") is Room.UNSCHEDULABLE
    rooms.happen(NODE_ADD)
    assert rooms.room("a") is Room.BACKOFF


def test_a_pod_whose_back_off_is_over_is_active_at_once(rooms: Queueing) -> None:
    rooms.add(make_pod("a"))
    rooms.queue.reject(rooms.pop(), rooms.now, NODE_COMES)
    rooms.wait(2)
    rooms.happen(NODE_ADD)
    assert rooms.room("a") is Room.ACTIVE


def test_hints_are_asked_once_for_pods_that_are_alike() -> None:
    waiter = LabelWaiter()
    rooms = Queueing(waiter)
    rooms.add(*(make_pod(f"p{number}") for number in range(5)))
    for _ in range(5):
        rooms.queue.reject(rooms.pop(), rooms.now, frozenset({"LabelWaiter"}))
    rooms.happen(LABELS_CHANGED, "bad")
    assert waiter.asked == 1
    assert rooms.queue.statistics()[Room.UNSCHEDULABLE] == 5
    rooms.happen(LABELS_CHANGED, "good")
    assert rooms.queue.statistics()[Room.BACKOFF] == 5


def test_a_hint_that_fails_counts_as_help(rooms: Queueing) -> None:
    rooms.add(make_pod("a"))
    rooms.queue.reject(rooms.pop(), rooms.now, frozenset({"LabelWaiter"}))
    rooms.happen(LABELS_CHANGED, "broken")
    assert rooms.room("a") is Room.BACKOFF


def test_a_plugin_that_registers_nothing_is_woken_by_everything(rooms: Queueing) -> None:
    rooms.add(make_pod("a"))
    rooms.queue.reject(rooms.pop(), rooms.now, frozenset({"Silent"}))
    rooms.happen(LABELS_CHANGED, "bad")
    assert rooms.room("a") is Room.BACKOFF


def test_who_waits_for_nodes_is_woken_by_their_taints_as_well(rooms: Queueing) -> None:
    rooms.add(make_pod("a"))
    rooms.queue.reject(rooms.pop(), rooms.now, NODE_COMES)
    rooms.happen(TAINTS_CHANGED)
    assert rooms.room("a") is Room.BACKOFF


def test_a_pending_rejection_skips_the_back_off(rooms: Queueing) -> None:
    rooms.add(make_pod("a"))
    rooms.queue.reject(rooms.pop(), rooms.now, frozenset(), NODE_COMES)
    rooms.happen(NODE_ADD)
    assert rooms.room("a") is Room.ACTIVE


def test_an_event_during_the_cycle_is_not_missed(rooms: Queueing) -> None:
    rooms.add(make_pod("a"), make_pod("b"))
    first = rooms.pop()
    rooms.happen(NODE_ADD)
    second = rooms.pop()
    rooms.queue.reject(first, rooms.now, NODE_COMES)
    rooms.queue.reject(second, rooms.now, NODE_COMES)
    assert rooms.room("a") is Room.BACKOFF
    assert rooms.room("b") is Room.UNSCHEDULABLE


def test_back_off_doubles_up_to_ten_seconds(rooms: Queueing) -> None:
    rooms.add(make_pod("a"))
    delays: list[float] = []
    for _ in range(6):
        queued = rooms.pop()
        rooms.queue.reject(queued, rooms.now, frozenset())
        before = rooms.now
        while rooms.room("a") is Room.BACKOFF:
            rooms.wait(1)
        delays.append((rooms.now - before).total_seconds())
    assert delays == [2, 3, 5, 9, 11, 11]


def test_a_waiting_pod_is_taken_early_where_nothing_is_active(rooms: Queueing) -> None:
    rooms.add(make_pod("a"))
    rooms.queue.reject(rooms.pop(), rooms.now, NODE_COMES)
    rooms.happen(NODE_ADD)
    assert rooms.names() == ["a"]


def test_a_pod_that_failed_by_error_is_never_taken_early(rooms: Queueing) -> None:
    rooms.add(make_pod("a"))
    rooms.queue.reject(rooms.pop(), rooms.now, frozenset())
    assert rooms.names() == []
    assert rooms.queue.next_wake(rooms.now) == START + timedelta(seconds=2)


def test_after_five_minutes_a_rejected_pod_is_tried_again(rooms: Queueing) -> None:
    rooms.add(make_pod("a"))
    rooms.queue.reject(rooms.pop(), rooms.now, NODE_COMES)
    assert rooms.queue.next_wake(rooms.now) == START + timedelta(minutes=5)
    rooms.wait(299)
    assert rooms.room("a") is Room.UNSCHEDULABLE
    rooms.wait(1)
    assert rooms.room("a") is Room.ACTIVE


def test_a_gated_pod_is_active_when_its_gates_are_gone(rooms: Queueing) -> None:
    gated = make_pod("a").gate("wait")
    rooms.add(gated)
    assert rooms.room("a") is Room.UNSCHEDULABLE
    rooms.happen(NODE_ADD)
    rooms.wait(1000)
    assert rooms.room("a") is Room.UNSCHEDULABLE
    rooms.queue.update(pod_info.of(gated.spec(schedulingGates=[]).obj()), rooms.now)
    assert rooms.room("a") is Room.ACTIVE


def test_a_status_update_wakes_nobody(rooms: Queueing) -> None:
    rooms.add(make_pod("a"))
    rooms.queue.reject(rooms.pop(), rooms.now, frozenset({"Silent"}))
    told = make_pod("a").condition("PodScheduled", "False", "Unschedulable")
    rooms.queue.update(pod_info.of(told.obj()), rooms.now)
    assert rooms.room("a") is Room.UNSCHEDULABLE


def test_a_removed_pod_is_nowhere(rooms: Queueing) -> None:
    rooms.add(make_pod("a"), make_pod("b"))
    rooms.queue.remove("a")
    rooms.queue.remove("never seen")
    assert rooms.names() == ["b"]

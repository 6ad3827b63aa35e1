"""Pods that a Permit plugin lets wait: allowed, rejected, overdue, or gone."""

from typing import Any

import pytest

from shoal.scheduler.effects import SetCondition, UnscheduledReason
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.queueing.rooms import Room
from shoal.testing import START, Rehearsal, make_node, make_pod
from tests.plugins import answering, plugin

NODE = make_node("n").capacity(cpu="4", memory="8Gi")
POD = make_pod("a").req(cpu="3")


class Doorman:
    """Lets pods wait for a minute, and keeps what a test wants to see."""

    name = "Doorman"
    wait_s = 60.0

    def __init__(self, arguments: Any, handle: Any) -> None:
        self.waiting = handle.waiting_pods
        self.unreserved: list[str] = []
        self.bound: list[str] = []

    def permit(self, state: Any, pod: Any, node_name: str) -> tuple[Status, float]:
        return Status(Code.WAIT), self.wait_s

    def reserve(self, state: Any, pod: Any, node_name: str) -> Status:
        return SUCCESS

    def unreserve(self, state: Any, pod: Any, node_name: str) -> None:
        self.unreserved.append(pod.name)

    def post_bind(self, state: Any, pod: Any, node_name: str) -> None:
        self.bound.append(pod.name)

    def sign(self, pod: Any) -> None: ...


class SecondDoorman(Doorman):
    name = "Second"
    wait_s = 5.0


class Patient(Doorman):
    name = "Patient"
    wait_s = 3600.0


class Company(Doorman):
    """Lets pods wait until there are three of them."""

    name = "Company"

    def permit(self, state: Any, pod: Any, node_name: str) -> tuple[Status, float]:
        if len(self.waiting) < 2:
            return Status(Code.WAIT), 30.0
        for each in self.waiting:
            each.allow(self.name)
        return SUCCESS, 0.0


def waiting(*plugins: Any) -> Rehearsal:
    rehearsal = Rehearsal(*plugins)
    rehearsal.add(NODE, POD)
    rehearsal.run()
    return rehearsal


def test_a_pod_waits_where_it_was_placed_and_is_bound_when_it_is_allowed() -> None:
    rehearsal = waiting(Doorman)
    doorman = rehearsal.plugins["Doorman"]
    [held] = doorman.waiting
    assert (held.pod.name, held.node_name, held.pending_plugins) == ("a", "n", ("Doorman",))
    assert rehearsal.node_of("a") is None
    held.allow("Doorman")
    assert rehearsal.scheduler.next_wake(START) == START
    rehearsal.run()
    assert rehearsal.node_of("a") == "n"
    assert doorman.bound == ["a"]


def test_a_waiting_pod_holds_its_room() -> None:
    rehearsal = waiting(Doorman)
    rehearsal.add(make_pod("b").req(cpu="2"))
    rehearsal.run()
    assert rehearsal.message_of("b").startswith("0/1 nodes are available: 1 Insufficient cpu.")


def test_a_pod_that_waits_too_long_is_taken_back_and_tried_again() -> None:
    rehearsal = waiting(Doorman)
    rehearsal.advance(59)
    assert len(rehearsal.plugins["Doorman"].waiting) == 1
    rehearsal.advance(1)
    assert rehearsal.plugins["Doorman"].unreserved == ["a"]
    assert rehearsal.message_of("a") == (
        "0/1 nodes are available: 1 rejected due to timeout after waiting 1m0s at plugin Doorman."
    )
    told = [each for each in rehearsal.effects if isinstance(each, SetCondition)]
    assert told[-1].reason is UnscheduledReason.UNSCHEDULABLE
    assert rehearsal.scheduler.statistics()[Room.BACKOFF] == 1, "no event has to help"


def test_a_rejection_takes_the_pod_back() -> None:
    rehearsal = waiting(Doorman)
    [held] = rehearsal.plugins["Doorman"].waiting
    held.reject("Other", "the door is shut")
    held.allow("Doorman")
    rehearsal.run()
    assert rehearsal.plugins["Doorman"].unreserved == ["a"]
    assert rehearsal.message_of("a") == "0/1 nodes are available: 1 the door is shut."


def test_every_plugin_that_said_wait_has_to_allow() -> None:
    rehearsal = waiting(Doorman, SecondDoorman)
    [held] = rehearsal.plugins["Doorman"].waiting
    held.allow("Doorman")
    rehearsal.run()
    assert held.pending_plugins == ("Second",)
    assert rehearsal.node_of("a") is None
    held.allow("Second")
    rehearsal.run()
    assert rehearsal.node_of("a") == "n"


def test_the_shortest_time_counts() -> None:
    rehearsal = waiting(Doorman, SecondDoorman)
    rehearsal.advance(5)
    assert rehearsal.message_of("a").endswith("timeout after waiting 5s at plugin Second.")


def test_nobody_waits_for_more_than_a_quarter_of_an_hour() -> None:
    rehearsal = waiting(Patient)
    rehearsal.advance(15 * 60)
    assert "after waiting 15m0s at plugin Patient" in rehearsal.message_of("a")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (statuses.unschedulable("no"), "0/1 nodes are available: 1 no."),
        (statuses.unresolvable("never"), "0/1 nodes are available: 1 never."),
        (statuses.error("broken"), 'running Permit plugin "Mine": broken'),
    ],
)
def test_a_plugin_behind_one_that_said_wait_can_still_refuse(answer: Status, text: str) -> None:
    rehearsal = waiting(Doorman, plugin(permit=answering((answer, 0))))
    assert rehearsal.message_of("a") == text
    assert rehearsal.plugins["Doorman"].unreserved == ["a"]
    assert len(rehearsal.plugins["Doorman"].waiting) == 0


def test_the_arrival_of_the_last_pod_lets_all_go() -> None:
    rehearsal = Rehearsal(Company)
    rehearsal.add(NODE, *(make_pod(name).req(cpu="1") for name in "ab"))
    rehearsal.run()
    assert [rehearsal.node_of(name) for name in "ab"] == [None, None]
    rehearsal.advance(10)
    rehearsal.add(make_pod("c").req(cpu="1"))
    rehearsal.run()
    assert [rehearsal.node_of(name) for name in "abc"] == ["n"] * 3
    assert sorted(rehearsal.plugins["Company"].bound) == ["a", "b", "c"]


def test_a_pod_that_is_deleted_while_it_waits_gives_its_room_back() -> None:
    rehearsal = waiting(Doorman)
    rehearsal.delete(POD)
    assert rehearsal.plugins["Doorman"].unreserved == ["a"]
    rehearsal.add(make_pod("b").req(cpu="4"))
    rehearsal.run()
    assert [each.pod.name for each in rehearsal.plugins["Doorman"].waiting] == ["b"]


def test_a_binding_that_fails_after_the_wait_is_taken_back() -> None:
    rehearsal = waiting(Doorman)
    rehearsal.fail_next_bind("the node is gone")
    [held] = rehearsal.plugins["Doorman"].waiting
    held.allow("Doorman")
    rehearsal.run()
    assert rehearsal.plugins["Doorman"].unreserved == ["a"]
    assert rehearsal.message_of("a") == "the node is gone"

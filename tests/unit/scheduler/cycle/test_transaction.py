"""Placing members of a group, and taking that back."""

import pytest

from shoal.api.volcano import keys
from shoal.scheduler.cycle.transaction import Goal, Transaction, place_members
from shoal.scheduler.gangs.order import members_in_order
from shoal.testing.builders import make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import make_pod_group, make_queue
from tests.unit.scheduler.cycle.rounds import begin, group_of, requested


def waiting(count: int, *, least: int = 1, capability: str = "100", cpus: str = "4") -> Rehearsal:
    """A gang of pods of one cpu, of which nobody was tried yet."""
    rehearsal = Rehearsal()
    rehearsal.add(make_queue("root"), make_queue("q").capability(cpu=capability))
    rehearsal.add(make_node("n1").capacity(cpu=cpus))
    rehearsal.add(make_pod_group("g").queue("q").needs(least).created(START).phase("Inqueue"))
    for index in range(count):
        pod = make_pod(f"g-{index}").req(cpu="1")
        role = {keys.TASK_SPEC: "master" if index == 0 else "worker"}
        rehearsal.add(pod.annotations(**{keys.GROUP_NAME: "g"}, **role))
    return rehearsal


def tried(rehearsal: Rehearsal) -> tuple[Transaction, list[str]]:
    """All members, and why those without a place have none."""
    current, group = begin(rehearsal), group_of(rehearsal, "g")
    transaction = Transaction(current, group)
    members = members_in_order(group, current.rules)
    refusals = [each for each in map(transaction.try_member, members) if each is not None]
    return transaction, [each.message for each in refusals]


def test_what_is_taken_back_leaves_no_trace() -> None:
    rehearsal = waiting(3)
    before, policy = requested(rehearsal), begin(rehearsal).policy
    transaction, refusals = tried(rehearsal)
    assert (len(transaction.placements), refusals) == (3, [])
    assert requested(rehearsal) != before
    plan = transaction.take_back()
    assert [(each.pod.name, node) for each, node in plan] == [
        ("g-0", "n1"),
        ("g-1", "n1"),
        ("g-2", "n1"),
    ]
    assert requested(rehearsal) == before
    assert begin(rehearsal).policy.share("q") == policy.share("q")
    assert not transaction.roles.total()


def test_only_the_latest_members_may_be_taken_back() -> None:
    transaction, _ = tried(waiting(3))
    transaction.take_back(1)
    assert [each.pod.name for each in transaction.members] == ["g-0"]
    assert transaction.roles == {"master": 1, "worker": 0}


def test_a_member_that_is_taken_back_has_its_nomination_again() -> None:
    rehearsal = waiting(1)
    member = group_of(rehearsal, "g").members["g-0"]
    rehearsal.scheduler.nominations.set(member.pod, "n1")
    transaction, _ = tried(rehearsal)
    assert rehearsal.scheduler.nominations.node_of("g-0") == ""
    transaction.take_back()
    assert rehearsal.scheduler.nominations.node_of("g-0") == "n1"


def test_queues_say_no_as_soon_as_members_of_the_transaction_fill_them() -> None:
    transaction, refusals = tried(waiting(3, capability="2"))
    assert len(transaction.placements) == 2
    assert refusals == ["queue resource quota insufficient: insufficient cpu (queue q)"]


def test_what_is_committed_is_placed() -> None:
    rehearsal = waiting(2)
    transaction, _ = tried(rehearsal)
    transaction.commit()
    assert group_of(rehearsal, "g").ready_count == 2
    assert transaction.take_back() == []


@pytest.mark.parametrize(("cpus", "is_met"), [("2", False), ("3", True)])
def test_a_goal_is_met_by_the_minimum_and_no_less(cpus: str, is_met: bool) -> None:
    rehearsal = waiting(4, least=3, cpus=cpus)
    current, group = begin(rehearsal), group_of(rehearsal, "g")
    transaction, goal = Transaction(current, group), Goal(group, is_gang=True)
    place_members(transaction, members_in_order(group, current.rules), goal)
    assert goal.is_met(transaction) is is_met


def test_members_are_placed_no_further_than_the_goal() -> None:
    rehearsal = waiting(4, least=2)
    current, group = begin(rehearsal), group_of(rehearsal, "g")
    transaction = Transaction(current, group)
    place_members(transaction, members_in_order(group, current.rules), Goal(group, is_gang=True))
    assert len(transaction.placements) == 2


def test_members_that_find_places_elsewhere_count_for_the_goal() -> None:
    rehearsal = waiting(3, least=3, cpus="2")
    current, group = begin(rehearsal), group_of(rehearsal, "g")
    last = group.members["g-2"]
    transaction = Transaction(current, group)
    goal = Goal(group, is_gang=True, counted=[last])
    members = [each for each in members_in_order(group, current.rules) if each is not last]
    place_members(transaction, members, goal)
    assert goal.is_met(transaction)


def test_a_goal_that_cannot_be_met_is_not_tried_for() -> None:
    rehearsal = waiting(2, least=3)
    current, group = begin(rehearsal), group_of(rehearsal, "g")
    transaction = Transaction(current, group)
    place_members(transaction, members_in_order(group, current.rules), Goal(group, is_gang=True))
    assert transaction.placements == []

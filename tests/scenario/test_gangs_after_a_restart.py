"""A scheduler that finds a cluster as another one left it when it was killed."""

from datetime import timedelta

import pytest

from shoal.testing.builders import PodBuilder
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import make_queue
from tests.scenario.test_gangs import cluster, evicted, group, member, members, placed, settle


def running(name: str, index: int) -> PodBuilder:
    return member(name, index).node("n1").phase("Running")


def evicted_already(pod: PodBuilder) -> PodBuilder:
    return pod.terminating().condition("DisruptionTarget", "True", "PreemptionByScheduler")


def two_gangs(first: str, gone: int) -> Rehearsal:
    """A full node; of one of the gangs so many were evicted, and are still ending."""
    rehearsal = cluster(("n1", "6"), queues=(make_queue("a"), make_queue("b")))
    rehearsal.is_holding_evictions = True
    for second, name in enumerate(("one", "two")):
        made = group(name, 3, "a").created(START + timedelta(seconds=second))
        rehearsal.add(made.status(phase="Running"))
        pods = [running(name, index) for index in range(3)]
        if name == first:
            pods[:gone] = map(evicted_already, pods[:gone])
        rehearsal.add(*pods)
    return rehearsal


@pytest.mark.parametrize("gone", [1, 2])
@pytest.mark.parametrize("first", ["one", "two"])
def test_a_gang_of_which_some_were_evicted_goes_on_going_and_no_other(
    first: str, gone: int
) -> None:
    rehearsal = two_gangs(first, gone)
    rehearsal.add(group("claim", 3, "b").created(START + timedelta(seconds=9)))
    rehearsal.add(*members("claim", 3))
    settle(rehearsal, 5)
    assert sorted(evicted(rehearsal)) == [f"{first}-{index}" for index in range(gone, 3)]
    rehearsal.delete(*(member(first, index) for index in range(3)))
    settle(rehearsal, 60)
    assert placed(rehearsal, "claim") == 3
    assert len(evicted(rehearsal)) == 3 - gone


@pytest.mark.parametrize("first", ["one", "two"])
def test_victims_that_are_all_on_their_way_are_waited_for(first: str) -> None:
    rehearsal = two_gangs(first, 3)
    rehearsal.add(group("claim", 3, "b"), *members("claim", 3))
    settle(rehearsal, 60)
    assert evicted(rehearsal) == []
    assert placed(rehearsal, "claim") == 0
    rehearsal.delete(*(member(first, index) for index in range(3)))
    settle(rehearsal)
    assert placed(rehearsal, "claim") == 3


@pytest.mark.parametrize("queue", ["a", "b"])
def test_a_gang_of_which_some_are_bound_is_brought_to_its_minimum_before_others(
    queue: str,
) -> None:
    rehearsal = cluster(("n1", "4"), queues=(make_queue("a").weight(9), make_queue("b")))
    rehearsal.add(group("other", 2, queue), *members("other", 2))
    rehearsal.add(group("begun", 4, "a").created(START + timedelta(seconds=9)))
    rehearsal.add(*(member("begun", index).node("n1") for index in range(2)))
    rehearsal.add(*(member("begun", index) for index in range(2, 4)))
    settle(rehearsal)
    assert (placed(rehearsal, "begun"), placed(rehearsal, "other")) == (4, 0)


def test_a_gang_that_was_begun_takes_no_more_than_its_minimum_before_others() -> None:
    rehearsal = cluster(("n1", "5"), queues=(make_queue("a"), make_queue("b")))
    rehearsal.add(group("other", 1, "b"), *members("other", 1))
    rehearsal.add(group("begun", 4, "a").created(START + timedelta(seconds=9)))
    rehearsal.add(*(member("begun", index).node("n1") for index in range(2)))
    rehearsal.add(*(member("begun", index) for index in range(2, 6)))
    settle(rehearsal)
    assert (placed(rehearsal, "begun"), placed(rehearsal, "other")) == (4, 1)

"""What random clusters (`tests/simulation`) brought to light, each in its smallest form."""

from datetime import timedelta
from typing import Any

import pytest

from shoal.api.core import PRIORITY_CLASSES
from shoal.api.volcano import keys
from shoal.scheduler.effects import Evict
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import PodGroupBuilder, QueueBuilder, make_pod_group, make_queue


def group(name: str, least: int, queue: str = "default", age_s: int = 0) -> PodGroupBuilder:
    created = START + timedelta(seconds=age_s)
    return make_pod_group(name).queue(queue).needs(least).created(created)


def members(group: str, count: int, cpu: str = "1") -> list[PodBuilder]:
    pods = [make_pod(f"{group}-{index}").req(cpu=cpu) for index in range(count)]
    return [each.meta(annotations={keys.GROUP_NAME: group}) for each in pods]


def cluster(*cpus: str, queues: tuple[QueueBuilder, ...] = ()) -> Rehearsal:
    """A node for each number of cpus; queues root and default, and these."""
    rehearsal = Rehearsal()
    rehearsal.add(make_queue("root"), make_queue("default"), *queues)
    for number, cpu in enumerate(cpus, start=1):
        rehearsal.add(make_node(f"n{number}").capacity(cpu=cpu))
    return rehearsal


def placed(rehearsal: Rehearsal, group: str, count: int) -> int:
    nodes = [rehearsal.node_of(f"{group}-{index}") for index in range(count)]
    return sum(each is not None for each in nodes)


def evicted(rehearsal: Rehearsal) -> list[str]:
    return [each.pod.name for each in rehearsal.effects if isinstance(each, Evict)]


@pytest.mark.parametrize("least", [1, 2, 3])
def test_an_elastic_gang_that_finds_no_place_at_all_is_given_up(least: int) -> None:
    rehearsal = cluster("2")
    rehearsal.add(group("elastic", least), *members("elastic", 3, cpu="3"))
    rehearsal.advance(3)
    assert placed(rehearsal, "elastic", 3) == 0


def roles(name: str, *roles: tuple[int, int, str]) -> list[Any]:
    """A gang of roles, each of so many members, of which so many are needed, of such a size."""
    minimums = {f"r{index}": least for index, (_, least, _) in enumerate(roles)}
    made: list[Any] = [group(name, sum(minimums.values())).spec(minTaskMember=minimums)]
    for index, (count, _, cpu) in enumerate(roles):
        for number in range(count):
            pod = make_pod(f"{name}-{index}-{number}").req(cpu=cpu)
            task = {keys.GROUP_NAME: name, keys.TASK_SPEC: f"r{index}"}
            made.append(pod.meta(annotations=task))
    return made


def urgent(rehearsal: Rehearsal, name: str, cpu: str) -> None:
    """A group of one member that goes before all others."""
    important = {"metadata": {"name": "important"}, "value": 10}
    rehearsal.put(PRIORITY_CLASSES, important)
    gang = group(name, 1).spec(priorityClassName="important")
    rehearsal.add(gang, *(each.priority(10) for each in members(name, 1, cpu)))


def test_a_gang_that_has_to_go_leaves_no_member_behind_that_it_could_do_without() -> None:
    rehearsal = cluster("5")
    rehearsal.add(*roles("gang", (1, 0, "1"), (1, 1, "3")))
    rehearsal.advance(3)
    urgent(rehearsal, "owner", "3")
    rehearsal.advance(3)
    assert sorted(evicted(rehearsal)) == ["gang-0-0", "gang-1-0"]


def test_nobody_is_evicted_for_a_group_that_stands_behind_the_head_of_its_fifo_queue() -> None:
    queues = (make_queue("a").spec(dequeueStrategy="fifo"), make_queue("b"))
    rehearsal = cluster("5", "5", queues=queues)
    rehearsal.add(group("head", 2, "a"), *members("head", 2, cpu="6"))
    rehearsal.add(group("borrower", 0, "b"), *members("borrower", 4, cpu="2"))
    rehearsal.advance(3)
    assert placed(rehearsal, "borrower", 4) == 4
    rehearsal.add(group("next", 1, "a", age_s=1), *members("next", 1, cpu="3"))
    rehearsal.advance(3)
    assert evicted(rehearsal) == []


def test_a_victim_stays_where_the_room_of_a_later_one_holds_all() -> None:
    rehearsal = cluster("5", "4")
    last, first = members("elastic", 2, cpu="3")
    rehearsal.add(group("elastic", 0), first.node("n1"), last.node("n2"))
    rehearsal.advance(3)
    rehearsal.put(PRIORITY_CLASSES, {"metadata": {"name": "important"}, "value": 10})
    gang = group("gang", 3).spec(priorityClassName="important")
    rehearsal.add(gang, *(each.priority(10) for each in members("gang", 3, "2")))
    rehearsal.advance(3)
    assert evicted(rehearsal) == ["elastic-0"]
    assert placed(rehearsal, "gang", 3) == 3


def test_victims_that_come_back_leave_the_room_to_the_queue_that_reclaimed_it() -> None:
    queues = (make_queue("a"), make_queue("b"))
    rehearsal = cluster("4", queues=queues)
    rehearsal.is_holding_evictions = True
    rehearsal.add(group("borrower", 0, "a"), *(p.priority(10) for p in members("borrower", 4)))
    rehearsal.advance(3)
    rehearsal.add(group("owner", 2, "b"), *members("owner", 2))
    rehearsal.advance(3)
    for number, name in enumerate(evicted(rehearsal)):
        rehearsal.add(*(p.priority(10) for p in members("borrower", 5 + number)[-1:]))
        rehearsal.delete(make_pod(name))
        rehearsal.advance(3)
    assert placed(rehearsal, "owner", 2) == 2
    assert len(evicted(rehearsal)) == 2


def test_what_a_gang_has_beyond_its_minimum_takes_no_room_that_was_made_for_a_minimum() -> None:
    rehearsal = cluster("1")
    rehearsal.add(group("low", 1), *members("low", 1))
    rehearsal.advance(3)
    for name, value in (("high", 10), ("higher", 20)):
        rehearsal.put(PRIORITY_CLASSES, {"metadata": {"name": name}, "value": value})
    extras = group("extras", 0).spec(priorityClassName="higher")
    rehearsal.add(extras, *(each.priority(20) for each in members("extras", 1)))
    rehearsal.advance(3)
    gang = group("gang", 1).spec(priorityClassName="high")
    rehearsal.add(gang, *(each.priority(10) for each in members("gang", 1)))
    rehearsal.advance(3)
    assert evicted(rehearsal) == ["low-0"]
    assert placed(rehearsal, "gang", 1) == 1

"""What random clusters (`tests/simulation`) brought to light, each in its smallest form."""

from datetime import timedelta

import pytest

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

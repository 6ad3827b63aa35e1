"""Who keeps room for a gang that has to wait, for how long, and from whom."""

from datetime import timedelta

import pytest

from shoal.api.core import PRIORITY_CLASSES
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.scheduler.fairness.rules import Rules
from shoal.testing.builders import make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import PodGroupBuilder, QueueBuilder, make_queue
from tests.scenario.test_gangs import cluster, group, member, members, placed, settle


def later(name: str, least: int, seconds: float, queue: str = "default") -> PodGroupBuilder:
    return group(name, least, queue).created(START + timedelta(seconds=seconds))


def a_head_that_waits(*queues: QueueBuilder, queue: str = "default") -> Rehearsal:
    """On two nodes of two cpus, one of each taken, a gang of four waits, and one of two behind
    it."""
    rehearsal = cluster(("n1", "2"), ("n2", "2"), queues=queues)
    running = [each.spec(restartPolicy="Never") for each in members("running", 2)]
    kept = group("running", 0).annotations(**{keys.PREEMPTABLE: "false"})
    rehearsal.add(kept, *running)
    settle(rehearsal)
    rehearsal.add(later("head", 4, 1, queue), *members("head", 4))
    settle(rehearsal)
    rehearsal.add(later("small", 2, 2), *members("small", 2))
    settle(rehearsal)
    assert placed(rehearsal, "small") == 0
    return rehearsal


def finish_running(rehearsal: Rehearsal) -> None:
    for index in range(2):
        node = rehearsal.node_of(f"running-{index}") or ""
        rehearsal.add(member("running", index).node(node).phase("Succeeded"))


def test_a_reservation_ends_with_the_pods_that_it_is_for() -> None:
    rehearsal = a_head_that_waits()
    rehearsal.add(make_pod("lone").req(cpu="1"))
    settle(rehearsal)
    assert rehearsal.node_of("lone") is None
    for index in range(4):
        rehearsal.delete(member("head", index))
    settle(rehearsal, 20)
    assert rehearsal.node_of("lone") is not None or placed(rehearsal, "small") == 2


def test_a_reservation_ends_with_its_group() -> None:
    rehearsal = a_head_that_waits()
    rehearsal.remove(POD_GROUPS, "head", "default")
    settle(rehearsal)
    assert placed(rehearsal, "small") == 2
    assert len(rehearsal.scheduler.nominations) == 0


def test_lone_pods_get_the_room_that_a_reservation_leaves() -> None:
    rehearsal = a_head_that_waits()
    rehearsal.remove(POD_GROUPS, "small", "default")
    rehearsal.add(make_pod("lone").req(cpu="1"))
    settle(rehearsal)
    assert rehearsal.node_of("lone") is None
    rehearsal.remove(POD_GROUPS, "head", "default")
    settle(rehearsal, 20)
    assert rehearsal.node_of("lone") is not None


def test_a_gang_that_has_too_few_pods_left_keeps_no_room() -> None:
    rehearsal = a_head_that_waits()
    rehearsal.delete(member("head", 0))
    settle(rehearsal)
    assert placed(rehearsal, "small") == 2


def test_a_gang_whose_queue_is_closed_keeps_no_room() -> None:
    rehearsal = a_head_that_waits(make_queue("q"), queue="q")
    rehearsal.add(make_queue("q").state("Closed"))
    settle(rehearsal)
    assert placed(rehearsal, "small") == 2


def test_a_gang_whose_queue_may_hold_less_now_keeps_no_room() -> None:
    rehearsal = a_head_that_waits(make_queue("q"), queue="q")
    rehearsal.add(make_queue("q").capability(cpu="1"))
    settle(rehearsal)
    assert placed(rehearsal, "small") == 2


def test_no_room_is_kept_once_rules_say_so() -> None:
    rehearsal = a_head_that_waits()
    rehearsal.scheduler.set_rules(Rules(reservation=False))
    settle(rehearsal)
    assert placed(rehearsal, "small") == 2


def test_a_gang_that_can_never_start_keeps_no_room() -> None:
    rehearsal = a_head_that_waits()
    rehearsal.delete(make_node("n2"))
    rehearsal.add(make_node("n1").capacity(cpu="3"))
    settle(rehearsal)
    assert placed(rehearsal, "small") == 2


def test_a_gang_of_higher_priority_takes_the_room_that_is_kept() -> None:
    rehearsal = a_head_that_waits()
    rehearsal.put(PRIORITY_CLASSES, {"metadata": {"name": "high"}, "value": 10})
    high = later("high", 2, 3).spec(priorityClassName="high")
    rehearsal.add(high, *members("high", 2))
    settle(rehearsal)
    assert placed(rehearsal, "high") == 2


def test_a_large_gang_of_higher_priority_has_room_kept_instead() -> None:
    rehearsal = a_head_that_waits()
    rehearsal.put(PRIORITY_CLASSES, {"metadata": {"name": "high"}, "value": 10})
    high = later("high", 3, 3).spec(priorityClassName="high")
    rehearsal.add(high, *members("high", 3))
    settle(rehearsal)
    assert placed(rehearsal, "high") == 0
    finish_running(rehearsal)
    settle(rehearsal)
    assert (placed(rehearsal, "high"), placed(rehearsal, "head")) == (3, 0)


@pytest.mark.parametrize(("estimate", "expected"), [("10m", 1), ("2h", 0)])
def test_when_a_reservation_begins_is_found_for_each_part_of_the_network_anew(
    estimate: str, expected: int
) -> None:
    rehearsal = cluster(("n1", "2"))
    long = group("long", 1).annotations(**{keys.RUNNING_ESTIMATE: "1h"})
    rehearsal.add(long, member("long", 0).spec(restartPolicy="Never"))
    settle(rehearsal)
    rehearsal.add(later("head", 2, 1), *members("head", 2))
    settle(rehearsal)
    next_one = later("next", 1, 2).annotations(**{keys.RUNNING_ESTIMATE: estimate})
    rehearsal.add(next_one, member("next", 0))
    settle(rehearsal)
    assert placed(rehearsal, "next") == expected

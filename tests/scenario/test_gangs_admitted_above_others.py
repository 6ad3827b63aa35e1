"""Groups that others would have to make room for are admitted, so that room can be made."""

from datetime import timedelta

import pytest

from shoal.api.core import PRIORITY_CLASSES
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import PodGroupBuilder, QueueBuilder, make_pod_group, make_queue
from tests.scenario.test_gangs import (
    cluster,
    evicted,
    group,
    member,
    members,
    placed,
    settle,
    status_of,
)

CAPPED = make_queue("q").capability(cpu="3")
OPEN = make_queue("q")


def full(queue: QueueBuilder, cpu: str, low: PodGroupBuilder) -> Rehearsal:
    """A group of little importance runs, on three cpus."""
    rehearsal = cluster(("n1", cpu), queues=(queue,))
    rehearsal.put(PRIORITY_CLASSES, {"metadata": {"name": "high"}, "value": 100})
    rehearsal.add(low)
    rehearsal.add(*(member("low", index).node("n1").phase("Running") for index in range(3)))
    settle(rehearsal)
    return rehearsal


def needs(name: str, count: int) -> PodGroupBuilder:
    """As a job makes it: without pods until it is admitted."""
    made = START + timedelta(seconds=9)
    return make_pod_group(name).queue("q").needs(count, cpu=str(count)).created(made)


LOW = group("low", 3, "q").spec(minResources={"cpu": "3"})
ELASTIC = group("low", 1, "q").spec(minResources={"cpu": "1"})


@pytest.mark.parametrize("low", [LOW, ELASTIC], ids=["gang", "elastic"])
@pytest.mark.parametrize(("queue", "cpu"), [(CAPPED, "8"), (OPEN, "3")], ids=["queue", "cluster"])
def test_a_group_that_may_preempt_is_admitted_to_what_is_full(
    queue: QueueBuilder, cpu: str, low: PodGroupBuilder
) -> None:
    rehearsal = full(queue, cpu, low)
    rehearsal.add(needs("high", 2).spec(priorityClassName="high"))
    settle(rehearsal)
    assert status_of(rehearsal, "high").status.phase == "Inqueue"
    rehearsal.add(*members("high", 2))
    settle(rehearsal, 30)
    assert placed(rehearsal, "high") == 2
    assert {name.partition("-")[0] for name in evicted(rehearsal)} == {"low"}


@pytest.mark.parametrize(("queue", "cpu"), [(CAPPED, "8"), (OPEN, "3")], ids=["queue", "cluster"])
def test_a_group_is_not_admitted_to_more_than_others_have_to_give(
    queue: QueueBuilder, cpu: str
) -> None:
    rehearsal = full(queue, cpu, LOW)
    rehearsal.add(needs("equal", 2))
    rehearsal.add(needs("large", 4).spec(priorityClassName="high"))
    settle(rehearsal)
    assert status_of(rehearsal, "equal").status.phase == "Pending"
    assert status_of(rehearsal, "large").status.phase == "Pending"


def test_groups_that_may_preempt_are_admitted_to_the_same_room_once() -> None:
    rehearsal = full(CAPPED, "8", LOW)
    rehearsal.add(*(needs(name, 2).spec(priorityClassName="high") for name in ("one", "two")))
    settle(rehearsal)
    phases = [status_of(rehearsal, name).status.phase for name in ("one", "two")]
    assert sorted(phases) == ["Inqueue", "Pending"]


def test_what_a_protected_group_holds_is_not_promised_to_another() -> None:
    rehearsal = full(CAPPED, "8", LOW.annotations(**{"volcano.sh/preemptable": "false"}))
    rehearsal.add(needs("high", 2).spec(priorityClassName="high"))
    settle(rehearsal)
    assert status_of(rehearsal, "high").status.phase == "Pending"

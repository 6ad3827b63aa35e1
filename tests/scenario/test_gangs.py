"""Gangs and queues on the production core, in virtual time."""

from datetime import timedelta

import pytest

from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.api.volcano.queue import QUEUES
from shoal.scheduler.effects import Evict, WriteStatus
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import PodGroupBuilder, QueueBuilder, make_pod_group, make_queue


def group(name: str, least: int, queue: str = "default") -> PodGroupBuilder:
    return make_pod_group(name).queue(queue).needs(least).created(START)


def member(group: str, index: int, cpu: str = "1") -> PodBuilder:
    pod = make_pod(f"{group}-{index}").req(cpu=cpu)
    return pod.meta(annotations={keys.GROUP_NAME: group})


def members(group: str, count: int, cpu: str = "1") -> list[PodBuilder]:
    return [member(group, index, cpu) for index in range(count)]


def cluster(*nodes: tuple[str, str], queues: tuple[QueueBuilder, ...] = ()) -> Rehearsal:
    """Nodes by name and cpus; queues root and default, and these."""
    rehearsal = Rehearsal()
    rehearsal.add(make_queue("root"), make_queue("default"), *queues)
    rehearsal.add(*(make_node(name).capacity(cpu=cpu, pods="110") for name, cpu in nodes))
    return rehearsal


def placed(rehearsal: Rehearsal, group: str) -> int:
    """How many of a group's pods have nodes."""
    index, count = 0, 0
    while True:
        try:
            count += rehearsal.node_of(f"{group}-{index}") is not None
        except KeyError:
            return count
        index += 1


def evicted(rehearsal: Rehearsal) -> list[str]:
    return [each.pod.name for each in rehearsal.effects if isinstance(each, Evict)]


def settle(rehearsal: Rehearsal, seconds: float = 3) -> None:
    rehearsal.advance(seconds)


def status_of(rehearsal: Rehearsal, name: str) -> PodGroup:
    return rehearsal.get(POD_GROUPS, name)


def test_a_gang_that_does_not_fit_holds_nothing_and_says_why() -> None:
    rehearsal = cluster(("n1", "2"))
    rehearsal.add(group("big", 3), *members("big", 3))
    settle(rehearsal)
    assert placed(rehearsal, "big") == 0
    status = status_of(rehearsal, "big").status
    assert status.phase == "Inqueue"
    (condition,) = status.conditions
    assert (condition.type, condition.status, condition.reason) == (
        "Unschedulable",
        "True",
        "NotEnoughResources",
    )
    assert condition.message.startswith(
        "1/3 tasks in gang unschedulable: pod group is not ready, 3 Pending, 3 minAvailable; "
        "Pending: 1 Unschedulable, 2 Schedulable. Origin reason is big-2: "
    )
    assert "Insufficient cpu" in rehearsal.message_of("big-2")
    assert rehearsal.message_of("big-0") == (
        "Pod default/big-0 can possibly be assigned to n1, once minAvailable is satisfied"
    )


def test_a_gang_is_placed_as_soon_as_room_for_all_of_it_appears() -> None:
    rehearsal = cluster(("n1", "2"))
    rehearsal.add(group("big", 3), *members("big", 3))
    settle(rehearsal)
    rehearsal.add(make_node("n2").capacity(cpu="1", pods="10"))
    settle(rehearsal)
    assert placed(rehearsal, "big") == 3


def test_two_gangs_of_which_one_fits_do_not_share_the_nodes_between_them() -> None:
    rehearsal = cluster(("n1", "4"))
    rehearsal.add(group("a", 3), group("b", 3))
    for index in range(3):
        rehearsal.add(member("a", index), member("b", index))
    settle(rehearsal)
    assert sorted((placed(rehearsal, "a"), placed(rehearsal, "b"))) == [0, 3]


def test_members_beyond_the_minimum_are_placed_where_there_is_room() -> None:
    rehearsal = cluster(("n1", "3"))
    rehearsal.add(group("elastic", 2), *members("elastic", 5))
    settle(rehearsal)
    assert placed(rehearsal, "elastic") == 3


def test_pods_of_a_group_that_does_not_exist_wait_for_it() -> None:
    rehearsal = cluster(("n1", "4"))
    rehearsal.add(*members("late", 2))
    settle(rehearsal)
    assert placed(rehearsal, "late") == 0
    rehearsal.add(group("late", 2))
    settle(rehearsal)
    assert placed(rehearsal, "late") == 2


def test_a_group_is_admitted_only_where_its_queue_has_room_for_its_minimum() -> None:
    rehearsal = cluster(("n1", "8"), queues=(make_queue("small").capability(cpu="2"),))
    rehearsal.add(make_pod_group("g").queue("small").needs(3, cpu="3").created(START))
    settle(rehearsal)
    status = status_of(rehearsal, "g").status
    assert status.phase == "Pending"
    assert "queue resource quota insufficient: insufficient cpu" in status.conditions[0].message
    rehearsal.add(make_queue("small").capability(cpu="3"))
    settle(rehearsal)
    assert status_of(rehearsal, "g").status.phase == "Inqueue"


def test_a_group_runs_and_completes_as_its_members_do() -> None:
    rehearsal = cluster(("n1", "4"))
    rehearsal.add(group("g", 2), *members("g", 2))
    settle(rehearsal)
    for index in range(2):
        rehearsal.add(member("g", index).node("n1").phase("Running"))
    settle(rehearsal)
    status = status_of(rehearsal, "g").status
    assert (status.phase, status.running) == ("Running", 2)
    for index in range(2):
        rehearsal.add(member("g", index).node("n1").phase("Succeeded"))
    settle(rehearsal)
    status = status_of(rehearsal, "g").status
    assert (status.phase, status.running, status.succeeded) == ("Completed", 0, 2)


def test_a_running_gang_that_loses_a_member_for_good_is_unknown() -> None:
    rehearsal = cluster(("n1", "2"))
    rehearsal.add(group("g", 2), *members("g", 2))
    settle(rehearsal)
    rehearsal.add(*(member("g", index).node("n1").phase("Running") for index in range(2)))
    rehearsal.add(member("g", 1).node("n1").phase("Failed"))
    rehearsal.add(make_pod("other").req(cpu="1"))
    settle(rehearsal)
    rehearsal.add(member("g", 2))
    settle(rehearsal)
    assert status_of(rehearsal, "g").status.phase == "Unknown"


def test_the_queue_that_holds_less_of_its_share_goes_first() -> None:
    rehearsal = cluster(("n1", "4"), queues=(make_queue("a").weight(1), make_queue("b").weight(3)))
    rehearsal.add(group("a1", 0, "a"), group("b1", 0, "b"))
    rehearsal.add(*members("a1", 6), *members("b1", 6))
    settle(rehearsal)
    assert (placed(rehearsal, "a1"), placed(rehearsal, "b1")) == (1, 3)


def test_queues_say_what_they_hold_and_how_many_groups_wait() -> None:
    rehearsal = cluster(("n1", "4"), queues=(make_queue("a").capability(cpu="2"),))
    rehearsal.add(group("g", 2, "a"), *members("g", 2))
    settle(rehearsal)
    rehearsal.add(make_pod_group("h").queue("a").needs(1, cpu="2").created(START))
    settle(rehearsal)
    status = rehearsal.get(QUEUES, "a").status
    assert (status.allocated["cpu"], status.allocated["pods"]) == ("2", "2")
    assert (status.inqueue + status.running, status.pending) == (1, 1)
    assert rehearsal.get(QUEUES, "root").status.allocated["cpu"] == "2"


def test_a_status_that_says_nothing_new_is_not_written() -> None:
    rehearsal = cluster(("n1", "2"))
    rehearsal.add(group("big", 3), *members("big", 3))
    settle(rehearsal)
    before = len(rehearsal.effects)
    rehearsal.add(make_node("n2").capacity(cpu="0", pods="110"))
    settle(rehearsal, 60)
    written = [each for each in rehearsal.effects[before:] if isinstance(each, WriteStatus)]
    assert [each for each in written if each.resource == POD_GROUPS] == []


def four_cpus(*queues: QueueBuilder) -> Rehearsal:
    return cluster(("n1", "4"), queues=queues)


def test_weights_of_one_and_three_let_jobs_of_one_and_three_cpus_run() -> None:
    rehearsal = four_cpus(make_queue("a").weight(1), make_queue("b").weight(3))
    rehearsal.add(group("small", 1, "a"), member("small", 0, "1"))
    rehearsal.add(group("large", 1, "b"), member("large", 0, "3"))
    settle(rehearsal)
    assert (placed(rehearsal, "small"), placed(rehearsal, "large")) == (1, 1)


def test_a_queue_gives_back_what_it_borrowed_when_its_owner_appears() -> None:
    rehearsal = four_cpus(make_queue("a").weight(1))
    rehearsal.add(group("small", 1, "a"), member("small", 0, "1"))
    rehearsal.add(group("large", 1, "a"), member("large", 0, "3"))
    settle(rehearsal)
    assert (placed(rehearsal, "small"), placed(rehearsal, "large")) == (1, 1)
    rehearsal.add(make_queue("b").weight(3))
    rehearsal.add(group("owner", 1, "b"), member("owner", 0, "3"))
    settle(rehearsal)
    assert evicted(rehearsal) == ["large-0"]
    assert placed(rehearsal, "owner") == 1
    rehearsal.add(member("large", 1, "3"))
    settle(rehearsal, 120)
    assert evicted(rehearsal) == ["large-0"]


def test_a_queue_never_holds_more_than_its_capability() -> None:
    rehearsal = four_cpus(make_queue("a").capability(cpu="2"))
    rehearsal.add(group("small", 1, "a"), member("small", 0, "1"))
    rehearsal.add(group("large", 1, "a"), member("large", 0, "3"))
    settle(rehearsal)
    assert (placed(rehearsal, "small"), placed(rehearsal, "large")) == (1, 0)
    assert "insufficient cpu" in rehearsal.message_of("large-0")


def test_a_queue_reclaims_its_share_once_however_long_its_victims_take_to_end() -> None:
    rehearsal = four_cpus(make_queue("old").weight(3), make_queue("new").weight(1))
    rehearsal.is_holding_evictions = True
    rehearsal.add(group("lent", 0, "old"), *members("lent", 4))
    settle(rehearsal)
    rehearsal.add(group("a", 1, "new"), member("a", 0), group("b", 1, "new"), member("b", 0))
    settle(rehearsal, 60)
    (victim,) = evicted(rehearsal)
    rehearsal.delete(member("lent", int(victim.removeprefix("lent-"))))
    settle(rehearsal, 60)
    assert (placed(rehearsal, "a"), placed(rehearsal, "b")) == (1, 0)
    assert evicted(rehearsal) == [victim]


def test_nothing_is_reclaimed_from_a_queue_that_is_not_reclaimable() -> None:
    rehearsal = four_cpus(make_queue("a").spec(reclaimable=False), make_queue("b"))
    rehearsal.add(group("first", 1, "a"), member("first", 0, "3"))
    settle(rehearsal)
    rehearsal.add(group("second", 1, "b"), member("second", 0, "2"))
    settle(rehearsal, 60)
    assert evicted(rehearsal) == []
    assert placed(rehearsal, "second") == 0


def test_a_gang_is_reclaimed_as_a_whole_or_keeps_its_minimum() -> None:
    rehearsal = four_cpus(make_queue("a"), make_queue("b"))
    rehearsal.add(group("gang", 4, "a"), *members("gang", 4))
    settle(rehearsal)
    rehearsal.add(group("other", 2, "b"), *members("other", 2))
    settle(rehearsal)
    assert sorted(evicted(rehearsal)) == ["gang-0", "gang-1", "gang-2", "gang-3"]
    assert placed(rehearsal, "other") == 2


def test_the_head_gang_keeps_its_places_from_small_groups_behind_it() -> None:
    rehearsal = cluster(("n1", "2"), ("n2", "2"))
    rehearsal.add(group("running", 0), *members("running", 2))
    rehearsal.add(*(member("running", index).spec(restartPolicy="Never") for index in range(2)))
    settle(rehearsal)
    rehearsal.add(group("head", 4).created(START + timedelta(seconds=1)), *members("head", 4))
    settle(rehearsal)
    later = group("small", 1).created(START + timedelta(seconds=2))
    rehearsal.add(later, member("small", 0))
    settle(rehearsal)
    assert placed(rehearsal, "small") == 0
    for index in range(2):
        rehearsal.add(
            member("running", index)
            .node(rehearsal.node_of(f"running-{index}") or "")
            .phase("Succeeded")
        )
    settle(rehearsal)
    assert placed(rehearsal, "head") == 4


def test_a_group_that_will_be_done_in_time_fills_in_before_the_head() -> None:
    rehearsal = cluster(("n1", "2"))
    long = group("long", 1).annotations(**{keys.RUNNING_ESTIMATE: "1h"})
    rehearsal.add(long, member("long", 0).spec(restartPolicy="Never"))
    settle(rehearsal)
    rehearsal.add(group("head", 2).created(START + timedelta(seconds=1)), *members("head", 2))
    settle(rehearsal)
    slow = group("slow", 1).created(START + timedelta(seconds=2))
    rehearsal.add(slow.annotations(**{keys.RUNNING_ESTIMATE: "2h"}), member("slow", 0))
    quick = group("quick", 1).created(START + timedelta(seconds=3))
    rehearsal.add(quick.annotations(**{keys.RUNNING_ESTIMATE: "10m"}), member("quick", 0))
    settle(rehearsal)
    assert (placed(rehearsal, "slow"), placed(rehearsal, "quick")) == (0, 1)


@pytest.mark.parametrize(("strategy", "expected"), [("fifo", 0), ("traverse", 1)])
def test_only_a_traversed_queue_lets_others_go_before_a_head_that_does_not_fit(
    strategy: str, expected: int
) -> None:
    queue = make_queue("a").spec(dequeueStrategy=strategy)
    rehearsal = cluster(("n1", "2"), queues=(queue,))
    rehearsal.add(group("head", 1, "a"), member("head", 0, "3"))
    rehearsal.add(group("next", 1, "a").created(START + timedelta(seconds=1)), member("next", 0))
    settle(rehearsal)
    assert placed(rehearsal, "next") == expected


def test_a_failed_binding_is_tried_again() -> None:
    rehearsal = cluster(("n1", "2"))
    rehearsal.fail_next_bind()
    rehearsal.add(group("g", 2), *members("g", 2))
    settle(rehearsal, 5)
    assert placed(rehearsal, "g") == 2


@pytest.mark.parametrize("turn", range(3))
def test_all_room_is_free_again_when_reclaimed_and_reclaimer_are_gone(turn: int) -> None:
    rehearsal = four_cpus(make_queue("a").weight(1), make_queue("b").weight(3))
    for number in range(turn + 1):
        small, large, owner = (f"{name}{number}" for name in ("small", "large", "owner"))
        rehearsal.add(group(small, 1, "a"), member(small, 0, "1"))
        rehearsal.add(group(large, 1, "a"), member(large, 0, "3"))
        settle(rehearsal)
        rehearsal.add(group(owner, 1, "b"), member(owner, 0, "3"))
        settle(rehearsal)
        rehearsal.add(member(large, 1, "3"))
        settle(rehearsal)
        assert placed(rehearsal, owner) == 1
        assert rehearsal.node_of(f"{large}-1") is None
        rehearsal.delete(member(large, 1, "3"), member(small, 0), member(owner, 0))
        for name in (small, large, owner):
            rehearsal.remove(POD_GROUPS, name, "default")
        settle(rehearsal)
    rehearsal.add(group("whole", 1, "a"), member("whole", 0, "4"))
    settle(rehearsal)
    assert placed(rehearsal, "whole") == 1
    rehearsal.delete(member("whole", 0))
    rehearsal.add(make_pod("lone").req(cpu="4"))
    settle(rehearsal)
    assert rehearsal.node_of("lone") == "n1"

"""What becomes of gangs when their pods, their PodGroups or others change under way."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from shoal.api.core import PRIORITY_CLASSES
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES
from shoal.scheduler.effects import Effect, Evict
from shoal.scheduler.events import PodUpdated, SchedulerEvent
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Status, unschedulable
from shoal.scheduler.state.pod_info import PodInfo
from shoal.testing.builders import make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import make_pod_group, make_queue
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

HOSTNAME = "kubernetes.io/hostname"


def put_class(rehearsal: Rehearsal, name: str, value: int) -> None:
    rehearsal.put(PRIORITY_CLASSES, {"metadata": {"name": name}, "value": value})


def one_cpu_for_two() -> Rehearsal:
    """A gang runs, and a more important one waits for its end."""
    rehearsal = cluster(("n1", "1"))
    put_class(rehearsal, "high", 10)
    rehearsal.is_holding_evictions = True
    rehearsal.add(group("low", 1), *members("low", 1))
    settle(rehearsal)
    rehearsal.add(group("high", 1).spec(priorityClassName="high"), *members("high", 1))
    settle(rehearsal)
    assert evicted(rehearsal) == ["low-0"]
    return rehearsal


def test_a_waiting_pod_that_is_deleted_in_two_steps_is_gone() -> None:
    rehearsal = cluster(("n1", "1"))
    rehearsal.add(group("g", 3), *members("g", 3))
    settle(rehearsal)
    rehearsal.add(member("g", 0).terminating())
    settle(rehearsal)
    rehearsal.delete(member("g", 0))
    settle(rehearsal)
    book = rehearsal.scheduler.gangs.book
    assert [each for each in ("g-0", "g-1", "g-2") if book.member(each)] == ["g-1", "g-2"]


@pytest.mark.parametrize("text", ["--5", "²", "high", "1" * 5000])
def test_a_task_priority_that_is_no_number_counts_as_none(text: str) -> None:
    rehearsal = cluster(("n1", "1"))
    said = {keys.GROUP_NAME: "g", keys.TASK_PRIORITY: text}
    rehearsal.add(group("g", 1), member("g", 0).annotations(**said))
    settle(rehearsal)
    assert placed(rehearsal, "g") == 1


@pytest.mark.parametrize("key", [keys.SLA_WAITING_TIME, keys.RUNNING_ESTIMATE])
def test_a_time_that_nobody_lives_to_see_counts_as_none(key: str) -> None:
    rehearsal = cluster(("n1", "1"))
    for name, size in (("large", 2), ("small", 1), ("next", 2)):
        rehearsal.add(group(name, size).annotations(**{key: "999999999999h"}), *members(name, size))
    settle(rehearsal)
    assert placed(rehearsal, "small") == 1


def test_a_pod_that_moves_to_another_group_is_placed_with_that() -> None:
    rehearsal = cluster(("n1", "1"))
    rehearsal.add(group("g", 2), group("h", 1), *members("g", 2))
    settle(rehearsal)
    rehearsal.change("g-0", lambda pod: pod.annotations(**{keys.GROUP_NAME: "h"}))
    settle(rehearsal)
    assert rehearsal.node_of("g-0") == "n1"


def test_a_pod_that_leaves_its_group_is_placed_alone_and_counts_no_more() -> None:
    rehearsal = cluster(("n1", "1"))
    rehearsal.add(group("g", 2), *members("g", 2))
    settle(rehearsal)
    rehearsal.change("g-0", lambda pod: pod.annotations(other="x"))
    settle(rehearsal)
    rehearsal.add(make_node("n2").capacity(cpu="9"))
    settle(rehearsal)
    assert (rehearsal.node_of("g-0"), rehearsal.node_of("g-1")) == ("n1", None)
    assert rehearsal.scheduler.gangs.book.member("g-0") is None


@pytest.mark.parametrize("is_lone", [True, False])
def test_a_gang_that_wants_to_be_near_a_pod_is_placed_once_that_stands(is_lone: bool) -> None:
    rehearsal = cluster(("n1", "4"))
    rehearsal.add(group("g", 1), member("g", 0).pod_affinity(HOSTNAME, {"app": "db"}))
    settle(rehearsal, 30)
    assert placed(rehearsal, "g") == 0
    other = make_pod("db").req(cpu="1") if is_lone else member("d", 0)
    rehearsal.add(group("d", 1), other.labels(app="db"))
    settle(rehearsal, 30)
    assert placed(rehearsal, "g") == 1


def test_a_gang_takes_what_a_pod_that_is_resized_leaves() -> None:
    rehearsal = cluster(("n1", "2"))
    rehearsal.add(make_pod("lone").req(cpu="2"))
    settle(rehearsal, 30)
    rehearsal.add(group("g", 1), member("g", 0))
    settle(rehearsal, 30)
    rehearsal.add(make_pod("lone").req(cpu="1").node("n1"))
    settle(rehearsal, 30)
    assert placed(rehearsal, "g") == 1


def test_room_that_is_made_for_a_pod_that_is_deleted_is_for_others() -> None:
    rehearsal = one_cpu_for_two()
    rehearsal.delete(member("high", 0))
    assert len(rehearsal.scheduler.nominations) == 0
    rehearsal.delete(member("low", 0))
    rehearsal.add(make_pod("lone").req(cpu="1"))
    settle(rehearsal)
    assert rehearsal.node_of("lone") == "n1"


def test_a_pod_that_is_told_to_go_before_it_is_deleted_is_evicted_once() -> None:
    rehearsal = cluster(("n1", "2"))
    put_class(rehearsal, "high", 10)
    rehearsal.add(group("low", 0), *members("low", 2))
    settle(rehearsal)
    rehearsal.is_holding_evictions = True

    def tell_of_condition(_: SchedulerEvent, wanted: Sequence[Effect]) -> None:
        for each in wanted:
            if isinstance(each, Evict):
                known = rehearsal.pod(each.pod.name)
                told = member("low", int(known.metadata.name[-1])).node("n1")
                told = told.condition("DisruptionTarget", "True")
                rehearsal.scheduler.handle(PodUpdated(told.obj()), rehearsal.now)

    rehearsal.watch = tell_of_condition
    rehearsal.add(group("high", 1).spec(priorityClassName="high"), *members("high", 1))
    settle(rehearsal, 20)
    put_class(rehearsal, "higher", 20)
    rehearsal.add(group("higher", 1).spec(priorityClassName="higher"), *members("higher", 1))
    settle(rehearsal, 20)
    assert sorted(evicted(rehearsal)) == ["low-0", "low-1"]


def test_an_eviction_that_is_refused_again_and_again_is_tried_now_and_then() -> None:
    rehearsal = cluster(("n1", "1"))
    put_class(rehearsal, "high", 10)
    rehearsal.add(group("low", 1), member("low", 0))
    settle(rehearsal)
    for _ in range(30):
        rehearsal.refuse_next_eviction()
    rehearsal.add(group("high", 1).spec(priorityClassName="high"), *members("high", 1))
    rehearsal.advance(5)
    assert 2 <= len(evicted(rehearsal)) <= 10
    rehearsal.advance(60)
    assert placed(rehearsal, "high") == 1


def test_a_pod_that_is_deleted_while_it_is_being_bound_is_not_tried_again() -> None:
    rehearsal = cluster(("n1", "1"))
    rehearsal.is_holding_binds = True
    rehearsal.add(group("g", 1), member("g", 0))
    settle(rehearsal)
    rehearsal.change("g-0", lambda pod: pod.terminating())
    rehearsal.is_holding_binds = False
    rehearsal.fail("g-0")
    settle(rehearsal, 20)
    assert rehearsal.node_of("g-0") is None


def test_a_pod_that_was_recreated_unseen_does_not_count_twice() -> None:
    rehearsal = cluster(("n1", "1"))
    rehearsal.add(group("g", 1), member("g", 0))
    settle(rehearsal)
    rehearsal.add(member("g", 0).node("n1").phase("Succeeded"))
    settle(rehearsal)
    rehearsal.add(member("g", 0).uid("second"))
    settle(rehearsal)
    assert rehearsal.scheduler.gangs.book.member("g-0") is None
    assert rehearsal.node_of("g-0") == "n1"


def test_a_pod_whose_successor_has_finished_unseen_leaves_its_room() -> None:
    rehearsal = cluster(("n1", "1"))
    rehearsal.add(make_pod("a").req(cpu="1"))
    settle(rehearsal)
    rehearsal.add(make_pod("a").uid("second").req(cpu="1").node("n1").phase("Succeeded"))
    rehearsal.add(make_pod("b").req(cpu="1"))
    settle(rehearsal)
    assert rehearsal.node_of("b") == "n1"


def test_a_longer_wait_that_is_granted_later_counts() -> None:
    rehearsal = cluster(("n1", "8"), queues=(make_queue("small").capability(cpu="2"),))
    waiting = make_pod_group("g").queue("small").needs(3, cpu="3").created(START)
    rehearsal.add(waiting)
    settle(rehearsal, 100)
    rehearsal.add(waiting.annotations(**{keys.SLA_WAITING_TIME: "60s"}))
    settle(rehearsal)
    assert status_of(rehearsal, "g").status.phase == "Inqueue"


def test_a_gang_that_is_given_free_by_its_owner_makes_room() -> None:
    rehearsal = cluster(("n1", "1"))
    put_class(rehearsal, "high", 10)
    rehearsal.add(group("low", 1).annotations(**{keys.PREEMPTABLE: "false"}), member("low", 0))
    settle(rehearsal)
    rehearsal.add(group("high", 1).spec(priorityClassName="high"), *members("high", 1))
    settle(rehearsal)
    assert placed(rehearsal, "high") == 0
    rehearsal.add(group("low", 1).annotations(**{keys.PREEMPTABLE: "true"}))
    settle(rehearsal)
    assert placed(rehearsal, "high") == 1


def test_what_a_deleted_group_was_admitted_with_admits_the_next() -> None:
    rehearsal = cluster(("n1", "4"))
    rehearsal.add(make_pod_group("g").queue("default").needs(4, cpu="4").created(START))
    settle(rehearsal)
    later = START + timedelta(seconds=1)
    rehearsal.add(make_pod_group("h").queue("default").needs(4, cpu="4").created(later))
    settle(rehearsal)
    assert status_of(rehearsal, "h").status.phase == "Pending"
    rehearsal.remove(POD_GROUPS, "g", "default")
    settle(rehearsal)
    assert status_of(rehearsal, "h").status.phase == "Inqueue"


def test_room_that_is_made_for_a_group_that_is_deleted_is_for_others() -> None:
    rehearsal = one_cpu_for_two()
    rehearsal.remove(POD_GROUPS, "high", "default")
    rehearsal.add(group("next", 1), *members("next", 1))
    rehearsal.delete(member("low", 0))
    settle(rehearsal)
    assert placed(rehearsal, "next") == 1


def test_room_that_is_made_for_a_gang_that_needs_more_pods_now_is_for_others() -> None:
    rehearsal = one_cpu_for_two()
    rehearsal.add(group("high", 3).spec(priorityClassName="high"))
    rehearsal.add(group("next", 1), *members("next", 1))
    rehearsal.delete(member("low", 0))
    settle(rehearsal)
    assert placed(rehearsal, "next") == 1


def test_a_gang_waits_no_longer_for_its_victim_than_for_other_room() -> None:
    rehearsal = one_cpu_for_two()
    rehearsal.add(make_node("n2").capacity(cpu="1"))
    settle(rehearsal)
    assert rehearsal.node_of("high-0") == "n2"
    assert len(rehearsal.scheduler.nominations) == 0


def test_a_gang_goes_where_a_pod_was_nominated_that_is_deleted() -> None:
    rehearsal = cluster(("n1", "1"))
    rehearsal.is_holding_evictions = True
    rehearsal.add(make_pod("low").req(cpu="1"))
    settle(rehearsal)
    rehearsal.add(make_pod("high").req(cpu="1").priority(10))
    settle(rehearsal, 10)
    rehearsal.add(group("g", 1), member("g", 0))
    settle(rehearsal, 20)
    rehearsal.delete(make_pod("low"))
    rehearsal.delete(make_pod("high"))
    settle(rehearsal)
    assert placed(rehearsal, "g") == 1


def test_members_that_others_schedule_count_once_they_have_nodes() -> None:
    rehearsal = cluster(("n1", "4"))
    theirs = member("g", 1).scheduler("others")
    rehearsal.add(group("g", 2), member("g", 0), theirs)
    settle(rehearsal, 30)
    assert placed(rehearsal, "g") == 0
    rehearsal.add(theirs.node("n1"))
    settle(rehearsal)
    assert placed(rehearsal, "g") == 2


def test_a_queue_that_is_deleted_gets_nothing_until_it_is_back() -> None:
    rehearsal = cluster(("n1", "2"), queues=(make_queue("a"),))
    rehearsal.add(group("g", 1, "a"), *members("g", 3))
    settle(rehearsal, 30)
    rehearsal.remove(QUEUES, "a")
    rehearsal.delete(member("g", 0))
    settle(rehearsal, 30)
    assert rehearsal.node_of("g-2") is None
    rehearsal.add(make_queue("a"))
    rehearsal.run()
    assert rehearsal.node_of("g-2") == "n1"


class Gate:
    """Keeps pods out until there is a second node."""

    name = "Gate"

    def __init__(self, _: object, handle: Handle) -> None:
        self._snapshot = handle.snapshot

    def pre_enqueue(self, pod: PodInfo) -> Status:
        """By what is known of nodes."""
        return SUCCESS if self._snapshot.row("n2") is not None else unschedulable("closed")


def test_a_plugin_that_kept_a_gang_out_is_asked_again_when_something_changed() -> None:
    rehearsal = Rehearsal(Gate)
    rehearsal.add(make_queue("root"), make_queue("default"))
    rehearsal.add(make_node("n1").capacity(cpu="2"))
    rehearsal.add(group("g", 1), member("g", 0))
    settle(rehearsal)
    assert placed(rehearsal, "g") == 0
    rehearsal.add(make_node("n2").capacity(cpu="2"))
    settle(rehearsal)
    assert placed(rehearsal, "g") == 1

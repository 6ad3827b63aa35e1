"""Pods that no round has looked at: after some seconds their condition says what they wait for."""

from shoal.api.meta import find_condition
from shoal.api.volcano import keys
from shoal.scheduler.effects import SetCondition
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import make_pod_group, make_queue


def cluster(cpu: str = "2") -> Rehearsal:
    rehearsal = Rehearsal()
    rehearsal.add(make_queue("root"), make_queue("default").capability(cpu="3"))
    rehearsal.add(make_node("n").capacity(cpu=cpu, pods="110"))
    return rehearsal


def member(name: str = "a", group: str = "g") -> PodBuilder:
    return make_pod(name).req(cpu="1").meta(annotations={keys.GROUP_NAME: group})


def written(rehearsal: Rehearsal) -> list[str]:
    return [each.message for each in rehearsal.effects if isinstance(each, SetCondition)]


def test_a_pod_without_its_pod_group_says_so_once_and_after_a_while():
    rehearsal = cluster()
    rehearsal.add(member())
    rehearsal.advance(4)
    assert written(rehearsal) == []
    rehearsal.advance(60)
    assert written(rehearsal) == [
        "PodGroup default/g does not exist, and nothing of it is placed before it does"
    ]
    condition = find_condition(rehearsal.pod("a").status.conditions, "PodScheduled")
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", "Unschedulable")
    rehearsal.restart()
    rehearsal.advance(60)
    assert len(written(rehearsal)) == 1
    rehearsal.add(make_pod_group("g").needs(1).created(START))
    rehearsal.advance(2)
    assert rehearsal.node_of("a") == "n"


def test_a_pod_whose_pod_group_is_still_to_be_made_says_so():
    rehearsal = cluster()
    rehearsal.add(make_pod("a").meta(annotations={keys.QUEUE_NAME: "default"}))
    rehearsal.advance(6)
    assert written(rehearsal) == ["it waits for its PodGroup, which the PodGroup controller makes"]


def test_a_pod_whose_group_is_not_admitted_says_why():
    rehearsal = cluster()
    rehearsal.add(make_pod_group("g").needs(1, cpu="9").created(START), member())
    rehearsal.advance(6)
    assert written(rehearsal) == [
        "PodGroup default/g is not admitted to queue default: queue resource quota insufficient:"
        " insufficient cpu (queue default)"
    ]


def test_pods_that_find_their_group_or_leave_in_time_are_told_nothing():
    rehearsal = cluster()
    rehearsal.add(member("a"), member("b"), member("gone", "other"))
    rehearsal.advance(2)
    rehearsal.add(make_pod_group("g").needs(2).created(START))
    rehearsal.delete(member("gone", "other"))
    rehearsal.advance(10)
    assert rehearsal.node_of("b") == "n"
    assert written(rehearsal) == []

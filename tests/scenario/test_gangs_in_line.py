"""Gangs that wait are tried when it may help them: none is forgotten, and time alone may do."""

from datetime import timedelta

from shoal.api.core import PRIORITY_CLASSES
from shoal.api.policy import BUDGETS
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.scheduler.fairness.rules import Division, Rules
from shoal.testing.builders import make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import PodGroupBuilder, make_pod_group, make_queue
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


def put_class(rehearsal: Rehearsal, name: str, value: int) -> None:
    rehearsal.put(PRIORITY_CLASSES, {"metadata": {"name": name}, "value": value})


def high(name: str, least: int = 1) -> PodGroupBuilder:
    return group(name, least).spec(priorityClassName="high")


def test_a_pod_is_a_victim_once_its_cool_down_is_over() -> None:
    rehearsal = cluster(("n1", "1"))
    put_class(rehearsal, "high", 10)
    said = {keys.GROUP_NAME: "low", keys.COOLDOWN_TIME: "60s"}
    young = member("low", 0).annotations(**said).meta(creationTimestamp="2026-01-01T00:00:00Z")
    rehearsal.add(group("low", 1), young)
    settle(rehearsal)
    rehearsal.add(high("high"), *members("high", 1))
    settle(rehearsal, 50)
    assert evicted(rehearsal) == []
    settle(rehearsal, 20)
    assert placed(rehearsal, "high") == 1


def test_a_cool_down_that_nobody_lives_to_see_counts_as_none() -> None:
    rehearsal = cluster(("n1", "1"))
    put_class(rehearsal, "high", 10)
    said = {keys.GROUP_NAME: "low", keys.COOLDOWN_TIME: "9999999999h"}
    young = member("low", 0).annotations(**said).meta(creationTimestamp="2026-01-01T00:00:00Z")
    rehearsal.add(group("low", 1), young, high("high"), *members("high", 1))
    settle(rehearsal)
    assert placed(rehearsal, "high") == 1


def test_a_group_is_admitted_when_it_has_waited_as_long_as_it_may() -> None:
    rehearsal = cluster(("n1", "8"), queues=(make_queue("small").capability(cpu="2"),))
    waiting = make_pod_group("g").queue("small").needs(3, cpu="3").created(START)
    rehearsal.add(waiting.annotations(**{keys.SLA_WAITING_TIME: "60s"}))
    settle(rehearsal, 50)
    assert status_of(rehearsal, "g").status.phase == "Pending"
    settle(rehearsal, 20)
    assert status_of(rehearsal, "g").status.phase == "Inqueue"


def test_equal_gangs_that_may_grow_are_all_placed_once_there_is_room() -> None:
    rehearsal = cluster(("n1", "0"))
    names = [f"g{index}" for index in range(5)]
    for index, name in enumerate(names):
        rehearsal.add(group(name, 1).created(START + timedelta(seconds=index)), *members(name, 2))
    settle(rehearsal, 30)
    rehearsal.add(make_node("n2").capacity(cpu="10"))
    rehearsal.run()
    assert [placed(rehearsal, name) for name in names] == [2] * 5


def test_equal_gangs_that_are_admitted_together_are_placed_together() -> None:
    rehearsal = cluster(("n1", "0"), queues=(make_queue("a").capability(cpu="0"),))
    names = [f"g{index}" for index in range(5)]
    for index, name in enumerate(names):
        made = make_pod_group(name).queue("a").needs(1, cpu="1")
        rehearsal.add(made.created(START + timedelta(seconds=index)), *members(name, 1))
    settle(rehearsal, 30)
    rehearsal.add(make_node("n1").capacity(cpu="10"))
    settle(rehearsal, 30)
    rehearsal.add(make_queue("a").capability(cpu="10"))
    rehearsal.run()
    assert [placed(rehearsal, name) for name in names] == [1] * 5


def test_the_next_of_equal_gangs_makes_room_where_the_first_found_some() -> None:
    rehearsal = cluster(("n1", "1"))
    put_class(rehearsal, "high", 10)
    rehearsal.add(group("low", 1), member("low", 0))
    settle(rehearsal)
    busy = make_node("n2").capacity(cpu="1")
    kept = group("kept", 1).annotations(**{keys.PREEMPTABLE: "false"})
    rehearsal.add(kept.spec(priorityClassName="high"), member("kept", 0))
    settle(rehearsal)
    rehearsal.add(high("a"), high("b").created(START + timedelta(seconds=1)))
    rehearsal.add(member("a", 0), member("b", 0), busy)
    settle(rehearsal, 30)
    assert placed(rehearsal, "a") + placed(rehearsal, "b") + placed(rehearsal, "kept") == 2
    assert evicted(rehearsal) == ["low-0"]


def test_gangs_of_a_class_that_changes_are_all_placed() -> None:
    rehearsal = cluster(("n1", "0"))
    put_class(rehearsal, "high", 10)
    names = [f"g{index}" for index in range(3)]
    for index, name in enumerate(names):
        rehearsal.add(high(name).created(START + timedelta(seconds=index)), *members(name, 1))
    settle(rehearsal, 30)
    put_class(rehearsal, "high", 20)
    rehearsal.add(make_node("n2").capacity(cpu="10"))
    rehearsal.run()
    assert [placed(rehearsal, name) for name in names] == [1] * 3


def test_a_pod_is_a_victim_as_soon_as_it_is_bound() -> None:
    rehearsal = cluster(("n1", "1"))
    put_class(rehearsal, "high", 10)
    rehearsal.is_holding_binds = True
    rehearsal.add(group("low", 0), *members("low", 1))
    settle(rehearsal, 30)
    rehearsal.add(high("high"), *members("high", 1))
    settle(rehearsal, 30)
    rehearsal.is_holding_binds = False
    rehearsal.confirm("low-0")
    rehearsal.run()
    assert evicted(rehearsal) == ["low-0"]


def test_no_more_pods_go_at_once_than_a_budget_allows() -> None:
    rehearsal = cluster(("n1", "2"))
    put_class(rehearsal, "high", 10)
    rehearsal.is_holding_evictions = True
    rehearsal.add(group("low", 0), *(each.labels(app="low") for each in members("low", 2)))
    settle(rehearsal)
    spec = {"selector": {"matchLabels": {"app": "low"}}}
    budget = {"metadata": {"name": "b", "namespace": "default"}, "spec": spec}
    rehearsal.put(BUDGETS, {**budget, "status": {"disruptionsAllowed": 1}})
    rehearsal.add(high("a"), high("b"), *members("a", 1), *members("b", 1))
    settle(rehearsal, 20)
    assert len(evicted(rehearsal)) == 1
    rehearsal.delete(make_pod(evicted(rehearsal)[0]))
    settle(rehearsal, 20)
    assert len(evicted(rehearsal)) == 2


def test_what_a_queue_deserves_grows_as_soon_as_others_want_less() -> None:
    rehearsal = cluster(("n1", "4"), queues=(make_queue("a"), make_queue("b")))
    rehearsal.scheduler.set_rules(Rules(division=Division.PROPORTION))
    rehearsal.add(group("b", 5, "b"), *members("b", 4))
    settle(rehearsal)
    rehearsal.add(group("a", 4, "a"), *members("a", 4))
    settle(rehearsal, 30)
    assert placed(rehearsal, "a") == 0
    for index in range(4):
        rehearsal.delete(member("b", index))
    rehearsal.run()
    assert placed(rehearsal, "a") == 4


def test_queues_that_may_hold_no_more_do_not_have_their_gangs_forgotten() -> None:
    rehearsal = cluster(("n1", "4"), queues=(make_queue("a"), make_queue("b")))
    rehearsal.scheduler.set_rules(Rules(division=Division.PROPORTION))
    rehearsal.add(group("b", 0, "b"), *members("b", 2))
    for index in range(6):
        rehearsal.add(group(f"a{index}", 1, "a"), *members(f"a{index}", 1))
    settle(rehearsal, 30)
    assert sum(placed(rehearsal, f"a{index}") for index in range(6)) == 2
    for index in range(2):
        rehearsal.delete(member("b", index))
    settle(rehearsal)
    assert sum(placed(rehearsal, f"a{index}") for index in range(6)) == 4


def test_a_gang_that_preempts_nobody_does_not_speak_for_one_that_may() -> None:
    rehearsal = cluster(("n1", "1"))
    put_class(rehearsal, "high", 10)
    rehearsal.add(group("low", 1), member("low", 0))
    settle(rehearsal)
    rehearsal.add(high("meek"), member("meek", 0).spec(preemptionPolicy="Never"))
    rehearsal.add(high("bold").created(START + timedelta(seconds=1)), member("bold", 0))
    settle(rehearsal)
    assert (placed(rehearsal, "meek"), placed(rehearsal, "bold")) == (0, 1)


def test_each_life_of_a_group_has_its_own_events() -> None:
    rehearsal = cluster(("n1", "0"))
    for uid in ("first", "second"):
        rehearsal.add(group("g", 1).meta(uid=uid), member("g", 0).uid(f"pod-of-{uid}"))
        settle(rehearsal)
        assert len([each for each in rehearsal.events_of("g") if "unschedulable" in each]) == 1
        rehearsal.effects.clear()
        rehearsal.delete(member("g", 0).uid(f"pod-of-{uid}"))
        rehearsal.remove(POD_GROUPS, "g", "default")
        settle(rehearsal)

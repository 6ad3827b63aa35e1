"""Who may have to go for a group, and who goes first."""

from datetime import timedelta

import pytest

from shoal.api.core import PRIORITY_CLASSES
from shoal.api.policy import BUDGETS
from shoal.api.volcano import keys
from shoal.scheduler.cycle.round import Purpose
from shoal.scheduler.cycle.victims import Terms, bundles, givers
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import PodGroupBuilder, make_pod_group, make_queue
from tests.unit.scheduler.cycle.rounds import begin, group_of

PREEMPT = Terms(Purpose.PREEMPT, only_spare=False)
RECLAIM = Terms(Purpose.RECLAIM, only_spare=False)


def low(name: str = "low", least: int = 1, queue: str = "q") -> PodGroupBuilder:
    return make_pod_group(name).queue(queue).needs(least).created(START).phase("Running")


def running(name: str, **said: str) -> PodBuilder:
    pod = make_pod(name).req(cpu="1").node("n1").phase("Running")
    return pod.annotations(**{keys.GROUP_NAME: name.rpartition("-")[0], **said})


def cluster(*made: PodBuilder | PodGroupBuilder) -> Rehearsal:
    """With a group `high` of queue q, which is more important than all others and waits."""
    rehearsal = Rehearsal()
    rehearsal.add(make_queue("root"), make_queue("q"), make_queue("other"))
    rehearsal.add(make_node("n1").capacity(cpu="8"))
    rehearsal.put(PRIORITY_CLASSES, {"metadata": {"name": "high"}, "value": 10})
    high = make_pod_group("high").queue("q").needs(1).created(START).phase("Inqueue")
    rehearsal.add(high.spec(priorityClassName="high"), *made)
    said = {keys.GROUP_NAME: "high"}
    rehearsal.add(make_pod("high-0").req(cpu="1").annotations(**said))
    return rehearsal


def victims(rehearsal: Rehearsal, terms: Terms = PREEMPT) -> list[tuple[str, ...]]:
    """What may go for `high`, the first to go first; members by their names."""
    current = begin(rehearsal)
    found = bundles(current, group_of(rehearsal, "high"), terms, givers(current))
    return [tuple(sorted(member.uid for member in each.members)) for each in found]


def test_members_beyond_the_minimum_go_alone_and_before_the_rest() -> None:
    rehearsal = cluster(low(least=2), *(running(f"low-{index}") for index in range(3)))
    first, *rest = victims(rehearsal)
    assert first == ("low-2",)
    assert [len(each) for each in rest] == [3]


def test_a_gang_keeps_its_minimum_where_only_the_spare_may_go() -> None:
    rehearsal = cluster(low(least=2), *(running(f"low-{index}") for index in range(3)))
    assert victims(rehearsal, Terms(Purpose.PREEMPT, only_spare=True)) == [("low-2",)]


def test_a_gang_of_which_one_member_is_protected_does_not_go_as_a_whole() -> None:
    kept = running("low-1", **{keys.PREEMPTABLE: "false"})
    assert victims(cluster(low(least=2), running("low-0"), kept)) == []
    assert victims(cluster(low(least=1), running("low-0"), kept)) == [("low-0",)]


def test_each_task_keeps_its_minimum() -> None:
    spec = {"minTaskMember": {"master": 1, "worker": 1}}
    pods = [running(f"low-{index}", **{keys.TASK_SPEC: "worker"}) for index in range(2)]
    master = running("low-9", **{keys.TASK_SPEC: "master"})
    only_spare = Terms(Purpose.PREEMPT, only_spare=True)
    assert victims(cluster(low(least=2).spec(**spec), *pods, master), only_spare) == [("low-1",)]


@pytest.mark.parametrize("key", ["annotations", "labels"])
def test_a_group_that_its_owner_protects_gives_nothing(key: str) -> None:
    protected = low().meta(**{key: {keys.PREEMPTABLE: "false"}})
    assert victims(cluster(protected, running("low-0"))) == []


@pytest.mark.parametrize("name", ["system-cluster-critical", "system-node-critical"])
def test_pods_of_the_system_are_no_victims(name: str) -> None:
    assert victims(cluster(low(), running("low-0").spec(priorityClassName=name))) == []


def test_pods_that_no_group_knows_are_no_victims() -> None:
    assert victims(cluster(running("low-0"))) == []


def test_pods_that_are_about_to_end_are_no_victims() -> None:
    assert victims(cluster(low(least=0), running("low-0").terminating())) == []


def test_only_lower_priority_of_the_same_queue_is_preempted() -> None:
    equal = low("equal").spec(priorityClassName="high")
    assert victims(cluster(equal, running("equal-0"))) == []
    elsewhere = low("far", queue="other")
    assert victims(cluster(elsewhere, running("far-0"))) == []


def test_only_other_queues_that_are_reclaimable_give_back() -> None:
    rehearsal = cluster(low(), running("low-0"), low("far", queue="other"), running("far-0"))
    assert victims(rehearsal, RECLAIM) == [("far-0",)]
    rehearsal.add(make_queue("other").spec(reclaimable=False))
    assert victims(rehearsal, RECLAIM) == []


def test_the_last_in_line_goes_first() -> None:
    rehearsal = cluster(low("a", 0), low("b", 0), running("a-0"), running("a-1"), running("b-0"))
    assert victims(rehearsal) == [("a-1",), ("a-0",), ("b-0",)]


@pytest.mark.parametrize(("allowed", "expected"), [(0, []), (1, [("low-0",)])])
def test_a_pod_that_a_budget_keeps_is_no_victim(allowed: int, expected: object) -> None:
    rehearsal = cluster(low(least=0), running("low-0").labels(app="low"))
    spec = {"selector": {"matchLabels": {"app": "low"}}}
    status = {"disruptionsAllowed": allowed}
    meta = {"name": "b", "namespace": "default"}
    rehearsal.put(BUDGETS, {"metadata": meta, "spec": spec, "status": status})
    assert victims(rehearsal) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(59, []), (61, [("low-0",)])])
def test_a_pod_is_left_alone_as_long_as_it_asks(seconds: float, expected: object) -> None:
    young = running("low-0", **{keys.COOLDOWN_TIME: "60s"})
    rehearsal = cluster(low(least=0), young.status(startTime="2026-01-01T00:00:00Z"))
    book = rehearsal.scheduler.gangs.book
    rehearsal.now = START + timedelta(seconds=seconds)
    assert victims(rehearsal) == expected
    assert (book.waking.next_retry() is not None) is (expected == [])

"""What docs/reference/queues.md says of queues, tried out on the production core."""

from collections.abc import Mapping

import pytest

from shoal.api import quantity
from shoal.api.core import PRIORITY_CLASSES
from shoal.api.policy import BUDGETS
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES
from shoal.scheduler.effects import Evict
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import PodGroupBuilder, QueueBuilder, make_pod_group, make_queue

ONE_CPU = {"cpu": "1"}


def cluster(cpu: str, *queues: QueueBuilder, others: Mapping[str, str] = {}) -> Rehearsal:
    """One node, queues root and default, and these."""
    rehearsal = Rehearsal()
    rehearsal.add(make_queue("root"), make_queue("default"), *queues)
    rehearsal.add(make_node("n1").capacity({"cpu": cpu, "pods": "110", **others}))
    return rehearsal


def group(rehearsal: Rehearsal, name: str, queue: str, least: int = 1) -> PodGroupBuilder:
    return make_pod_group(name).queue(queue).needs(least).created(rehearsal.now)


def pod(group: str, index: int, requests: Mapping[str, str] = ONE_CPU) -> PodBuilder:
    built = make_pod(f"{group}-{index}").req(dict(requests))
    return built.meta(annotations={keys.GROUP_NAME: group})


def submit(rehearsal: Rehearsal, group: PodGroupBuilder, *pods: PodBuilder) -> None:
    """What is placed of it runs at once."""
    rehearsal.add(group, *pods)
    rehearsal.advance(1)
    start(rehearsal, *pods)


def start(rehearsal: Rehearsal, *pods: PodBuilder) -> None:
    for each in pods:
        if rehearsal.node_of(each):
            rehearsal.change(each, lambda pod: pod.phase("Running"))
    rehearsal.advance(1)


def gang(
    rehearsal: Rehearsal,
    name: str,
    queue: str,
    least: int,
    count: int = 0,
    requests: Mapping[str, str] = ONE_CPU,
) -> None:
    pods = [pod(name, index, requests) for index in range(count or least)]
    submit(rehearsal, group(rehearsal, name, queue, least), *pods)


def backlog(rehearsal: Rehearsal, queue: str, count: int) -> None:
    """Jobs of one pod and one cpu each."""
    for index in range(count):
        name = f"{queue}-{index}"
        rehearsal.add(group(rehearsal, name, queue), pod(name, 0))


def placed(rehearsal: Rehearsal, name: str, count: int) -> int:
    found = 0
    for index in range(count):
        try:
            found += rehearsal.node_of(f"{name}-{index}") is not None
        except KeyError:
            continue  # It was evicted.
    return found


def evicted(rehearsal: Rehearsal) -> list[str]:
    return [each.pod.name for each in rehearsal.effects if isinstance(each, Evict)]


def cpus(rehearsal: Rehearsal, queue: str, field: str) -> float:
    amounts = getattr(rehearsal.get(QUEUES, queue).status, field)
    return float(quantity.parse(amounts.get("cpu", "0")))


def message(rehearsal: Rehearsal, group: str) -> str:
    (condition,) = rehearsal.get(POD_GROUPS, group).status.conditions
    return condition.message


def company() -> Rehearsal:
    """The example of the page."""
    return cluster(
        "18",
        make_queue("ops").deserves(cpu="2"),
        make_queue("research").weight(3),
        make_queue("vision").parent("research"),
        make_queue("speech").parent("research"),
        make_queue("product").capability(cpu="6"),
    )


@pytest.mark.parametrize(
    ("asks", "deserved"),
    [
        (
            {"ops": 18, "vision": 18, "speech": 18, "product": 18},
            {"ops": 2, "research": 12, "vision": 6, "speech": 6, "product": 4},
        ),
        (
            {"ops": 18, "vision": 18, "speech": 3, "product": 18},
            {"ops": 2, "research": 12, "vision": 9, "speech": 3, "product": 4},
        ),
        (
            {"ops": 1, "vision": 18, "speech": 0, "product": 18},
            {"ops": 1, "research": 12.75, "vision": 12.75, "speech": 0, "product": 4.25},
        ),
        (
            {"ops": 18, "vision": 0, "speech": 0, "product": 18},
            {"ops": 2, "research": 0, "vision": 0, "speech": 0, "product": 6},
        ),
    ],
)
def test_shares_of_the_worked_example(asks: dict[str, int], deserved: dict[str, float]) -> None:
    rehearsal = company()
    for queue, count in asks.items():
        backlog(rehearsal, queue, count)
    rehearsal.advance(3)
    assert {queue: cpus(rehearsal, queue, "deserved") for queue in deserved} == deserved


def test_all_that_ask_at_once_get_what_they_deserve() -> None:
    rehearsal = company()
    for queue in ("ops", "vision", "speech", "product"):
        backlog(rehearsal, queue, 18)
    rehearsal.advance(3)
    held = {q: cpus(rehearsal, q, "allocated") for q in ("ops", "vision", "speech", "product")}
    assert held == {"ops": 2, "vision": 6, "speech": 6, "product": 4}


def test_a_queue_alone_takes_everything_up_to_its_capability_and_gives_back() -> None:
    rehearsal = company()
    backlog(rehearsal, "product", 18)
    rehearsal.advance(3)
    assert cpus(rehearsal, "product", "allocated") == 6
    backlog(rehearsal, "vision", 18)
    rehearsal.advance(3)
    assert [cpus(rehearsal, "vision", each) for each in ("deserved", "allocated")] == [13.5, 13]
    assert {name.split("-")[0] for name in evicted(rehearsal)} == {"product"}
    backlog(rehearsal, "speech", 18)
    rehearsal.advance(5)
    assert [cpus(rehearsal, "speech", each) for each in ("deserved", "allocated")] == [6.75, 6]
    gave = [name.split("-")[0] for name in evicted(rehearsal)]
    assert (gave.count("product"), gave.count("vision")) == (1, 6)


def test_devices_are_deserved_whole() -> None:
    rehearsal = cluster("16", make_queue("a"), make_queue("b"), others={"nvidia.com/gpu": "3"})
    for queue in ("a", "b"):
        gang(rehearsal, f"{queue}-job", queue, 2, requests={"nvidia.com/gpu": "1"})
    rehearsal.advance(2)
    found = [rehearsal.get(QUEUES, each).status.deserved["nvidia.com/gpu"] for each in "ab"]
    assert found == ["2", "1"]


def test_a_guarantee_stays_free_until_its_queue_comes() -> None:
    rehearsal = cluster("4", make_queue("kept").guarantee(cpu="3"), make_queue("a"))
    backlog(rehearsal, "a", 4)
    rehearsal.advance(2)
    assert cpus(rehearsal, "a", "allocated") == 1
    waits = rehearsal.message_of("a-3-0")
    assert waits.startswith("the cluster is too small, too full or guaranteed to others: ")
    assert "insufficient cpu (queue root)" in waits
    gang(rehearsal, "kept-job", "kept", 3)
    assert placed(rehearsal, "kept-job", 3) == 3
    assert evicted(rehearsal) == []


def test_the_queue_of_higher_priority_has_the_first_turn() -> None:
    rehearsal = cluster("3", make_queue("low"), make_queue("high").priority(1))
    for queue in ("low", "high"):
        backlog(rehearsal, queue, 3)
    rehearsal.advance(2)
    assert [cpus(rehearsal, each, "deserved") for each in ("low", "high")] == [1.5, 1.5]
    assert [cpus(rehearsal, each, "allocated") for each in ("low", "high")] == [1, 2]


def test_pods_beyond_a_gangs_minimum_evict_nobody() -> None:
    rehearsal = cluster("4", make_queue("a"), make_queue("b"))
    gang(rehearsal, "early", "a", 1, 4)
    gang(rehearsal, "late", "b", 1, 4)
    rehearsal.advance(5)
    assert placed(rehearsal, "late", 4) == 1
    assert evicted(rehearsal) == ["early-3"]


def test_a_gang_larger_than_its_queues_share_waits_and_evicts_nobody() -> None:
    rehearsal = cluster("4", make_queue("a"), make_queue("b"))
    gang(rehearsal, "early", "a", 3)
    gang(rehearsal, "late", "b", 3)
    rehearsal.advance(5)
    assert (placed(rehearsal, "late", 3), evicted(rehearsal)) == (0, [])
    for index in range(3):
        rehearsal.change(f"early-{index}", lambda pod: pod.phase("Succeeded"))
    rehearsal.advance(2)
    assert placed(rehearsal, "late", 3) == 3


@pytest.mark.parametrize("shield", ["queue", "group", "pod", "young", "system", "budget"])
def test_what_is_never_a_victim(shield: str) -> None:
    rehearsal = cluster("2", make_queue("b"))
    rehearsal.add(make_queue("a").spec(reclaimable=shield != "queue"))
    early = group(rehearsal, "early", "a", 2)
    pods = [pod("early", index).meta(labels={"app": "early"}) for index in range(2)]
    annotations = {keys.GROUP_NAME: "early"}
    if shield == "group":
        early = early.meta(annotations={keys.PREEMPTABLE: "false"})
    elif shield == "pod":
        pods = [e.meta(annotations=annotations | {keys.PREEMPTABLE: "false"}) for e in pods]
    elif shield == "young":
        own = annotations | {keys.COOLDOWN_TIME: "1h"}
        pods = [e.meta(annotations=own, creationTimestamp="2026-01-01T00:00:00Z") for e in pods]
    elif shield == "system":
        pods = [e.spec(priorityClassName="system-node-critical") for e in pods]
    elif shield == "budget":
        budget = {
            "metadata": {"name": "keep", "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": "early"}}},
            "status": {"disruptionsAllowed": 1},
        }
        rehearsal.put(BUDGETS, budget)
    submit(rehearsal, early, *pods)
    gang(rehearsal, "late", "b", 1)
    rehearsal.advance(3)
    assert (evicted(rehearsal), placed(rehearsal, "late", 1)) == ([], 0)
    if shield == "young":
        rehearsal.advance(3600)
        assert sorted(evicted(rehearsal)) == ["early-0", "early-1"]


def test_in_a_queue_only_a_higher_priority_takes_from_others() -> None:
    rehearsal = cluster("2")
    rehearsal.add(make_queue("a"))
    gang(rehearsal, "early", "a", 2)
    gang(rehearsal, "equal", "a", 2)
    rehearsal.advance(3)
    assert evicted(rehearsal) == []


def test_a_running_estimate_lets_a_short_job_go_before_the_head() -> None:
    rehearsal = cluster("4", make_queue("a"))
    for name, minutes in (("long", 60), ("head", 0), ("short", 30), ("slow", 90)):
        count = {"long": 2, "head": 4}.get(name, 1)
        built = group(rehearsal, name, "a", count)
        if minutes:
            built = built.meta(annotations={keys.RUNNING_ESTIMATE: f"{minutes}m"})
        once = [pod(name, index).spec(restartPolicy="Never") for index in range(count)]
        submit(rehearsal, built, *once)
    rehearsal.advance(2)
    assert [placed(rehearsal, name, 4) for name in ("head", "short", "slow")] == [0, 1, 0]


def test_pods_that_never_end_are_not_waited_for_with_a_reservation() -> None:
    rehearsal = cluster("4", make_queue("a"))
    gang(rehearsal, "service", "a", 2)
    gang(rehearsal, "head", "a", 4)
    gang(rehearsal, "small", "a", 2)
    assert rehearsal.scheduler.gangs.reservation.holder is None
    assert placed(rehearsal, "small", 2) == 2


def test_why_a_group_waits_is_said_in_these_words() -> None:
    rehearsal = cluster("4", make_queue("small").capability(cpu="1"), make_queue("parent"))
    rehearsal.add(make_queue("child").parent("parent"), make_queue("shut").state("Closed"))
    for queue, cpu in (("small", "2"), ("parent", "1"), ("shut", "1"), ("none", "1")):
        wanted = make_pod_group(f"in-{queue}").queue(queue).needs(1, cpu=cpu)
        rehearsal.add(wanted.created(START))
    rehearsal.advance(2)
    assert {queue: message(rehearsal, f"in-{queue}") for queue in ("small", "parent", "shut")} == {
        "small": "queue resource quota insufficient: insufficient cpu (queue small)",
        "parent": "queue parent has queues below it, and only those hold pods",
        "shut": "queue shut is not open",
    }
    assert message(rehearsal, "in-none") == "queue none does not exist"


def test_what_a_queue_deserves_is_admitted_however_full_the_cluster_is() -> None:
    rehearsal = cluster("4", make_queue("a"), make_queue("b"))
    rehearsal.add(make_pod_group("much").queue("a").needs(4, cpu="4").created(START))
    rehearsal.advance(1)
    for name, queue, cpu in (("more", "a", "2"), ("own", "b", "2"), ("beyond", "b", "3")):
        rehearsal.add(make_pod_group(name).queue(queue).needs(1, cpu=cpu).created(rehearsal.now))
    rehearsal.advance(1)
    phases = {n: rehearsal.get(POD_GROUPS, n).status.phase for n in ("more", "own", "beyond")}
    assert phases == {"more": "Pending", "own": "Inqueue", "beyond": "Pending"}
    assert message(rehearsal, "more") == "resource in cluster is overused: overused cpu"


def test_a_group_that_has_waited_long_enough_is_admitted() -> None:
    rehearsal = cluster("4", make_queue("a").capability(cpu="1"))
    wanted = make_pod_group("g").queue("a").needs(2, cpu="2").created(START)
    rehearsal.add(wanted.meta(annotations={keys.SLA_WAITING_TIME: "1m"}))
    rehearsal.advance(30)
    assert rehearsal.get(POD_GROUPS, "g").status.phase == "Pending"
    rehearsal.advance(31)
    assert rehearsal.get(POD_GROUPS, "g").status.phase == "Inqueue"


def test_nodes_that_nobody_waits_for_count_at_once() -> None:
    rehearsal = cluster("4")
    rehearsal.advance(2)
    for count in (8, 0):
        rehearsal.add(make_node("n2").capacity(cpu=str(count)))
        rehearsal.advance(2)
        assert cpus(rehearsal, "root", "deserved") == 4 + count


def urgent(group: PodGroupBuilder, rehearsal: Rehearsal) -> PodGroupBuilder:
    rehearsal.put(PRIORITY_CLASSES, {"metadata": {"name": "urgent"}, "value": 10})
    return group.spec(priorityClassName="urgent")


def test_a_full_queue_admits_what_would_preempt() -> None:
    rehearsal = cluster("4", make_queue("a").capability(cpu="2"))
    gang(rehearsal, "early", "a", 2)
    for name in ("equal", "higher"):
        wanted = make_pod_group(name).queue("a").needs(2, cpu="2").created(rehearsal.now)
        rehearsal.add(urgent(wanted, rehearsal) if name == "higher" else wanted)
    rehearsal.advance(1)
    phases = {name: rehearsal.get(POD_GROUPS, name).status.phase for name in ("equal", "higher")}
    assert phases == {"equal": "Pending", "higher": "Inqueue"}


def test_a_head_of_higher_priority_takes_the_reservation_over() -> None:
    rehearsal = cluster("4", make_queue("a"), make_queue("b"))
    once = [pod("early", index).spec(restartPolicy="Never") for index in range(3)]
    protected = group(rehearsal, "early", "a", 3).meta(annotations={keys.PREEMPTABLE: "false"})
    submit(rehearsal, protected, *once)
    gang(rehearsal, "head", "a", 4)
    reservation = rehearsal.scheduler.gangs.reservation
    assert reservation.holder is not None
    assert reservation.holder.key.name == "head"
    pods = [pod("higher", index) for index in range(4)]
    submit(rehearsal, urgent(group(rehearsal, "higher", "a", 4), rehearsal), *pods)
    assert reservation.holder.key.name == "higher"

"""ResourceQuotas at admission: what is in use, what is promised, and what is said."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.core import RESOURCE_QUOTAS, ResourceQuota
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroupPhase
from shoal.scheduler.cycle.quotas import Quotas
from shoal.scheduler.effects import RecordEvent
from shoal.scheduler.fairness.rules import Rules
from shoal.scheduler.gangs.group import Group
from shoal.testing.builders import make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import make_pod_group, make_queue


def quota(
    hard: Mapping[str, str], used: Mapping[str, str], name: str = "q", namespace: str = "default"
) -> dict[str, object]:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "status": {"hard": dict(hard), "used": dict(used)},
    }


def read(manifest: dict[str, object]) -> ResourceQuota:
    return msgspec.convert(manifest, ResourceQuota)


def group(name: str, least: int, namespace: str = "default", **resources: str) -> Group:
    built = make_pod_group(name).namespace(namespace).needs(least).created(START)
    built = built.spec(minResources={key.replace("__", "."): v for key, v in resources.items()})
    obj = built.obj()
    group = Group(obj.metadata.key, START)
    group.take_object(obj)
    return group


def test_a_group_beyond_a_quota_is_told_what_is_short() -> None:
    quotas = Quotas([read(quota({"cpu": "4", "memory": "8Gi"}, {"cpu": "2"}))], [])
    assert quotas.objection(group("fits", 2, cpu="2", memory="8Gi")) == ""
    assert quotas.objection(group("big", 3, cpu="3", memory="1Gi")) == (
        "resource quota insufficient, requested: cpu=3, used: cpu=2, limited: cpu=4 "
        "(ResourceQuota q)"
    )


def test_names_that_only_quotas_have_are_counted() -> None:
    quotas = Quotas([read(quota({"limits.memory": "2Gi", "count/pods": "10"}, {}))], [])
    wanted = {"limits__memory": "3Gi", "count/pods": "3", "cpu": "300"}
    assert quotas.objection(group("g", 3, **wanted)) == (
        "resource quota insufficient, requested: limits.memory=3Gi, used: limits.memory=0, "
        "limited: limits.memory=2Gi (ResourceQuota q)"
    )


def test_a_quota_of_another_namespace_limits_nobody() -> None:
    quotas = Quotas([read(quota({"cpu": "1"}, {}, namespace="other"))], [])
    assert quotas.objection(group("g", 3, cpu="3")) == ""
    assert quotas.objection(group("g", 3, namespace="other", cpu="3")) != ""


def test_what_was_admitted_counts_until_its_pods_are_there() -> None:
    limit = read(quota({"cpu": "4"}, {"cpu": "1"}))
    admitted = group("first", 2, cpu="2")
    quotas = Quotas([limit], [])
    quotas.admit(admitted)
    text = quotas.objection(group("second", 2, cpu="2"))
    assert text == (
        "resource quota insufficient, requested: cpu=2, used: cpu=1, promised to others: cpu=2, "
        "limited: cpu=4 (ResourceQuota q)"
    )
    admitted.phase = PodGroupPhase.INQUEUE
    assert Quotas([limit], [admitted]).objection(group("second", 2, cpu="2")) == text
    admitted.phase = PodGroupPhase.PENDING
    assert Quotas([limit], [admitted]).objection(group("second", 2, cpu="2")) == ""


@given(
    limit=st.integers(0, 20),
    used=st.integers(0, 20),
    wishes=st.lists(st.integers(1, 8), max_size=12),
)
def test_what_is_admitted_never_passes_a_quota(limit: int, used: int, wishes: list[int]) -> None:
    quotas = Quotas([read(quota({"cpu": str(limit)}, {"cpu": str(used)}))], [])
    total = Decimal(used)
    for index, wish in enumerate(wishes):
        each = group(f"g{index}", 1, cpu=str(wish))
        if not quotas.objection(each):
            quotas.admit(each)
            total += wish
        else:
            assert total + wish > limit
    assert total <= max(limit, used)


def rehearsed(rules: Rules) -> Rehearsal:
    rehearsal = Rehearsal()
    rehearsal.scheduler.set_rules(rules)
    rehearsal.add(make_queue("root"), make_queue("default"))
    rehearsal.add(make_node("n1").capacity(cpu="16", pods="110"))
    rehearsal.put(RESOURCE_QUOTAS, quota({"cpu": "4"}, {"cpu": "0"}))
    return rehearsal


def phase_of(rehearsal: Rehearsal, name: str) -> str:
    return rehearsal.get(POD_GROUPS, name).status.phase


def test_the_second_group_waits_until_the_quota_has_room_again() -> None:
    rehearsal = rehearsed(Rules(resource_quota=True))
    for name in ("a", "b"):
        rehearsal.add(make_pod_group(name).queue("default").needs(3, cpu="3").created(START))
    rehearsal.advance(3)
    assert (phase_of(rehearsal, "a"), phase_of(rehearsal, "b")) == ("Inqueue", "Pending")
    (condition,) = rehearsal.get(POD_GROUPS, "b").status.conditions
    assert (condition.reason, condition.message) == (
        "NotEnoughResources",
        "resource quota insufficient, requested: cpu=3, used: cpu=0, promised to others: cpu=3, "
        "limited: cpu=4 (ResourceQuota q)",
    )
    told = [
        each.note
        for each in rehearsal.effects
        if isinstance(each, RecordEvent) and each.reason == "Unschedulable" and each.pod.name == "b"
    ]
    assert condition.message in told
    rehearsal.put(RESOURCE_QUOTAS, quota({"cpu": "6"}, {"cpu": "0"}))
    rehearsal.advance(3)
    assert phase_of(rehearsal, "b") == "Inqueue"


def test_pods_that_are_there_are_not_counted_twice() -> None:
    rehearsal = rehearsed(Rules(resource_quota=True))
    rehearsal.put(RESOURCE_QUOTAS, quota({"cpu": "4"}, {"cpu": "3"}))
    for index in range(3):
        pod = make_pod(f"a-{index}").req(cpu="1").meta(annotations={keys.GROUP_NAME: "a"})
        rehearsal.add(pod)
    rehearsal.add(make_pod_group("a").queue("default").needs(3, cpu="3").created(START))
    rehearsal.advance(3)
    assert rehearsal.node_of("a-2") == "n1"


def test_quotas_are_nobodys_concern_where_the_rules_do_not_say_so() -> None:
    rehearsal = rehearsed(Rules())
    rehearsal.add(make_pod_group("a").queue("default").needs(9, cpu="9").created(START))
    rehearsal.advance(3)
    assert phase_of(rehearsal, "a") == "Inqueue"


def test_a_quota_of_its_own_namespace_holds_up_no_equal_group_of_another() -> None:
    rehearsal = rehearsed(Rules(resource_quota=True))
    for namespace in ("default", "other"):
        wanted = make_pod_group("big").namespace(namespace).queue("default").needs(5, cpu="5")
        rehearsal.add(wanted.created(START))
    rehearsal.advance(3)
    assert phase_of(rehearsal, "big") == "Pending"
    assert rehearsal.get(POD_GROUPS, "big", "other").status.phase == "Inqueue"

"""Queues, groups and pods put together, and the limits that are found in them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.core import PriorityClass
from shoal.api.meta import ObjectKey, ObjectMeta
from shoal.scheduler.explaining.gang_view import GangView, gang_view, is_waiting
from shoal.scheduler.explaining.group_limits import (
    Limit,
    LimitKind,
    enough_of,
    gives_way,
    holders,
    is_entitled,
    limits_of,
    surplus,
    wanted_by,
)
from shoal.scheduler.fairness.rules import Action, Division, Rules
from shoal.scheduler.gangs.group import Group
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod
from shoal.testing.volcano import PodGroupBuilder, QueueBuilder, make_pod_group, make_queue

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CLASSES = [
    PriorityClass(metadata=ObjectMeta(name="high"), value=100),
    PriorityClass(metadata=ObjectMeta(name="usual"), value=7, global_default=True),
]
FOUR_CPU = make_node("n").capacity(cpu="4", memory="8Gi")


def member(name: str, group: str, cpu: str = "1", node: str = "n") -> PodBuilder:
    pod = make_pod(name).req(cpu=cpu).annotations(**{"scheduling.k8s.io/group-name": group})
    return pod.node(node).phase("Running") if node else pod


def view_of(
    queues: Sequence[QueueBuilder] = (),
    groups: Sequence[PodGroupBuilder] = (),
    pods: Sequence[PodBuilder] = (),
    nodes: Sequence[NodeBuilder] = (FOUR_CPU,),
    rules: Rules = Rules(),
) -> GangView:
    return gang_view(
        [each.obj() for each in (make_queue("root"), *queues)],
        [each.obj() for each in groups],
        [each.obj() for each in pods],
        [each.obj() for each in nodes],
        CLASSES,
        NOW,
        rules,
    )


def waits(name: str, queue: str = "q", phase: str = "Pending", **needs: str) -> PodGroupBuilder:
    return make_pod_group(name).queue(queue).needs(1, **needs).phase(phase).created(NOW)


def named(view: GangView, name: str) -> Group:
    return view.groups[ObjectKey("default", name)]


def limits(view: GangView, name: str) -> list[Limit]:
    return limits_of(view, named(view, name))


def test_what_groups_hold_and_are_promised_counts_in_their_queue_and_all_above_it():
    view = view_of(
        [make_queue("p"), make_queue("q").parent("p")],
        [waits("a", phase="Inqueue", cpu="3")],
        [member("a-0", "a"), make_pod("alone").req(cpu="1").node("n").phase("Running")],
    )
    for queue in ("q", "p", "root"):
        assert view.held[queue]["cpu"] == 1000
        assert view.promised[queue]["cpu"] == 2000
    assert (view.total["cpu"], view.free["n"]["cpu"]) == (3000, 2000)
    assert view.path("q") == ("q", "p", "root")
    assert view.path("nope") == ()
    assert sorted(view.below("p")) == ["p", "q"]


def test_a_node_that_takes_no_pods_has_nothing():
    view = view_of(nodes=[FOUR_CPU.unschedulable()])
    assert (view.total, view.free) == ({}, {})


def test_the_line_of_a_queue_goes_by_priority_then_age():
    young = waits("young").created(NOW + timedelta(hours=1))
    high = waits("high").spec(priorityClassName="high").created(NOW + timedelta(hours=2))
    view = view_of([make_queue("q")], [young, waits("old"), high, waits("x", "other")])
    assert [group.key.name for group in view.line("q")] == ["high", "old", "young"]
    assert [group.priority for group in view.line("q")] == [100, 7, 7]


def test_only_groups_below_their_minimum_wait():
    placed = waits("placed", phase="Running")
    short = make_pod_group("short").queue("q").needs(2).phase("Inqueue")
    view = view_of(
        [make_queue("q")],
        [placed, short, waits("done", phase="Completed"), waits("again", phase="Completed")],
        [member("p-0", "placed"), member("s-0", "short"), member("again-0", "again", node="")],
    )
    waiting = {group.key.name for group in view.groups.values() if is_waiting(group)}
    assert waiting == {"short", "again"}


def test_a_group_that_is_not_admitted_wants_its_min_resources():
    view = view_of([make_queue("q")], [waits("a", cpu="3")])
    (group,) = view.groups.values()
    assert wanted_by(view, group) == {"cpu": 3000}


def test_an_admitted_group_wants_what_is_missing_for_its_minimum():
    gang = make_pod_group("a").queue("q").needs(2).phase("Inqueue")
    pods = [member("a-0", "a"), member("a-1", "a", "2", ""), member("a-2", "a", "3", "")]
    view = view_of([make_queue("q")], [gang], pods)
    (group,) = view.groups.values()
    assert wanted_by(view, group) == {"cpu": 2000, "pods": 1}


@pytest.mark.parametrize("phase", ["Pending", "Inqueue"])
def test_the_capability_of_a_queue_binds_it_and_all_below(phase: str):
    view = view_of(
        [make_queue("p").capability(cpu="3"), make_queue("q").parent("p").capability(cpu="9")],
        [waits("busy", phase="Running", cpu="1"), waits("a", phase=phase, cpu="3")],
        [member("b-0", "busy"), *([member("a-0", "a", "3", "")] if phase == "Inqueue" else [])],
    )
    (limit,) = limits(view, "a")
    assert (limit.kind, limit.place, limit.resource) == (LimitKind.CAPABILITY, "p", "cpu")
    assert (limit.limit, limit.held, limit.wanted, limit.short) == (3000, 1000, 3000, 1000)


def test_what_others_are_promised_counts_but_not_what_the_group_is_promised_itself():
    queues = [make_queue("q").capability(cpu="3")]
    first = waits("first", phase="Inqueue", cpu="2")
    assert limits(view_of(queues, [first]), "first") == []
    (limit,) = limits(view_of(queues, [first, waits("next", cpu="2")]), "next")
    assert (limit.promised, limit.short) == (2000, 1000)


def test_a_zero_of_cpu_is_no_limit():
    assert limits(view_of([make_queue("q").capability(cpu="0")], [waits("a", cpu="1")]), "a") == []


def test_what_other_queues_are_guaranteed_is_not_to_be_had():
    queues = [make_queue("q"), make_queue("kept").guarantee(cpu="3")]
    (limit,) = limits(view_of(queues, [waits("a", cpu="2")]), "a")
    assert (limit.kind, limit.place, limit.limit) == (LimitKind.GUARANTEES, "root", 1000)
    assert limits(view_of(queues, [waits("a", "kept", cpu="2")]), "a") == []


def test_the_cluster_admits_a_little_more_than_it_has():
    groups = [waits("full", "q", "Running", cpu="4"), waits("a", cpu="0.8"), waits("b", cpu="1")]
    view = view_of([make_queue("q")], groups, [member("f", "full", "4")])
    assert limits(view, "a") == []
    (limit,) = limits(view, "b")
    assert (limit.kind, limit.limit, limit.short) == (LimitKind.ADMISSION, 4800, 200)


def test_what_the_cluster_does_not_have_is_short_by_all_that_is_missing():
    (limit,) = limits(view_of([make_queue("q")], [waits("a", cpu="5")]), "a")
    assert (limit.kind, limit.limit, limit.short) == (LimitKind.TOTAL, 4000, 1000)


def test_a_queue_within_its_share_is_admitted_however_full_the_cluster_is():
    queues = [make_queue("q").deserves(cpu="2"), make_queue("other")]
    groups = [waits("full", "other", "Running", cpu="4"), waits("a", cpu="2"), waits("b", cpu="3")]
    view = view_of(queues, groups, [member("f", "full", "4")])
    assert limits(view, "a") == []
    assert is_entitled(view, named(view, "a"))
    assert not is_entitled(view, named(view, "b"))
    (limit,) = limits(view, "b")
    assert (limit.kind, limit.held, limit.short) == (LimitKind.ADMISSION, 4000, 2200)


def test_where_nobody_may_borrow_the_share_itself_binds():
    rules = Rules(division=Division.PROPORTION)
    queues = [make_queue("q"), make_queue("other")]
    groups = [waits("a", phase="Inqueue"), waits("b", "other", "Inqueue")]
    pods = [member("a-0", "a", "3", ""), member("b-0", "b", "3", "")]
    (limit,) = limits(view_of(queues, groups, pods, rules=rules), "a")
    assert (limit.kind, limit.place, limit.limit) == (LimitKind.SHARE, "q", 2000)


def test_an_admitted_group_is_measured_by_what_is_free():
    full, small = waits("full", "other", "Running"), waits("a", phase="Inqueue")
    pods = [member("f", "full", "3"), member("a-0", "a", "2", "")]
    (limit,) = limits(view_of([make_queue("q")], [full, small], pods), "a")
    assert (limit.kind, limit.limit, limit.short) == (LimitKind.CLUSTER, 1000, 1000)


def test_room_in_pieces_is_no_room_for_one_pod():
    nodes = [make_node("one").capacity(cpu="2"), make_node("two").capacity(cpu="3")]
    pods = [member("a-0", "a", "4", "")]
    (limit,) = limits(view_of([make_queue("q")], [waits("a", phase="Inqueue")], pods, nodes), "a")
    assert (limit.kind, limit.place, limit.short) == (LimitKind.NODE, "two", 1000)


def test_holders_are_those_whom_the_limit_counts_the_largest_first():
    view = view_of(
        [make_queue("q"), make_queue("other")],
        [waits("a"), waits("b"), waits("c", "other")],
        [member("a-0", "a"), member("b-0", "b", "2"), member("c-0", "c", "3")],
    )
    limit = Limit(kind=LimitKind.CAPABILITY, place="q", resource="cpu", limit=0, wanted=2000)
    found = holders(view, limit)
    assert [(each.group.key.name, each.amount) for each in found] == [("b", 2000), ("a", 1000)]
    assert [each.group.key.name for each in enough_of(found, 2500)] == ["b", "a"]
    assert enough_of(found, 9000) == []
    cluster = Limit(kind=LimitKind.CLUSTER, place="", resource="cpu", limit=0, wanted=1)
    assert [each.group.key.name for each in holders(view, cluster)] == ["c", "b", "a"]


def test_a_surplus_is_what_is_held_above_the_share():
    queues = [make_queue("q").deserves(cpu="1"), make_queue("fair").deserves(cpu="3")]
    groups = [waits("a", phase="Running"), waits("b", "fair", "Inqueue", cpu="3")]
    view = view_of([*queues, make_queue("idle")], groups, [member("a-0", "a", "3")])
    assert surplus(view, "cpu") == {"q": 2000}


TAKER = waits("taker", "fair", "Inqueue", cpu="2")
TWO_QUEUES = [make_queue("q").deserves(cpu="2"), make_queue("fair").deserves(cpu="2")]


def two_queues(victim: PodGroupBuilder, *pods: PodBuilder, **rules: Any) -> GangView:
    asking = member("taker-0", "taker", "2", "")
    return view_of(TWO_QUEUES, [victim, TAKER], [*pods, asking], rules=Rules(**rules))


def gives(view: GangView) -> bool:
    return gives_way(view, named(view, "taker"), named(view, "a"))


def test_a_queue_above_its_share_gives_a_gang_or_what_the_gang_can_spare():
    pods = [member(f"a-{place}", "a") for place in range(3)]
    whole = make_pod_group("a").queue("q").needs(3).phase("Running")
    assert gives(two_queues(whole, *pods))
    assert gives(two_queues(whole.needs(1), *pods))
    assert not gives(two_queues(whole.needs(2), *pods[:2]))
    assert not gives(two_queues(whole))


def test_nobody_gives_who_is_protected_not_reclaimable_or_not_asked():
    one, running = member("a-0", "a", "4"), waits("a", phase="Running")
    protected = running.annotations(**{"volcano.sh/preemptable": "false"})
    assert not gives(two_queues(protected, one))
    assert not gives(two_queues(running, one, actions=(Action.ALLOCATE,)))
    assert not gives(two_queues(running, one, gang_reclaimable=True))
    kept = [TWO_QUEUES[0].spec(reclaimable=False), TWO_QUEUES[1]]
    view = view_of(kept, [running, TAKER], [one, member("taker-0", "taker", "2", "")])
    assert not gives(view)


def test_in_one_queue_lower_priority_gives():
    high = waits("taker", phase="Inqueue").spec(priorityClassName="high")
    groups = [waits("a", phase="Running"), high]
    view = view_of([make_queue("q")], groups, [member("a-0", "a")])
    assert gives(view)
    assert not gives_way(view, named(view, "a"), named(view, "taker"))


AMOUNTS = st.integers(0, 4).map(str)


@given(
    capabilities=st.lists(AMOUNTS, min_size=2, max_size=2),
    guarantees=st.lists(AMOUNTS, min_size=2, max_size=2),
    held=st.lists(st.integers(0, 2), min_size=2, max_size=2),
    wanted=st.integers(1, 4).map(str),
    phase=st.sampled_from(["Pending", "Inqueue"]),
)
def test_limits_of_queues_are_found_exactly_where_the_division_refuses(
    capabilities: list[str], guarantees: list[str], held: list[int], wanted: str, phase: str
):
    names = ("q", "other")
    queues = [
        make_queue(name).capability(cpu=most).guarantee(cpu=least)
        for name, most, least in zip(names, capabilities, guarantees, strict=True)
    ]
    busy = [make_pod_group(f"busy-{name}").queue(name).phase("Running") for name in names]
    pods = [
        member(f"{name}-{place}", f"busy-{name}")
        for name, count in zip(names, held, strict=True)
        for place in range(count)
    ]
    asking = [member("a-0", "a", wanted, "")] if phase == "Inqueue" else []
    view = view_of(queues, [*busy, waits("a", phase=phase, cpu=wanted)], [*pods, *asking])
    ask = view.policy.admission_shortage if phase == "Pending" else view.policy.shortage
    refused = ask("q", {"cpu": int(wanted) * 1000})
    of_queues = {LimitKind.CAPABILITY, LimitKind.GUARANTEES, LimitKind.SHARE}
    everything = limits(view, "a")
    found = [each for each in everything if each.kind in of_queues]
    if refused is not None and refused.queue == "root":
        assert everything  # There the cluster itself is what is too small or too full.
    else:
        assert bool(found) == (refused is not None)
    assert all(each.short > 0 for each in found)
    assert not any(each.kind is LimitKind.SHARE for each in found)

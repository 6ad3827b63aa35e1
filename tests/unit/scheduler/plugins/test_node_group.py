"""Which groups of nodes the affinity of a queue lets its pods on, and which it prefers."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.api.volcano.queue import QUEUES, Queue
from shoal.scheduler.config.plugin_arguments import NodeGroupArgs, QueuesWithoutAffinity
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.effects import Bind
from shoal.scheduler.events import NodeAdded, ObjectChanged, PodAdded, SchedulerEvent, Tick
from shoal.scheduler.framework.cluster_event import QueueingHint
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, Code
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.plugins.node_group import NodeGroup
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.pod_info import PodInfo
from shoal.testing.builders import make_node, make_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GROUPS = ("group1", "group2", "group3", "group4", None)
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def terms(required: tuple[str, ...], preferred: tuple[str, ...]) -> dict[str, list[str]]:
    return {REQUIRED: list(required), PREFERRED: list(preferred)}


def queue(name: str, *, parent: str = "", **affinity: tuple[str, ...]) -> Queue:
    """`near` and `likes` are of the affinity, `away` and `shuns` of the anti-affinity."""
    near = terms(affinity.get("near", ()), affinity.get("likes", ()))
    away = terms(affinity.get("away", ()), affinity.get("shuns", ()))
    spec: dict[str, Any] = {"parent": parent}
    if affinity:
        spec["affinity"] = {"nodeGroupAffinity": near, "nodeGroupAntiAffinity": away}
    return msgspec.convert({"metadata": {"name": name}, "spec": spec}, Queue)


def group(name: str, queue_name: str) -> PodGroup:
    meta = {"name": name, "namespace": "default"}
    spec, status = {"queue": queue_name, "minMember": 1}, {"phase": "Inqueue"}
    return msgspec.convert({"metadata": meta, "spec": spec, "status": status}, PodGroup)


class World:
    """Nodes n0 to n4 in the groups above, and the pod of a PodGroup `pg` in queue `q`."""

    def __init__(self, *queues: Queue, arguments: NodeGroupArgs | None = None) -> None:
        self.cache = Cache()
        for index, name in enumerate(GROUPS):
            node = make_node(f"n{index}").capacity(cpu="1")
            self.cache.set_node((node.label(keys.NODE_GROUP, name) if name else node).obj())
        self.objects = Objects()
        self.set(*queues)
        self.objects.set(POD_GROUPS, group("pg", "q").metadata.key, group("pg", "q"))
        handle = Handle(self.cache.snapshot, WaitingPods(), self.objects)
        self.plugin = NodeGroup(arguments or NodeGroupArgs(), handle)

    def set(self, *queues: Queue) -> None:
        for each in queues:
            self.objects.set(QUEUES, each.metadata.key, each)

    def allowed(self) -> list[str]:
        pod, state, rows = member("p"), CycleState(), self.cache.snapshot.all_rows()
        if self.plugin.pre_filter(state, pod, self.cache.snapshot)[1] == SKIP:
            return ["n0", "n1", "n2", "n3", "n4"]
        codes = self.plugin.filter_rows(state, pod, rows)
        assert codes is not None
        return [f"n{row}" for row, code in enumerate(codes.tolist()) if code == 0]

    def scores(self) -> list[int]:
        pod, state, rows = member("p"), CycleState(), self.cache.snapshot.all_rows()
        if self.plugin.pre_score(state, pod, rows) == SKIP:
            return []
        return self.plugin.score_rows(state, pod, rows).tolist()


def member(name: str, of: str = "pg") -> PodInfo:
    return pod_info.of(make_pod(name).annotations(**{keys.GROUP_NAME: of}).obj())


def test_a_required_affinity_lets_pods_on_its_groups_and_on_preferred_ones_alone() -> None:
    world = World(queue("q", near=("group1", "group3"), likes=("group3",)))
    assert world.allowed() == ["n0", "n2"]
    assert world.scores() == [50, 50, 100, 50, 50]
    assert World(queue("q", near=("group1",), likes=("group3",))).allowed() == ["n0", "n2"]


def test_a_required_anti_affinity_goes_before_everything() -> None:
    world = World(queue("q", near=("group1", "group2"), away=("group2",), shuns=("group2",)))
    assert world.allowed() == ["n0"]


def test_what_is_only_preferred_or_avoided_keeps_nobody_off() -> None:
    world = World(queue("q", likes=("group1",), shuns=("group4",)))
    assert world.allowed() == ["n0", "n1", "n2", "n3", "n4"]
    assert world.scores() == [100, 50, 50, 0, 50]
    assert World(queue("q", away=("group1",))).allowed() == ["n1", "n2", "n3", "n4"]


def test_a_group_of_which_there_is_no_node_is_no_way_around_the_affinity() -> None:
    world = World(queue("q", near=("elsewhere",)))
    assert world.allowed() == []
    text = world.plugin.filter_status(CycleState(), member("p"), 1)
    assert (text.code, text.message) == (
        Code.UNSCHEDULABLE_AND_UNRESOLVABLE,
        "node group label not found",
    )


def test_the_nearest_queue_above_speaks_for_one_that_says_nothing() -> None:
    above = queue("above", near=("group2",))
    world = World(queue("q", parent="between"), queue("between", parent="above"), above)
    assert world.allowed() == ["n1"]
    alone = NodeGroupArgs(inherits=False)
    assert len(World(queue("q", parent="above"), above, arguments=alone).allowed()) == 5


def test_queues_that_are_each_above_the_other_end_the_search() -> None:
    world = World(queue("q", parent="r"), queue("r", parent="q"))
    assert len(world.allowed()) == 5


@pytest.mark.parametrize(
    ("others", "allowed"),
    [
        (QueuesWithoutAffinity.ANYWHERE, ["n0", "n1", "n2", "n3", "n4"]),
        (QueuesWithoutAffinity.UNLABELLED, ["n4"]),
        (QueuesWithoutAffinity.NOWHERE, []),
    ],
)
def test_queues_without_affinity_go_where_the_arguments_say(
    others: QueuesWithoutAffinity, allowed: list[str]
) -> None:
    world = World(queue("q"), arguments=NodeGroupArgs(queues_without_affinity=others))
    assert world.allowed() == allowed


def test_an_affinity_that_changes_holds_from_then_on() -> None:
    world = World(queue("q", near=("group1",)))
    assert world.allowed() == ["n0"]
    world.set(queue("q", near=("group2",)))
    assert world.allowed() == ["n1"]


def test_pods_of_one_queue_are_judged_together_and_those_of_two_apart() -> None:
    world = World(queue("q"))
    for name, of in (("same", "q"), ("other", "r")):
        world.objects.set(POD_GROUPS, group(name, of).metadata.key, group(name, of))
    sign = world.plugin.sign
    assert sign(member("a")) == sign(member("b", "same")) != sign(member("c", "other"))
    assert sign(member("d", "unknown")) == sign(member("e", "unknown")) != sign(member("a"))
    assert sign(pod_info.of(make_pod("lone").obj())) == ()


def test_a_queue_wakes_pods_only_where_its_affinity_is_another() -> None:
    hints = {r.event.resource: r.hint for r in World().plugin.events_to_register() if r.hint}
    of_queue = hints["queues.v1beta1.scheduling.volcano.sh"]
    before, after = queue("q", near=("group1",)), queue("q", near=("group2",))
    assert of_queue(member("p"), before, after) is QueueingHint.QUEUE
    assert of_queue(member("p"), before, before) is QueueingHint.SKIP
    of_group = hints["podgroups.v1beta1.scheduling.volcano.sh"]
    assert of_group(member("p"), None, group("pg", "q")) is QueueingHint.QUEUE
    assert of_group(member("p"), None, group("other", "q")) is QueueingHint.SKIP
    assert of_group(member("p"), group("pg", "q"), group("pg", "q")) is QueueingHint.SKIP
    assert of_group(member("p"), group("pg", "q"), group("pg", "r")) is QueueingHint.QUEUE


def handled(scheduler: Scheduler, *events: SchedulerEvent) -> list[str]:
    """Nodes on which the events have pods bound."""
    done = [effect for event in (*events, Tick(10)) for effect in scheduler.handle(event, NOW)]
    return [each.node_name for each in done if isinstance(each, Bind)]


@pytest.mark.parametrize("scheduler_name", ["shoal", "volcano"])
def test_it_is_on_in_shoals_own_profiles(scheduler_name: str) -> None:
    scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
    assert {POD_GROUPS, QUEUES} <= set(scheduler.needs)
    nodes = [
        NodeAdded(make_node("a").capacity(cpu="4", pods="9").obj()),
        NodeAdded(make_node("b").capacity(cpu="1", pods="9").label(keys.NODE_GROUP, "x").obj()),
    ]
    objects = (
        ObjectChanged(QUEUES, None, queue("q", near=("x",))),
        ObjectChanged(POD_GROUPS, None, group("pg", "q")),
    )
    pod = make_pod("p").req(cpu="1").scheduler(scheduler_name)
    of_group = pod.annotations(**{keys.GROUP_NAME: "pg"}).obj()
    assert handled(scheduler, *nodes, *objects, PodAdded(of_group)) == ["b"]

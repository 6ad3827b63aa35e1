"""What is told of a pod is what the scheduler does with it, and asking changes nothing."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.pod import Pod
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.effects import Bind, Evict, PodRef, SetCondition
from shoal.scheduler.events import PodAdded, Tick
from shoal.scheduler.explaining.explanation import Explanation
from shoal.scheduler.explaining.lone_verdicts import EVERY_NODE, LEFT_OUT
from shoal.scheduler.explaining.onlooker import ClusterView, Onlooker
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PostFilterResult, PreFilterResult
from shoal.scheduler.framework.profile import PluginSpec, ProfileSpec
from shoal.scheduler.framework.status import (
    SUCCESS,
    Status,
    error,
    unresolvable,
    unschedulable,
)
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import NodeInfo, Snapshot
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BASE = DEFAULT_PROFILES[0]


def scheduler_with(*plugins: type) -> Scheduler:
    """The default profile and these."""
    registry = in_tree_registry()
    specs = list(BASE.plugins)
    for plugin in plugins:
        registry.register(plugin.__name__, plugin)
        specs.append(PluginSpec(plugin.__name__))
    return build_scheduler([ProfileSpec(BASE.scheduler_name, tuple(specs))], registry)


def look(
    nodes: Sequence[NodeBuilder],
    pods: Sequence[PodBuilder] = (),
    scheduler: Scheduler | None = None,
) -> Onlooker:
    view = ClusterView([node.obj() for node in nodes], [pod.obj() for pod in pods])
    return Onlooker(scheduler or scheduler_with(), view, NOW)


def explained(onlooker: Onlooker, pod: PodBuilder) -> Explanation:
    profile = onlooker.profile(BASE.scheduler_name)
    assert profile is not None
    return onlooker.explain(pod.obj(), profile)


BIG = make_node("big").capacity(cpu="8", memory="16Gi")
SMALL = make_node("small").capacity(cpu="1", memory="1Gi")
TAINTED = make_node("tainted").capacity(cpu="1", memory="1Gi").taint("team")


def test_a_node_is_told_of_by_every_plugin_that_refuses_it() -> None:
    found = explained(look([SMALL, TAINTED]), make_pod("a").req(cpu="2"))
    fit, taint = found.refusals["NodeResourcesFit"], found.refusals["TaintToleration"]
    assert fit["small"].reasons == fit["tainted"].reasons == ("Insufficient cpu",)
    assert list(taint) == ["tainted"]
    assert found.feasible == []
    assert found.message == (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)."
    )
    assert found.rejectors == {"NodeResourcesFit", "TaintToleration"}


def test_nodes_that_a_plugin_did_not_name_are_left_out() -> None:
    pod = make_pod("a").spec(
        affinity={
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {
                            "matchFields": [
                                {"key": "metadata.name", "operator": "In", "values": ["big"]}
                            ]
                        }
                    ]
                }
            }
        }
    )
    found = explained(look([BIG, SMALL]), pod)
    assert found.feasible == ["big"]
    assert found.refusals["NodeAffinity"]["small"].code == LEFT_OUT


def test_the_only_node_that_will_do_is_scored_too() -> None:
    found = explained(look([BIG, SMALL]), make_pod("a").req(cpu="2"))
    assert list(found.scores.totals) == found.feasible == ["big"]
    assert found.scores.totals["big"] == sum(of["big"] for of in found.scores.by_plugin.values())


def test_a_cluster_without_nodes_says_so() -> None:
    found = explained(look([]), make_pod("a").req(cpu="2"))
    assert found.message == "no nodes available to schedule pods"
    assert found.refusals == {}


class Refuses:
    """Before nodes are looked at."""

    name = "Refuses"

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        return None, unresolvable("not today")


def test_what_is_refused_before_nodes_are_looked_at_is_refused_on_every_node() -> None:
    found = explained(look([BIG], scheduler=scheduler_with(Refuses)), make_pod("a"))
    assert found.refusals["Refuses"][EVERY_NODE].reasons == ("not today",)
    assert found.pre_filter == found.refusals["Refuses"][EVERY_NODE]
    assert found.message == "0/1 nodes are available: not today."


class Breaks:
    """On every node."""

    name = "Breaks"

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status:
        return error("it broke")


def test_a_plugin_that_breaks_is_named() -> None:
    found = explained(look([BIG], scheduler=scheduler_with(Breaks)), make_pod("a"))
    assert found.message == 'running "Breaks" filter plugin: it broke'
    assert found.refusals["Breaks"][EVERY_NODE].code == "Error"
    assert found.way_out is None


class MakesRoom:
    """By two victims."""

    name = "MakesRoom"

    def post_filter(
        self, state: CycleState, pod: PodInfo, statuses: object
    ) -> tuple[PostFilterResult | None, Status]:
        victims = (PodRef("default", name, name) for name in "zy")
        effects = tuple(Evict(victim, "Preempted", "make room") for victim in victims)
        return PostFilterResult("small", effects), SUCCESS


class HasNoWay:
    name = "HasNoWay"

    def post_filter(
        self, state: CycleState, pod: PodInfo, statuses: object
    ) -> tuple[PostFilterResult | None, Status]:
        return None, unschedulable("no way out")


def without_preemption(*plugins: type) -> Scheduler:
    registry = in_tree_registry()
    specs = [each for each in BASE.plugins if each.name != "DefaultPreemption"]
    for plugin in plugins:
        registry.register(plugin.__name__, plugin)
        specs.append(PluginSpec(plugin.__name__))
    return build_scheduler([ProfileSpec(BASE.scheduler_name, tuple(specs))], registry)


def test_a_way_out_names_node_and_victims() -> None:
    pod = make_pod("a").req(cpu="2")
    found = explained(look([SMALL], scheduler=without_preemption(MakesRoom)), pod).way_out
    assert found is not None
    assert (found.node_name, found.victims) == ("small", ("default/y", "default/z"))
    none = explained(look([SMALL], scheduler=without_preemption(HasNoWay)), pod).way_out
    assert none is not None
    assert (none.node_name, none.message) == ("", "no way out")


def test_a_pod_that_fits_needs_no_way_out() -> None:
    onlooker = look([SMALL], scheduler=without_preemption(MakesRoom))
    assert explained(onlooker, make_pod("a")).way_out is None


class Holds:
    """Every pod."""

    name = "Holds"

    def pre_enqueue(self, pod: PodInfo) -> Status:
        return unschedulable("closed")


def test_a_pod_that_is_kept_out_of_the_queue_is_judged_all_the_same() -> None:
    found = explained(look([SMALL], scheduler=scheduler_with(Holds)), make_pod("a"))
    assert found.held_back_by is not None
    assert (found.held_back_by.plugin, found.held_back_by.reasons) == ("Holds", ("closed",))
    assert found.feasible == ["small"]


def test_room_is_counted_pod_by_pod_up_to_a_limit_and_given_back() -> None:
    scheduler = scheduler_with()
    onlooker = look([BIG, SMALL], [make_pod("x").req(cpu="3").node("big")], scheduler)
    profile = onlooker.profile(BASE.scheduler_name)
    assert profile is not None
    before = scheduler.cache.snapshot.requested.copy()
    pod = make_pod("a").req(cpu="1").obj()
    assert onlooker.room_for(pod, profile, limit=100) == 6
    assert onlooker.room_for(pod, profile, limit=4) == 4
    assert np.array_equal(scheduler.cache.snapshot.requested, before)


class TwoSeats:
    """On every node, by books of its own."""

    name = "TwoSeats"
    taken: Counter[str] = Counter()

    def reserve(self, state: CycleState, pod: PodInfo, node_name: str) -> Status:
        self.taken[node_name] += 1
        return SUCCESS if self.taken[node_name] <= 2 else unschedulable("no seat left")

    def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        self.taken[node_name] -= 1


def test_room_ends_where_a_plugin_has_nothing_left_to_reserve() -> None:
    onlooker = look([BIG], scheduler=scheduler_with(TwoSeats))
    profile = onlooker.profile(BASE.scheduler_name)
    assert profile is not None
    assert onlooker.room_for(make_pod("a").req(cpu="1").obj(), profile, limit=100) == 2
    assert TwoSeats.taken.total() == 0


def test_room_that_is_promised_to_a_nominated_pod_is_not_given_away() -> None:
    promised = make_pod("vip").req(cpu="6").priority(9).status(nominatedNodeName="big")
    onlooker = look([BIG, SMALL], [promised])
    pod = make_pod("a").req(cpu="3")
    found = explained(onlooker, pod)
    assert found.message == "0/2 nodes are available: 2 Insufficient cpu."
    profile = onlooker.profile(BASE.scheduler_name)
    assert profile is not None
    assert onlooker.room_for(make_pod("a").req(cpu="1").obj(), profile, limit=100) == 3
    assert explained(onlooker, pod.priority(10)).feasible == ["big"]


nodes = st.tuples(st.integers(1, 4), st.sampled_from("ab"), st.booleans())
placed = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["500m", "1"])), max_size=6)
templates = st.sampled_from(
    [
        make_pod("new").req(cpu="500m"),
        make_pod("new").req(cpu="1").toleration("soft"),
        make_pod("new")
        .req(cpu="1")
        .preferred_node_affinity(10, "topology.kubernetes.io/zone", "b"),
        make_pod("new").req(cpu="9"),
    ]
)


@given(st.lists(nodes, min_size=1, max_size=5), placed, templates)
def test_the_scheduler_binds_to_a_best_node_or_says_what_was_told(
    shapes: list[tuple[int, str, bool]], pods: list[tuple[int, str]], template: PodBuilder
) -> None:
    built = [
        node.taint("soft", effect="PreferNoSchedule") if is_tainted else node
        for i, (cpu, zone, is_tainted) in enumerate(shapes)
        for node in [make_node(f"n{i}").capacity(cpu=str(cpu), memory="8Gi").zone(zone)]
    ]
    standing = [
        make_pod(f"p{i}").req(cpu=cpu).node(f"n{at % len(shapes)}")
        for i, (at, cpu) in enumerate(pods)
    ]
    scheduler = scheduler_with()
    found = explained(look(built, standing, scheduler), template)
    done = placing(scheduler, template.obj())
    if found.feasible:
        assert done in found.scores.best
    else:
        assert done.startswith(found.message)


def placing(scheduler: Scheduler, pod: Pod) -> str:
    """The node that the pod is bound to, or why it is not."""
    scheduler.handle(PodAdded(pod), NOW)
    for effect in scheduler.handle(Tick(), NOW):
        if isinstance(effect, Bind):
            return effect.node_name
        if isinstance(effect, SetCondition):
            return effect.message
    return ""

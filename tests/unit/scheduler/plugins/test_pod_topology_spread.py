"""Pods spread evenly over domains, as far as their constraints ask for it."""

from typing import Any

import msgspec
import pytest

from shoal.api.apps import REPLICA_SETS, STATEFUL_SETS
from shoal.api.core import REPLICATION_CONTROLLERS, SERVICES
from shoal.api.meta import ObjectKey
from shoal.api.pod import TopologySpreadConstraint
from shoal.api.resource import JsonObject, Resource
from shoal.scheduler.config.plugin_arguments import PodTopologySpreadArgs, SpreadDefaulting
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import Code
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.pod_topology_spread import PodTopologySpread
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.objects import Objects
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import Rehearsal

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
WEB = {"app": "web"}
SYSTEM = PodTopologySpreadArgs()
TEXT = "node(s) didn't match pod topology spread constraints"
SKEWED = (Code.UNSCHEDULABLE, TEXT)
UNLABELLED = (Code.UNSCHEDULABLE_AND_UNRESOLVABLE, f"{TEXT} (missing required label)")
OK = (Code.SUCCESS, "")


def zoned(name: str, zone: str) -> NodeBuilder:
    return make_node(name).zone(zone).capacity(cpu="8")


NODES = (zoned("a1", "a"), zoned("a2", "a"), zoned("b1", "b"), make_node("c1").capacity(cpu="8"))


class Spreading:
    """The plugin alone, on nodes with pods."""

    def __init__(
        self,
        *pods: PodBuilder,
        nodes: tuple[NodeBuilder, ...] = NODES,
        arguments: PodTopologySpreadArgs = SYSTEM,
    ) -> None:
        self.cache = Cache()
        for node in nodes:
            self.cache.set_node(node.obj())
        for each in pods:
            self.cache.add(pod_info.of(each.obj()), each.obj().spec.node_name)
        self.objects = Objects()
        handle = Handle(self.cache.snapshot, WaitingPods(), self.objects)
        self.plugin = PodTopologySpread(arguments, handle)

    def put(self, resource: Resource[Any], name: str, **spec: Any) -> None:
        meta = {"name": name, "namespace": "default"}
        made = msgspec.convert({"metadata": meta, "spec": spec}, resource.type)
        self.objects.set(resource, ObjectKey("default", name), made)

    def verdicts(self, pod: PodBuilder) -> dict[str, tuple[Code, str]]:
        """By node; nothing where the plugin does not filter."""
        state, info, snapshot = CycleState(), pod_info.of(pod.obj()), self.cache.snapshot
        if self.plugin.pre_filter(state, info, snapshot)[1].code is Code.SKIP:
            return {}
        codes = self.plugin.filter_rows(state, info, snapshot.all_rows())
        assert codes is not None
        found: dict[str, tuple[Code, str]] = {}
        for node in snapshot.nodes():
            code = int(codes[node.row])
            status = self.plugin.filter_status(state, info, code) if code else None
            found[node.name] = (status.code, status.message) if status else OK
        return found

    def scores(self, pod: PodBuilder) -> tuple[list[int], list[int]]:
        """Raw and normalised, of all nodes; nothing where the plugin does not score."""
        state, info, rows = CycleState(), pod_info.of(pod.obj()), self.cache.snapshot.all_rows()
        if self.plugin.pre_score(state, info, rows).code is Code.SKIP:
            return [], []
        raw = self.plugin.score_rows(state, info, rows)
        return raw.tolist(), self.plugin.normalize_scores(state, info, raw).tolist()


def web(name: str, node: str) -> PodBuilder:
    return make_pod(name).labels(**WEB).node(node)


def spread(key: str = ZONE, max_skew: int = 1, **more: Any) -> PodBuilder:
    return make_pod("p").labels(**WEB).spread(key, WEB, max_skew, **more)


def soft(key: str = ZONE, max_skew: int = 1, **more: Any) -> PodBuilder:
    return spread(key, max_skew, when_unsatisfiable="ScheduleAnyway", **more)


def test_a_domain_with_too_many_pods_takes_no_more() -> None:
    spreading = Spreading(web("w", "a1"))
    assert spreading.verdicts(spread()) == {
        "a1": SKEWED,
        "a2": SKEWED,
        "b1": OK,
        "c1": UNLABELLED,
    }
    assert spreading.verdicts(spread(max_skew=2))["a1"] == OK


def test_a_pod_that_is_not_counted_itself_may_go_one_further() -> None:
    other = make_pod("p").spread(ZONE, WEB)
    assert Spreading(web("w", "a1")).verdicts(other)["a1"] == OK
    assert Spreading(web("w", "a1"), web("x", "a2")).verdicts(other)["a1"] == SKEWED


@pytest.mark.parametrize(
    "uncounted",
    [
        web("w", "a1").terminating(),
        web("w", "a1").namespace("other"),
        make_pod("w").labels(app="db").node("a1"),
        web("w", "c1"),
    ],
)
def test_pods_of_other_kinds_do_not_count(uncounted: PodBuilder) -> None:
    assert Spreading(uncounted).verdicts(spread())["a1"] == OK


def test_a_node_that_lacks_one_of_the_keys_does_not_count_for_the_others() -> None:
    verdicts = Spreading(web("w", "c1")).verdicts(spread(HOST).spread(ZONE, WEB))
    assert verdicts == {"a1": OK, "a2": OK, "b1": OK, "c1": UNLABELLED}
    assert Spreading(web("w", "c1")).verdicts(spread(HOST))["c1"] == SKEWED


def test_with_too_few_domains_one_is_supposed_to_be_empty() -> None:
    pods = web("w", "a1"), web("x", "b1")
    assert Spreading(*pods).verdicts(spread(minDomains=2))["a1"] == OK
    assert Spreading(*pods).verdicts(spread(minDomains=3))["a1"] == SKEWED


def test_matched_label_keys_narrow_the_selector() -> None:
    pod = spread(matchLabelKeys=["rev", "none"]).labels(rev="2")
    assert Spreading(web("w", "a1").labels(rev="1")).verdicts(pod)["a1"] == OK
    assert Spreading(web("w", "a1").labels(rev="2")).verdicts(pod)["a1"] == SKEWED


def test_an_empty_selector_counts_nothing_but_the_pod_itself() -> None:
    everything = make_pod("p").spread(ZONE, {})
    assert Spreading(web("w", "a1")).verdicts(everything)["a1"] == OK


@pytest.mark.parametrize(
    ("policy", "expected"),
    [({}, OK), ({"nodeAffinityPolicy": "Honor"}, OK), ({"nodeAffinityPolicy": "Ignore"}, SKEWED)],
)
def test_nodes_that_affinity_rules_out_count_only_where_it_is_ignored(
    policy: JsonObject, expected: tuple[Code, str]
) -> None:
    pod = spread(**policy).node_selector({ZONE: "a"})
    assert Spreading(web("w", "a1")).verdicts(pod)["a2"] == expected


@pytest.mark.parametrize(
    ("policy", "expected"), [({}, SKEWED), ({"nodeTaintsPolicy": "Honor"}, OK)]
)
def test_tainted_nodes_count_unless_taints_are_honoured(
    policy: JsonObject, expected: tuple[Code, str]
) -> None:
    nodes = zoned("a1", "a"), zoned("b1", "b").taint("x")
    spreading = Spreading(web("w", "a1"), nodes=nodes)
    pod = spread(**policy)
    assert spreading.verdicts(pod)["a1"] == expected
    assert spreading.verdicts(pod.toleration("x"))["a1"] == SKEWED


def test_soft_constraints_prefer_the_emptier_domains() -> None:
    """The arithmetic of three zones with 3, 1 and 0 pods, and a skew of 5."""
    nodes = tuple(zoned(each, each) for each in "abc")
    pods = [web(str(i), "a") for i in range(3)] + [web("x", "b")]
    assert Spreading(*pods, nodes=nodes).scores(soft(max_skew=5)) == ([9, 6, 4], [44, 77, 100])


def test_a_node_that_lacks_a_soft_key_scores_nothing() -> None:
    raw, normalized = Spreading(web("w", "a1")).scores(soft())
    assert raw == [1, 1, 0, 0]
    assert normalized == [0, 0, 100, 0]
    assert Spreading(nodes=NODES[3:]).scores(soft()) == ([0], [0])


def test_hosts_are_scored_by_their_own_pods() -> None:
    raw, _ = Spreading(web("w", "a1"), web("x", "a1"), web("y", "b1")).scores(soft(HOST))
    assert raw == [4, 0, 2, 0]


def test_pods_without_constraints_and_without_services_are_not_scored() -> None:
    spreading = Spreading(web("w", "a1"))
    assert spreading.scores(make_pod("p").labels(**WEB)) == ([], [])
    assert spreading.verdicts(make_pod("p").labels(**WEB)) == {}


CONTROLLER: JsonObject = {"selector": {"matchLabels": WEB}}


@pytest.mark.parametrize(
    ("resource", "spec"),
    [
        (SERVICES, {"selector": WEB}),
        (REPLICATION_CONTROLLERS, {"selector": WEB}),
        (REPLICA_SETS, CONTROLLER),
        (STATEFUL_SETS, CONTROLLER),
    ],
)
def test_services_and_controllers_say_which_pods_spread_by_default(
    resource: Resource[Any], spec: JsonObject
) -> None:
    spreading = Spreading(web("w", "a1"))
    spreading.put(resource, "s", **spec)
    pod = make_pod("p").labels(**WEB).owner(resource.kind, "s", api_version=resource.api_version)
    raw, normalized = spreading.scores(pod)
    # Hosts weigh log(6) and zones, of which the node without label is one more, log(5).
    assert raw == [9, 8, 6, 2]
    assert normalized == [22, 33, 55, 100]
    spreading.objects.remove(resource, ObjectKey("default", "s"))
    assert spreading.scores(pod) == ([], [])


def test_a_service_of_other_pods_changes_nothing() -> None:
    spreading = Spreading(web("w", "a1"))
    spreading.put(SERVICES, "s", selector={"app": "db"})
    spreading.put(SERVICES, "all")
    assert spreading.scores(make_pod("p").labels(**WEB)) == ([], [])


@pytest.mark.parametrize("when", ["DoNotSchedule", "ScheduleAnyway"])
def test_listed_defaults_take_the_place_of_the_systems(when: str) -> None:
    listed = TopologySpreadConstraint(max_skew=1, topology_key=ZONE, when_unsatisfiable=when)
    arguments = PodTopologySpreadArgs(
        default_constraints=(listed,), defaulting_type=SpreadDefaulting.LIST
    )
    spreading = Spreading(web("w", "a1"), arguments=arguments)
    spreading.put(SERVICES, "s", selector=WEB)
    pod = make_pod("p").labels(**WEB)
    if when == "DoNotSchedule":
        expected = {"a1": SKEWED, "a2": SKEWED, "b1": OK, "c1": UNLABELLED}
        assert spreading.verdicts(pod) == expected
        assert spreading.scores(pod) == ([], [])
    else:
        assert spreading.verdicts(pod) == {}
        assert spreading.scores(pod) == ([1, 1, 0, 0], [0, 0, 100, 0])


def test_no_listed_defaults_need_no_objects() -> None:
    arguments = PodTopologySpreadArgs(defaulting_type=SpreadDefaulting.LIST)
    assert Spreading(arguments=arguments).plugin.needs == ()


def test_a_changed_node_changes_the_domains() -> None:
    spreading = Spreading(web("w", "a1"))
    state, info, snapshot = CycleState(), pod_info.of(spread().obj()), spreading.cache.snapshot
    for zone, expected in (("a", 1), ("c", 0), ("a", 1)):
        spreading.cache.set_node(zoned("a2", zone).obj())
        spreading.plugin.pre_filter(state, info, snapshot)
        codes = spreading.plugin.filter_rows(state, info, snapshot.all_rows())
        assert codes is not None
        assert codes[1] == expected


def test_equal_pods_fill_zones_in_turn() -> None:
    rehearsal = Rehearsal()
    rehearsal.add(*(zoned(f"n{i}", "abc"[i % 3]) for i in range(6)))
    for number in range(9):
        pod = make_pod(f"p{number}").labels(**WEB).spread(ZONE, WEB).spread(HOST, WEB, 2)
        rehearsal.add(pod)
    rehearsal.run()
    zones = [int(str(rehearsal.node_of(f"p{i}"))[1:]) % 3 for i in range(9)]
    assert all(sorted(zones[i : i + 3]) == [0, 1, 2] for i in (0, 3, 6))


def test_a_node_that_no_pod_came_to_is_given_up_with_its_domain() -> None:
    rehearsal = Rehearsal()
    rehearsal.add(*(zoned(name, name[0]) for name in ("a1", "a2", "a3", "b1", "b2", "b3")))
    rehearsal.add(*(make_pod(f"p{i}").labels(**WEB).spread(ZONE, WEB) for i in range(4)))
    rehearsal.run()
    assert [str(rehearsal.node_of(f"p{i}"))[0] for i in range(4)] == ["a", "b", "a", "b"]


def test_a_pod_that_waits_for_balance_is_placed_when_another_goes() -> None:
    rehearsal = Rehearsal()
    gone = web("w", "a1")
    rehearsal.add(zoned("a1", "a"), zoned("b1", "b").unschedulable(), gone, spread())
    rehearsal.run()
    assert rehearsal.message_of("p").startswith(
        f"0/2 nodes are available: 1 {TEXT}, 1 node(s) were unschedulable."
    )
    rehearsal.add(make_pod("other").labels(app="db").node("a1"))
    rehearsal.advance(60)
    assert len(rehearsal.events_of("p")) == 1
    rehearsal.delete(gone)
    rehearsal.advance(60)
    assert rehearsal.node_of("p") == "a1"

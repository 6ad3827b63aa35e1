"""Pods go near the pods they must or would rather be near, and away from the others."""

from typing import Any

import numpy as np
import pytest

from shoal.api.core import NAMESPACES, Namespace
from shoal.api.meta import ObjectMeta
from shoal.scheduler.config.plugin_arguments import InterPodAffinityArgs
from shoal.scheduler.events import ObjectChanged
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import Code
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import Rehearsal

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
WEB = {"app": "web"}
NOT_NEAR = "0/4 nodes are available: 4 node(s) didn't match pod affinity rules."
SCORERS = ("NodeResourcesFit", "NodeResourcesBalancedAllocation", "ImageLocality")


def zoned(name: str, zone: str) -> NodeBuilder:
    return make_node(name).zone(zone).capacity(cpu="8")


def rehearse(*pods: PodBuilder, without: tuple[str, ...] = ()) -> Rehearsal:
    """Zones a (a1, a2) and b (b1), and a node in none (c1), with pods on them."""
    rehearsal = Rehearsal(without=without)
    rehearsal.add(zoned("a1", "a"), zoned("a2", "a"), zoned("b1", "b"))
    rehearsal.add(make_node("c1").capacity(cpu="8"), *pods)
    return rehearsal


def place(rehearsal: Rehearsal, pod: PodBuilder) -> str | None:
    rehearsal.add(pod)
    rehearsal.run()
    return rehearsal.node_of(pod.name)


def near(key: str = ZONE, name: str = "p", **term: Any) -> PodBuilder:
    return make_pod(name).pod_affinity(key, WEB, **term)


def apart(key: str = ZONE, name: str = "p", **term: Any) -> PodBuilder:
    return make_pod(name).pod_anti_affinity(key, WEB, **term)


def web(name: str, node: str) -> PodBuilder:
    return make_pod(name).labels(**WEB).node(node)


def test_required_affinity_keeps_to_the_domains_of_matching_pods() -> None:
    assert place(rehearse(web("w", "b1")), near()) == "b1"
    assert place(rehearse(web("w", "a2")), near(HOST)) == "a2"


def test_a_pod_whose_company_is_nowhere_waits_and_says_so() -> None:
    rehearsal = rehearse()
    assert place(rehearsal, near()) is None
    assert rehearsal.message_of("p").startswith(NOT_NEAR)


def test_company_in_no_domain_of_the_key_does_not_count() -> None:
    assert place(rehearse(web("w", "c1")), near()) is None


def test_the_first_pod_of_its_kind_is_its_own_company() -> None:
    rehearsal = rehearse()
    zone = place(rehearsal, near(name="p1").labels(**WEB))
    assert zone in ("a1", "a2", "b1")
    for number in range(2, 5):
        node = place(rehearsal, near(name=f"p{number}").labels(**WEB))
        assert node is not None
        assert node[0] == zone[0]


def test_one_pod_must_match_all_required_terms() -> None:
    both = near().pod_affinity(HOST, {"tier": "x"})
    apart_from_each_other = rehearse(web("w", "a1"), make_pod("t").labels(tier="x").node("a1"))
    assert place(apart_from_each_other, both) is None
    assert place(rehearse(web("w", "a2").labels(tier="x")), both) == "a2"


def test_required_anti_affinity_keeps_away_from_matching_pods() -> None:
    rehearsal = rehearse(web("w", "a1"), web("x", "c1"))
    assert place(rehearsal, apart()) in ("b1", "c1")
    assert place(rehearse(*(web(n, n) for n in ("a1", "a2", "b1", "c1"))), apart(HOST)) is None


def test_each_anti_affinity_is_told_by_its_own_text() -> None:
    rehearsal = rehearse(
        web("w", "a1"),
        make_pod("shy").node("b1").pod_anti_affinity(ZONE, {"role": "incoming"}),
        make_pod("full").node("c1").req(cpu="8"),
    )
    assert place(rehearsal, apart().labels(role="incoming").req(cpu="1")) is None
    assert rehearsal.message_of("p").startswith(
        "0/4 nodes are available: 1 Insufficient cpu,"
        " 1 node(s) didn't satisfy existing pods anti-affinity rules,"
        " 2 node(s) didn't match pod anti-affinity rules."
    )


def test_pods_that_must_be_apart_take_a_host_each() -> None:
    rehearsal = rehearse()
    nodes = [place(rehearsal, apart(HOST, f"p{i}").labels(**WEB)) for i in range(5)]
    assert sorted(nodes[:4], key=str) == ["a1", "a2", "b1", "c1"]
    assert nodes[4] is None


def test_pods_of_another_namespace_do_not_count_unless_named() -> None:
    other = web("w", "a1").namespace("other")
    assert place(rehearse(other), near()) is None
    assert place(rehearse(other), near(HOST, namespaces=["other"])) == "a1"
    assert place(rehearse(other), near(HOST, namespaceSelector={})) == "a1"


def test_namespaces_are_selected_by_the_labels_they_have_now() -> None:
    rehearsal = rehearse(web("w", "a1").namespace("other"))
    pod = near(HOST, namespaceSelector={"matchLabels": {"env": "dev"}})
    assert place(rehearsal, pod) is None
    other = Namespace(metadata=ObjectMeta(name="other", labels={"env": "dev"}))
    rehearsal.tell(ObjectChanged(NAMESPACES, None, other))
    rehearsal.advance(400)
    assert rehearsal.node_of("p") == "a1"


def test_preferred_terms_draw_and_repel() -> None:
    there = web("w", "b1")
    assert place(rehearse(there, without=SCORERS), near(weight=10)) == "b1"
    assert place(rehearse(there, without=SCORERS), apart(weight=10)) == "a1"
    both = near(HOST, weight=10).pod_anti_affinity(ZONE, WEB, weight=20)
    assert place(rehearse(web("w", "a1"), without=SCORERS), both) == "b1"


def test_wishes_of_placed_pods_count_as_well() -> None:
    loving = make_pod("l").node("b1").pod_affinity(ZONE, WEB, weight=1)
    needing = make_pod("n").node("b1").pod_affinity(HOST, WEB)
    shunning = make_pod("s").node("a1").pod_anti_affinity(ZONE, WEB, weight=1)
    pod = make_pod("p").labels(**WEB)
    assert place(rehearse(loving, without=SCORERS), pod) == "b1"
    assert place(rehearse(needing, without=SCORERS), pod) == "b1"
    assert place(rehearse(shunning, without=SCORERS), pod) == "b1"


@pytest.mark.parametrize("name", ["c1", "b1"])
def test_a_pod_that_waits_for_company_is_placed_when_it_comes(name: str) -> None:
    rehearsal = rehearse()
    pod = near(HOST).labels(role="x")
    assert place(rehearsal, pod) is None
    rehearsal.add(make_pod("other").labels(app="db").node(name))
    rehearsal.advance(60)
    assert len(rehearsal.events_of("p")) == 1
    rehearsal.add(web("w", name))
    rehearsal.advance(60)
    assert rehearsal.node_of("p") == name


def test_a_pod_is_placed_when_the_one_it_must_be_away_from_goes() -> None:
    crowd = [web(n, n) for n in ("a1", "a2", "b1", "c1")]
    rehearsal = rehearse(*crowd)
    assert place(rehearsal, apart(HOST)) is None
    rehearsal.delete(crowd[2])
    rehearsal.advance(60)
    assert rehearsal.node_of("p") == "b1"


def test_a_pod_is_placed_when_the_one_that_shuns_it_goes() -> None:
    shy = make_pod("shy").node("a1").pod_anti_affinity("all", WEB)
    rehearsal = Rehearsal()
    rehearsal.add(make_node("a1").labels(all="x").capacity(cpu="8"), shy)
    assert place(rehearsal, make_pod("p").labels(**WEB)) is None
    rehearsal.delete(shy)
    rehearsal.advance(60)
    assert rehearsal.node_of("p") == "a1"


def scores(arguments: InterPodAffinityArgs, pod: PodBuilder, *placed: PodBuilder) -> list[int]:
    """Raw scores of a1, a2 and b1; nothing where the plugin does not score."""
    cache = Cache()
    for node in (zoned("a1", "a"), zoned("a2", "a"), zoned("b1", "b")):
        cache.set_node(node.obj())
    for each in placed:
        cache.add(pod_info.of(each.obj()), each.obj().spec.node_name)
    plugin = InterPodAffinity(arguments, Handle(cache.snapshot, WaitingPods()))
    state, info, rows = CycleState(), pod_info.of(pod.obj()), cache.snapshot.all_rows()
    if plugin.pre_score(state, info, rows).code is Code.SKIP:
        return []
    return plugin.score_rows(state, info, rows).tolist()


def test_a_pod_that_requires_the_new_one_near_counts_by_the_configured_weight() -> None:
    needing = make_pod("n").node("b1").pod_affinity(ZONE, WEB)
    pod = make_pod("p").labels(**WEB)
    assert scores(InterPodAffinityArgs(), pod, needing) == [0, 0, 1]
    assert scores(InterPodAffinityArgs(hard_pod_affinity_weight=7), pod, needing) == [0, 0, 7]
    assert scores(InterPodAffinityArgs(hard_pod_affinity_weight=0), pod, needing) == []


def test_wishes_of_placed_pods_can_be_ignored_for_pods_that_have_none() -> None:
    ignoring = InterPodAffinityArgs(ignore_preferred_terms_of_existing_pods=True)
    loving = make_pod("l").labels(**WEB).node("a1").pod_affinity(HOST, WEB, weight=3)
    pod = make_pod("p").labels(**WEB)
    assert scores(InterPodAffinityArgs(), pod, loving) == [3, 0, 0]
    assert scores(ignoring, pod, loving) == []
    assert scores(ignoring, pod.pod_anti_affinity(ZONE, WEB, weight=5), loving) == [-2, -5, 0]


def test_a_term_that_two_placed_pods_have_counts_twice() -> None:
    loving = [make_pod(n).node("a1").pod_affinity(HOST, WEB, weight=3) for n in ("l", "m")]
    assert scores(InterPodAffinityArgs(), make_pod("p").labels(**WEB), *loving) == [6, 0, 0]


def test_scores_are_cut_to_whole_numbers() -> None:
    plugin = InterPodAffinity(InterPodAffinityArgs(), Handle(Cache().snapshot, WaitingPods()))
    info = pod_info.of(make_pod().obj())
    for raw, normalized in (([-3, 0, 4], [0, 42, 100]), ([5, 5], [0, 0])):
        got = plugin.normalize_scores(CycleState(), info, np.array(raw))
        assert got.tolist() == normalized

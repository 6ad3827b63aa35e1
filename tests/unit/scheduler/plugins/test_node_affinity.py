"""What a profile demands of nodes holds beside what the pod demands."""

from shoal.scheduler.config.plugin_arguments import NodeAffinityArgs
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.effects import Bind, RecordEvent
from shoal.scheduler.events import NodeAdded, NodeUpdated, PodAdded, Tick
from shoal.scheduler.framework.profile import PluginSpec, ProfileSpec
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import START

SPOT = make_pod().node_affinity("pool", "spot")
PREFERS_FAST = make_pod().preferred_node_affinity(10, "disk", "fast")
POD = make_pod("a").req(cpu="1")


def run(added: PodBuilder, pod: PodBuilder, *nodes: NodeBuilder) -> str:
    """Where the pod went, or why it went nowhere; `added` has the affinity of the profile."""
    affinity = added.obj().spec.affinity
    assert affinity is not None
    arguments = NodeAffinityArgs(added_affinity=affinity.node_affinity)
    plugins = tuple(
        PluginSpec(each.name, each.weight, arguments) if each.name == "NodeAffinity" else each
        for each in DEFAULT_PROFILES[0].plugins
    )
    profile = ProfileSpec("default-scheduler", plugins)
    scheduler = build_scheduler([profile], in_tree_registry())
    for node in nodes:
        scheduler.handle(NodeAdded(node.obj()), START)
    scheduler.handle(PodAdded(pod.obj()), START)
    effects = scheduler.handle(Tick(), START)
    bound = [each.node_name for each in effects if isinstance(each, Bind)]
    said = [each.note for each in effects if isinstance(each, RecordEvent)]
    if not bound:
        # A label that makes the first node match must wake the pod.
        scheduler.handle(NodeUpdated(nodes[0].labels(pool="spot").obj()), START)
        assert scheduler.next_wake(START) == START
    return (bound or said)[0]


def node(name: str, **labels: str) -> NodeBuilder:
    return make_node(name).capacity(cpu="4").labels(**labels)


def test_only_nodes_that_the_profile_allows_take_pods() -> None:
    assert run(SPOT, POD, node("x"), node("y", pool="spot")) == "y"


def test_the_text_says_that_the_scheduler_enforces_it() -> None:
    said = run(SPOT, POD, node("x"), node("y", pool="fixed"))
    expected = "0/2 nodes are available: 2 node(s) didn't match scheduler-enforced node affinity."
    assert said.startswith(expected)


def test_the_pods_own_demands_hold_too() -> None:
    said = run(SPOT, POD.node_selector(zone="a"), node("x", zone="a"), node("y", pool="spot"))
    assert "1 node(s) didn't match scheduler-enforced node affinity" in said
    assert "1 node(s) didn't match Pod's node affinity/selector" in said


def test_what_the_profile_prefers_counts_beside_what_the_pod_prefers() -> None:
    nodes = (node("x"), node("y", disk="fast"), node("z", zone="a"))
    assert run(PREFERS_FAST, POD, *nodes) == "y"
    assert run(PREFERS_FAST, POD.preferred_node_affinity(20, "zone", "a"), *nodes) == "z"

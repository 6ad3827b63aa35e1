"""Speed never shows: many pods at once get the nodes that each would get by itself.

The scheduler shares results among equal pods and redoes only what changed. Here the same pods are
placed one after another by a scheduler that knows nothing but the cluster as it stands: a cache
rebuilt from its objects for each pod, every node judged anew by the vectorised form of all plugins.
"""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.api.pod import Pod
from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.effects import Bind, Effect, RecordEvent
from shoal.scheduler.framework.profile import build_profiles
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import Rehearsal

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


def node(number: int, kind: str) -> NodeBuilder:
    made = make_node(f"n{number}").zone("abc"[number % 3])
    match kind:
        case "large":
            return made.capacity(cpu="16", memory="64Gi", pods="20")
        case "gpu":
            return made.capacity({"example.com/gpu": "2"}, cpu="8", memory="16Gi").taint("gpu")
        case "soft":
            return made.capacity(cpu="4", memory="8Gi").taint("busy", effect="PreferNoSchedule")
        case "image":
            return made.capacity(cpu="4", memory="8Gi").image("app:1", 500 * 2**20)
        case "cordoned":
            return made.capacity(cpu="4", memory="8Gi").unschedulable()
        case _:
            return made.capacity(cpu="2", memory="4Gi", pods="5")


TEMPLATES: tuple[PodBuilder, ...] = (
    make_pod("plain").req(cpu="250m", memory="256Mi"),
    make_pod("wide").req(cpu="1", memory="64Mi"),
    make_pod("deep").req(cpu="50m", memory="2Gi"),
    make_pod("best-effort").container(),
    make_pod("gpu").req({"example.com/gpu": "1"}, cpu="1").toleration("gpu"),
    make_pod("image").req(cpu="100m").image("app:1"),
    make_pod("port").req(cpu="100m").host_port(8080),
    make_pod("zoned").req(cpu="100m").node_affinity(ZONE, "a", "b"),
    make_pod("leaning").req(cpu="100m").preferred_node_affinity(10, ZONE, "c"),
    make_pod("apart").labels(app="x").req(cpu="100m").pod_anti_affinity(HOST, {"app": "x"}),
    make_pod("spread").labels(app="y").req(cpu="100m").spread(ZONE, {"app": "y"}, 1),
    make_pod("urgent").req(cpu="500m").priority(7),
)


def rebuilt(nodes: list[NodeBuilder], placed: dict[str, Pod], pod: Pod) -> str | None:
    """The node that the pod would get, judged from nothing."""
    cache = Cache()
    for each in nodes:
        cache.set_node(each.obj())
    for node_name, other in ((p.spec.node_name, p) for p in placed.values()):
        cache.add(pod_info.of(other), node_name)
    handle = Handle(cache.snapshot, WaitingPods())
    profile = build_profiles(DEFAULT_PROFILES, in_tree_registry(), handle)["default-scheduler"]
    choice = Evaluation(profile.points, pod_info.of(pod), cache.snapshot).choose()
    return cache.snapshot.node_name(choice) if isinstance(choice, int) else None


def attempts(effects: list[Effect]) -> Iterator[tuple[str, str | None]]:
    """Pods in the order in which they were tried, with the nodes that they got."""
    for effect in effects:
        if isinstance(effect, Bind):
            yield effect.pod.name, effect.node_name
        elif isinstance(effect, RecordEvent) and effect.reason == "FailedScheduling":
            yield effect.pod.name, None


@settings(max_examples=40)
@given(
    st.lists(
        st.sampled_from(("small", "large", "gpu", "soft", "image", "cordoned")),
        min_size=1,
        max_size=8,
    ),
    st.lists(st.integers(0, len(TEMPLATES) - 1), min_size=1, max_size=30),
)
def test_pods_that_come_at_once_get_what_each_would_get_alone(
    kinds: list[str], wanted: list[int]
) -> None:
    nodes = [node(number, kind) for number, kind in enumerate(kinds)]
    pods = [
        TEMPLATES[which].meta(name=f"p{number}", uid=f"p{number}")
        for number, which in enumerate(wanted)
    ]
    rehearsal = Rehearsal(without=("DefaultPreemption",))
    rehearsal.add(*nodes, *pods)
    placed: dict[str, Pod] = {}
    by_name = {each.name: each for each in pods}
    for name, node_name in attempts(rehearsal.run()):
        assert node_name == rebuilt(nodes, placed, by_name[name].obj())
        if node_name is not None:
            placed[name] = by_name[name].node(node_name).obj()
    assert {name: rehearsal.node_of(name) for name in by_name} == {
        name: placed[name].spec.node_name if name in placed else None for name in by_name
    }

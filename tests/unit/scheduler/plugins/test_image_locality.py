"""Nodes that have a pod's images score higher; the scores follow the nodes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.scheduler.cycle.evaluations import Evaluations
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.profile import Profile, build_profiles
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.image_locality import ImageLocality
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod

MIB = 2**20


def scores(pod: PodBuilder, *nodes: NodeBuilder) -> list[int]:
    cache = Cache()
    for each in nodes:
        cache.set_node(each.obj())
    plugin = ImageLocality({}, Handle(cache.snapshot, WaitingPods()))
    found = plugin.score_rows(CycleState(), pod_info.of(pod.obj()), cache.snapshot.all_rows())
    return found.tolist()


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (20 * MIB, 0),
        (46 * MIB, 0),
        (2000 * MIB, 100),
        (4000 * MIB, 100),
        # Half the nodes have it, so it counts half: 100 * (500 - 23) / (1000 - 23).
        (1000 * MIB, 48),
    ],
)
def test_an_image_counts_by_its_size_and_its_spread(size_bytes: int, expected: int) -> None:
    pod = make_pod().container("app:v1")
    nodes = (make_node("a").image("app:v1", size_bytes), make_node("b"))
    assert scores(pod, *nodes) == [expected, 0]


@pytest.mark.parametrize(
    ("asked", "present", "is_same"),
    [
        ("app", "app:latest", True),
        ("app:v1", "app:latest", False),
        ("reg:5000/app", "reg:5000/app:latest", True),
        ("reg:5000/app:v2", "reg:5000/app:v2", True),
    ],
)
def test_a_name_without_a_tag_means_latest(asked: str, present: str, is_same: bool) -> None:
    found = scores(make_pod().container(asked), make_node("a").image(present, 2000 * MIB))
    assert found == [100 if is_same else 0]


def test_images_of_all_containers_and_volumes_add_up_to_a_limit_for_each_container() -> None:
    node = make_node("a").image("x:1", 300 * MIB).image("y:1", 300 * MIB).image("z:1", 300 * MIB)
    both = make_pod().container("x:1").spec(initContainers=[{"name": "i", "image": "y:1"}])
    assert scores(both, node) == [100 * (600 - 23) // (2000 - 23)]
    volume = {"name": "v", "image": {"reference": "z:1"}}
    assert scores(both.spec(volumes=[volume]), node) == [100 * (900 - 23) // (2000 - 23)]


def build(cache: Cache) -> Profile:
    handle = Handle(cache.snapshot, WaitingPods())
    return build_profiles(DEFAULT_PROFILES, in_tree_registry(), handle)["shoal"]


def totals(evaluations: Evaluations, profile: Profile, pod: PodBuilder) -> dict[int, int]:
    info = pod_info.of(pod.obj())
    evaluation = evaluations.get(profile, profile.points.signer.sign(info), info)
    evaluation.choose()
    rows = evaluation.feasible_rows()
    return {row: evaluation.scores().total(row) for row in rows} if len(rows) > 1 else {}


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sets(st.sampled_from(["x:1", "y:1"])), st.booleans()),
        min_size=1,
        max_size=25,
    )
)
def test_shared_scores_follow_nodes_that_come_change_and_go(
    steps: list[tuple[int, set[str], bool]],
) -> None:
    cache = Cache()
    profile = build(cache)
    shared = Evaluations(cache.snapshot)
    pods = [make_pod("p").container("x:1"), make_pod("q").container("x:1").container("y:1")]
    for which, images, is_leaving in steps:
        node = make_node(f"n{which}").capacity(cpu="4")
        for image in sorted(images):
            node = node.image(image, 700 * MIB)
        if is_leaving:
            cache.remove_node(node.name)
        else:
            cache.set_node(node.obj())
        for pod in pods:
            fresh = totals(Evaluations(cache.snapshot), profile, pod)
            assert totals(shared, profile, pod) == fresh

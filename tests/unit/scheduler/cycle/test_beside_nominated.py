"""Nodes that refuse a pod for the sake of nominated ones: at once and one by one alike."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.scheduler.cycle.beside_nominated import BesideNominated
from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.points import PluginSpec
from shoal.scheduler.framework.profile import Profile, ProfileSpec, build_profiles
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import NodeInfo
from shoal.testing.builders import make_node, make_pod

BASE = DEFAULT_PROFILES[0]


class Easygoing:
    """Refuses no node, one by one: with it nothing can be judged by columns."""

    name = "Easygoing"

    def __init__(self, arguments: object, handle: Handle) -> None:
        pass

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status:
        return SUCCESS


def feasible(handle: Handle, profile: Profile, pod: PodInfo) -> tuple[list[int], str]:
    """Rows that are left beside the nominated pods, and the message where there are none."""
    evaluation = Evaluation(profile.points, pod, handle.snapshot)
    beside = BesideNominated(handle.snapshot, handle.nominations)
    own = beside.profile_for(pod, profile, evaluation)
    evaluation = Evaluation(own.points, pod, handle.snapshot)
    rows = evaluation.feasible_rows() if evaluation.judge().is_success else []
    return rows, "" if rows else evaluation.diagnose().message


NOMINATED = st.tuples(
    st.integers(1, 4), st.integers(0, 4), st.booleans(), st.sampled_from(["n0", "n1", "n2"])
)


@settings(max_examples=80, deadline=None)
@given(nominated=st.lists(NOMINATED, max_size=6), cpu=st.integers(1, 4), has_label=st.booleans())
def test_both_ways_leave_the_same_nodes(
    nominated: list[tuple[int, int, bool, str]], cpu: int, has_label: bool
) -> None:
    cache = Cache()
    handle = Handle(cache.snapshot, WaitingPods())
    registry = in_tree_registry()
    registry.register("Easygoing", Easygoing)
    specs = (
        ProfileSpec("columns", BASE.plugins),
        ProfileSpec("one by one", (*BASE.plugins, PluginSpec("Easygoing"))),
    )
    profiles = build_profiles(specs, registry, handle)
    for name in ("n0", "n1", "n2"):
        cache.set_node(make_node(name).capacity(cpu="4").obj())
    for promised_cpu, priority, is_alone, node_name in nominated:
        other = make_pod().req(cpu=str(promised_cpu)).priority(priority)
        if is_alone:
            other = other.pod_anti_affinity("kubernetes.io/hostname", {"app": "web"})
        handle.nominations.set(pod_info.of(other.obj()), node_name)
    builder = make_pod("pod").req(cpu=str(cpu)).priority(2)
    pod = pod_info.of((builder.labels(app="web") if has_label else builder).obj())
    found = feasible(handle, profiles["columns"], pod)
    assert found == feasible(handle, profiles["one by one"], pod)
    heeded = {node for _, priority, _, node in nominated if priority >= 2}
    untouched = [row for row, name in enumerate(("n0", "n1", "n2")) if name not in heeded]
    assert set(untouched) <= set(found[0])

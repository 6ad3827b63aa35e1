"""The formulas of resource scores, by hand-checked numbers and against each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.scheduler.config.plugin_arguments import (
    NodeResourcesBalancedAllocationArgs,
    NodeResourcesFitArgs,
    ResourceSpec,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins import resource_scores
from shoal.scheduler.plugins.node_resources_balanced_allocation import (
    NodeResourcesBalancedAllocation,
)
from shoal.scheduler.plugins.node_resources_fit import NodeResourcesFit
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.node_table import IntArray
from shoal.testing.builders import make_node, make_pod

GIB, MIB = 2**30, 2**20


def column(*numbers: int) -> IntArray:
    return np.array([[each] for each in numbers], np.int64)


# A node of 4 cpu and 32Gi with so many pods of 100m and 500Mi, and one more: worked out by hand.
@pytest.mark.parametrize(
    ("pods", "least", "most", "balanced"), [(0, 97, 1, 74), (10, 77, 21, 74), (39, 19, 80, 74)]
)
def test_a_node_that_fills_up(pods: int, least: int, most: int, balanced: int) -> None:
    capacity, even = column(4000, 32 * GIB), column(1, 1)
    pod = column(100, 500 * MIB)
    after = pod * (pods + 1)
    assert resource_scores.least_allocated(capacity, after, even).tolist() == [least]
    assert resource_scores.most_allocated(capacity, after.copy(), even).tolist() == [most]
    score = resource_scores.balanced_allocation(capacity, pod * pods, pod)
    assert score.tolist() == [balanced]


@pytest.mark.parametrize(("cpu", "memory", "balanced"), [(500, 256 * MIB, 72), (100, 8 * GIB, 80)])
def test_a_pod_that_evens_a_node_out_scores_higher(cpu: int, memory: int, balanced: int) -> None:
    capacity, taken = column(4000, 32 * GIB), column(3000, 2 * GIB)
    score = resource_scores.balanced_allocation(capacity, taken, column(cpu, memory))
    assert score.tolist() == [balanced]


def test_the_ratio_follows_its_line_and_leaves_out_what_scores_nothing() -> None:
    formula = resource_scores.requested_to_capacity_ratio([(0, 0), (50, 8), (100, 10)])
    capacity = np.full((1, 5), 1000, np.int64)
    taken = np.array([[0, 250, 500, 750, 2000]], np.int64)
    assert formula(capacity, taken, column(1)).tolist() == [0, 40, 80, 90, 100]
    half_used, unused = column(1000, 1000), column(500, 0)
    assert formula(half_used, unused, column(1, 9)).tolist() == [80]


def test_a_line_that_falls_is_cut_towards_zero() -> None:
    formula = resource_scores.requested_to_capacity_ratio([(0, 10), (30, 0)])
    taken = np.array([[100, 290]], np.int64)
    assert formula(np.full((1, 2), 1000, np.int64), taken, column(1)).tolist() == [67, 4]


def test_a_resource_that_a_node_has_none_of_does_not_count_there() -> None:
    capacity = np.array([[4000, 0], [8 * GIB, 8 * GIB]], np.int64)
    taken = np.array([[1000, 0], [4 * GIB, 4 * GIB]], np.int64)
    assert resource_scores.least_allocated(capacity, taken, column(1, 1)).tolist() == [62, 50]
    score = resource_scores.balanced_allocation(capacity, taken, column(1000, GIB))
    assert score[1] == 75


def test_a_pod_that_asks_for_nothing_changes_no_balance() -> None:
    cache = Cache()
    cache.set_node(make_node("n").capacity(cpu="4", memory="8Gi").obj())
    plugin = NodeResourcesBalancedAllocation(
        NodeResourcesBalancedAllocationArgs(), Handle(cache.snapshot, WaitingPods())
    )
    pod = pod_info.of(make_pod("idle").container().obj())
    assert plugin.pre_score(CycleState(), pod, cache.snapshot.all_rows()) == SKIP


QUANTITIES = st.sampled_from((None, "0", "100m", "1", "3", "7"))
GPU = "example.com/gpu"


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(0, 2), st.integers(0, 4)),
        min_size=1,
        max_size=5,
    ),
    QUANTITIES,
    st.sampled_from((None, "1Gi", "9Gi")),
    st.sampled_from((None, "1", "3")),
    st.booleans(),
)
def test_a_row_by_itself_gets_what_it_gets_among_others(
    nodes: list[tuple[int, int, int, int]],
    cpu: str | None,
    memory: str | None,
    gpu: str | None,
    with_gpu: bool,
) -> None:
    cache = Cache()
    for number, (cpus, gibibytes, gpus, pods) in enumerate(nodes):
        made = make_node(f"n{number}").capacity(
            {GPU: str(gpus)}, cpu=str(cpus), memory=f"{gibibytes}Gi", pods="4"
        )
        cache.set_node(made.obj())
        for pod_number in range(pods):
            uid = f"{number}-{pod_number}"
            placed = make_pod("p").uid(uid).req(cpu="300m", memory="512Mi").obj()
            cache.add(pod_info.of(placed), f"n{number}")
    wanted = {name: text for name, text in (("cpu", cpu), ("memory", memory), (GPU, gpu)) if text}
    pod = pod_info.of(make_pod("new").req(wanted).obj())
    snapshot, handle = cache.snapshot, Handle(cache.snapshot, WaitingPods())
    scored = tuple(ResourceSpec(name=name) for name in ("cpu", "memory", *([GPU] * with_gpu)))
    fit = NodeResourcesFit(NodeResourcesFitArgs(), handle)
    balanced = NodeResourcesBalancedAllocation(
        NodeResourcesBalancedAllocationArgs(resources=scored), handle
    )
    state, rows = CycleState(), snapshot.all_rows()
    fit.pre_filter(state, pod, snapshot)
    codes = fit.filter_rows(state, pod, rows)
    singles = [snapshot.select(slice(row, row + 1)).only_row for row in range(len(nodes))]
    one_by_one = [fit.filter_row(state, pod, single) for single in singles]
    assert one_by_one == ([0] * len(nodes) if codes is None else codes.tolist())
    for plugin in (fit, balanced):
        if plugin.pre_score(state, pod, rows).is_success:
            whole = plugin.score_rows(state, pod, rows).tolist()
            assert whole == [plugin.score_row(state, pod, single) for single in singles]

"""Binpack's scores against the numbers of Volcano's own test, and its two forms to each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.scheduler.config.plugin_arguments import (
    BinpackArgs,
    DirectedResource,
    ResourceSpec,
    ResourceStrategyFitArgs,
    ScoringStrategyType,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.binpack import Binpack, ResourceStrategyFit
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import PodBuilder, make_node, make_pod

GPU, FOO = "nvidia.com/gpu", "example.com/foo"


def binpack(cache: Cache, **weights: int) -> Binpack:
    names = {"gpu": GPU, "foo": FOO}
    resources = tuple(ResourceSpec(name=names.get(k, k), weight=w) for k, w in weights.items())
    return Binpack(BinpackArgs(resources=resources), Handle(cache.snapshot, WaitingPods()))


def cluster() -> Cache:
    cache = Cache()
    cache.set_node(make_node("n1").capacity(cpu="2", memory="4Gi").obj())
    cache.set_node(make_node("n2").capacity({GPU: "4"}, cpu="4", memory="16Gi").obj())
    cache.set_node(make_node("n3").capacity({FOO: "16"}, cpu="2", memory="4Gi").obj())
    cache.add(pod_info.of(POD_1.node("n1").obj()), "n1")
    cache.add(pod_info.of(POD_2.node("n3").obj()), "n3")
    return cache


POD_1 = make_pod("p1").req(cpu="1", memory="1Gi")
POD_2 = make_pod("p2").req(cpu="1500m")
POD_3 = make_pod("p3").req({GPU: "2"}, cpu="2", memory="10Gi")
POD_4 = make_pod("p4").req({FOO: "3"}, cpu="3", memory="4Gi")


@pytest.mark.parametrize(
    ("pod", "scores"),
    [
        (POD_1, [700, 137.5, 0]),
        (POD_2, [0, 375, 0]),
        (POD_3, [0, 531.25, 0]),
        (POD_4, [0, 1000 * 2.25 / 13, 0]),
    ],
)
def test_scores_are_volcanos_with_a_weight_of_ten(pod: PodBuilder, scores: list[float]) -> None:
    cache = cluster()
    plugin = binpack(cache, cpu=2, memory=3, gpu=7, foo=8)
    found = plugin.shares(pod_info.of(pod.obj()), cache.snapshot.all_rows())
    assert (found * 10).tolist() == pytest.approx(scores)


@pytest.mark.parametrize(
    ("pod", "scores"),
    [
        (POD_1, [75, 15.625, 0]),
        (POD_2, [0, 37.5, 0]),
        (POD_3, [0, 50.5, 0]),
        (POD_4, [0, 50, 0]),
    ],
)
def test_scores_are_volcanos_with_other_weights(pod: PodBuilder, scores: list[float]) -> None:
    cache = cluster()
    plugin = binpack(cache, cpu=1, memory=1, gpu=23)
    info, rows = pod_info.of(pod.obj()), cache.snapshot.all_rows()
    assert plugin.shares(info, rows).tolist() == pytest.approx(scores)
    assert plugin.score_rows(CycleState(), info, rows).tolist() == [int(each) for each in scores]


def test_a_pod_that_asks_for_none_of_the_resources_is_passed_over() -> None:
    cache = cluster()
    info, rows = pod_info.of(POD_2.obj()), cache.snapshot.all_rows()
    assert binpack(cache, memory=1).pre_score(CycleState(), info, rows) == SKIP
    assert binpack(cache, cpu=1).pre_score(CycleState(), info, rows) != SKIP


def test_resources_may_be_packed_or_spread_each_in_its_own_way() -> None:
    cache = cluster()
    gpu = DirectedResource(name=GPU, weight=2, type=ScoringStrategyType.MOST_ALLOCATED)
    resources = (gpu, DirectedResource(name="cpu"))
    arguments = ResourceStrategyFitArgs(resources=resources)
    plugin = ResourceStrategyFit(arguments, Handle(cache.snapshot, WaitingPods()))
    info, rows = pod_info.of(POD_3.obj()), cache.snapshot.all_rows()
    # Of n2, 2 of 4 GPUs would be taken, and 2 of 4 cpus left; 3 of 4 for one cpu.
    assert plugin.score_rows(CycleState(), info, rows).tolist() == [0, 50, 0]
    small = pod_info.of(make_pod().req(cpu="1").obj())
    assert plugin.score_rows(CycleState(), small, rows).tolist() == [0, 75, 0]


@given(
    st.lists(st.tuples(st.integers(1, 64), st.integers(0, 2**40)), min_size=1, max_size=8),
    st.integers(0, 5000),
    st.integers(0, 2**36),
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
)
def test_a_row_by_itself_scores_what_it_scores_among_others(
    nodes: list[tuple[int, int]], cpu_millis: int, memory_bytes: int, weights: tuple[int, int, int]
) -> None:
    cache = Cache()
    for index, (cpu, memory) in enumerate(nodes):
        cache.set_node(make_node(f"n{index}").capacity(cpu=str(cpu), memory=str(memory)).obj())
    handle = Handle(cache.snapshot, WaitingPods())
    most = ScoringStrategyType.MOST_ALLOCATED
    mixed = (
        DirectedResource(name="cpu", weight=weights[0], type=most),
        DirectedResource(name="memory", weight=weights[1]),
        DirectedResource(name=GPU, weight=weights[2]),
    )
    packing = binpack(cache, cpu=weights[0], memory=weights[1], gpu=weights[2])
    strategy = ResourceStrategyFit(ResourceStrategyFitArgs(resources=mixed), handle)
    pod = make_pod().req({GPU: "1"}, cpu=f"{cpu_millis}m", memory=str(memory_bytes))
    info, state = pod_info.of(pod.obj()), CycleState()
    for plugin in (packing, strategy):
        scores = plugin.score_rows(state, info, cache.snapshot.all_rows()).tolist()
        assert all(0 <= each <= 100 for each in scores)
        for row, score in enumerate(scores):
            only = cache.snapshot.select(slice(row, row + 1)).only_row
            assert plugin.score_row(state, info, only) == score

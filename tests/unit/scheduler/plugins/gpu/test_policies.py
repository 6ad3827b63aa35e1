"""The policies' scores, worked out by hand from the formulas."""

from typing import Any

import numpy as np
import pytest

from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.gpu.fgd import FgdScore, chosen_device, free_nodes
from shoal.scheduler.plugins.gpu.policies import (
    BestFitScore,
    DotProductScore,
    GpuClusteringScore,
    GpuPackingScore,
)
from shoal.scheduler.plugins.gpu.typical_pods import PodShape, TypicalSet
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.gpu_shares import request_of
from shoal.testing.builders import PodBuilder, make_node, make_pod

COUNT = "alibabacloud.com/gpu-count"
MILLI = "alibabacloud.com/gpu-milli"
INDEX = "alibabacloud.com/gpu-index"


def gpu_pod(milli: int, count: int = 1, cpu: str = "4", index: str = "") -> PodBuilder:
    asked = {MILLI: str(milli), COUNT: str(count), **({INDEX: index} if index else {})}
    return make_pod().req(cpu=cpu).annotations(**asked)


CPU_POD = make_pod().req(cpu="4")


def cluster(**placed: tuple[int, list[PodBuilder]]) -> Cache:
    """Nodes of 64 cores by name, with so many devices and these pods."""
    cache = Cache()
    for name, (devices, pods) in placed.items():
        cache.set_node(make_node(name).capacity({COUNT: str(devices)}, cpu="64").obj())
        for pod in pods:
            cache.add(pod_info.of(pod.node(name).obj()), name)
    return cache


def raw(plugin: Any, cache: Cache, pod: PodBuilder, **arguments: Any) -> list[int]:
    made = plugin(arguments, Handle(cache.snapshot, WaitingPods()))
    info = pod_info.of(pod.obj())
    return made.score_rows(CycleState(), info, cache.snapshot.all_rows()).tolist()


HALF_USED = [gpu_pod(500, cpu="0", index="0")]


def test_dot_product() -> None:
    """100 * (1 - (0.5 * 0.03125 + 0.1875 * 0.0625) / 2) is 98.63; 0 where cpu is short."""
    full = [make_pod().req(cpu="61")]
    cache = cluster(used=(2, HALF_USED), full=(2, full))
    assert raw(DotProductScore, cache, gpu_pod(500)) == [98, 0]
    assert raw(DotProductScore, cache, CPU_POD) == [99, 0]


def test_best_fit() -> None:
    """100 * (1 - (60000 / 128000 + 1000 / 8000) / 2) is 70.31."""
    cache = cluster(used=(2, HALF_USED), free=(8, []))
    assert raw(BestFitScore, cache, gpu_pod(500)) == [70, 29]
    plugin = BestFitScore({}, Handle(cache.snapshot, WaitingPods()))
    pod = pod_info.of(CPU_POD.obj())
    assert plugin.normalize_scores(CycleState(), pod, np.array([70, 29, 50])).tolist() == [
        *(100, 0, 51)
    ]
    assert plugin.normalize_scores(CycleState(), pod, np.array([7, 7])).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("pod", "scores"),
    [
        # 50 left of 100 on the device in use: 100 - 50 // 10.
        (gpu_pod(500), [95, 31, 25]),
        (gpu_pod(501), [49, 31, 25]),
        (gpu_pod(1000), [49, 31, 25]),
        # Two free devices of the node in use.
        (gpu_pod(1000, 2), [48, 31, 25]),
    ],
)
def test_packing(pod: PodBuilder, scores: list[int]) -> None:
    cache = cluster(used=(3, HALF_USED), two=(2, []), eight=(8, []))
    assert raw(GpuPackingScore, cache, pod) == scores


def test_clustering() -> None:
    """A quarter of 100 by how little is left, cut, on top of 75, 50, 25 or 0."""
    mixed = [gpu_pod(500, cpu="0", index="0"), gpu_pod(1000, cpu="0", index="1")]
    cache = cluster(alone=(2, HALF_USED), mixed=(3, mixed), free=(2, []))
    assert raw(GpuClusteringScore, cache, gpu_pod(100)) == [95, 70, 43]
    assert raw(GpuClusteringScore, cache, gpu_pod(1000)) == [20, 70, 43]
    assert raw(GpuClusteringScore, cache, gpu_pod(1000, 2)) == [20, 20, 43]


def test_clustering_ends_at_eight_devices() -> None:
    assert raw(GpuClusteringScore, cluster(huge=(16, [])), gpu_pod(100)) == [25]


TYPICAL = [
    {"cpuMilli": 4000, "gpuMilli": 500, "gpuCount": 1, "weight": 6},
    {"cpuMilli": 8000, "gpuMilli": 1000, "gpuCount": 2, "weight": 3},
    {"cpuMilli": 8000, "weight": 1},
]


def test_fgd_counts_what_is_stranded_less() -> None:
    """On 10 free cores and devices with 500 and 1000 left, 600 are stranded for the typical pods;
    with 500 more taken it is 400: sigmoid(0.2). A pod without GPUs leaves 6 cores, too few for the
    pod without GPUs and the pair, which were lost before: no difference."""
    used = [*HALF_USED, make_pod().req(cpu="54")]
    cache = cluster(used=(2, used))
    assert raw(FgdScore, cache, gpu_pod(500), typicalPods=TYPICAL) == [54]
    assert raw(FgdScore, cache, CPU_POD, typicalPods=TYPICAL) == [50]


def test_fgd_counts_cpu_that_strands_gpus() -> None:
    """3 cores left strand the 1500 thousandths, of which 600 were stranded before:
    sigmoid(-0.9)."""
    cache = cluster(used=(2, [*HALF_USED, make_pod().req(cpu="54")]))
    assert raw(FgdScore, cache, make_pod().req(cpu="7"), typicalPods=TYPICAL) == [28]


def test_fgd_takes_the_best_device_for_the_score_and_for_the_pod() -> None:
    """Of the device with 500 left, 200 stay that no half can use: sigmoid(-0.2) is 45; of the free
    one, 700: sigmoid(0) is 50."""
    cache = cluster(used=(2, HALF_USED))
    halves = [{"gpuMilli": 500}]
    assert raw(FgdScore, cache, gpu_pod(300), typicalPods=halves) == [50]
    request = request_of(pod_info.of(gpu_pod(300).obj()))
    assert request is not None
    typical = TypicalSet([(PodShape(0, 500, 1), 1.0)])
    free = free_nodes(cache.snapshot.all_rows())
    assert chosen_device(free, 4000, request, typical, cache.snapshot.gpu_shares) == (1,)


def test_fgd_has_no_wish_for_a_pod_that_asks_for_nothing() -> None:
    assert raw(FgdScore, cluster(a=(1, []), b=(0, [])), make_pod()) == [100, 100]


def test_fgd_learns_typical_pods_from_those_on_the_nodes() -> None:
    halves = [gpu_pod(500, cpu="0", index=str(device)) for device in range(2)]
    cache = cluster(used=(3, halves))
    assert raw(FgdScore, cache, gpu_pod(300)) == raw(
        FgdScore, cache, gpu_pod(300), typicalPods=[{"gpuMilli": 500}]
    )
    assert raw(FgdScore, cluster(free=(3, [])), gpu_pod(300)) == [50]

"""Rivals of FGD: DotProductScore, BestFitScore, GpuPackingScore and GpuClusteringScore.

Each scores by cpu and by what is left of all devices of a node together. All arithmetic on whole
numbers is Go's, which cuts. The formulas take a node of 128 cores and 8 GPUs as the largest that
there is; scores of larger ones end at 0 and 100.

Source: kubernetes-scheduler-simulator (github.com/hkust-adsl), pkg/simulator/plugin/
dot_product_score.go (`dimExtMethod: merge`, `normMethod: max`), best_fit_score.go,
gpu_packing_score.go, gpu_clustering_score.go.
"""

from collections.abc import Hashable
from typing import Any

import numpy as np

from shoal.api.gpu_sharing import WHOLE
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import MAX_NODE_SCORE, MIN_NODE_SCORE, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.plugins.gpu import arguments as gpu_arguments
from shoal.scheduler.plugins.gpu.device_choice import packed
from shoal.scheduler.plugins.gpu.typical_pods import shape_of
from shoal.scheduler.state.gpu_shares import kind_bit, request_of
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import CPU_ROW, IntArray
from shoal.scheduler.state.pod_info import PodInfo

MAX_CPU_MILLIS = 128_000
MAX_GPU_MILLI = 8_000


class _Policy:
    """Depends on what the pod asks for, and on its row."""

    score_reads = Reads.PODS

    def sign(self, pod: PodInfo) -> Hashable:
        return shape_of(pod)


class DotProductScore(_Policy):
    """Prefers the node whose free resources are least like what the pod asks for: one minus half
    the dot product of both, each as a share of the largest node."""

    name = "DotProductScore"

    def __init__(self, arguments: Any, handle: Handle) -> None:
        gpu_arguments.read(gpu_arguments.MergedArgs, self.name, arguments)

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        cpu_left, gpu_left = _left(nodes)
        cpu, gpu = _asked(pod)
        product = (cpu_left / MAX_CPU_MILLIS) * (cpu / MAX_CPU_MILLIS)
        product += (gpu_left / MAX_GPU_MILLI) * (gpu / MAX_GPU_MILLI)
        scores = (MAX_NODE_SCORE * (1.0 - product / 2)).astype(np.int64)
        return _clipped(np.where(cpu_left < cpu, MIN_NODE_SCORE, scores))


class BestFitScore(_Policy):
    """Prefers the node that has the least left after the pod, cpu and GPUs alike."""

    name = "BestFitScore"

    def __init__(self, arguments: Any, handle: Handle) -> None:
        gpu_arguments.read(gpu_arguments.MergedArgs, self.name, arguments)

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        cpu_left, gpu_left = _left(nodes)
        cpu, gpu = _asked(pod)
        spare = (cpu_left - cpu) / MAX_CPU_MILLIS * 0.5
        spare += (gpu_left - gpu) / MAX_GPU_MILLI * 0.5
        return ((1.0 - spare) * MAX_NODE_SCORE).astype(np.int64)

    def normalize_scores(self, state: CycleState, pod: PodInfo, scores: IntArray) -> IntArray:
        """The worst gets 0 and the best 100; all get 0 where they are alike."""
        lowest, highest = int(scores.min()), int(scores.max())
        return (scores - lowest) * MAX_NODE_SCORE // max(highest - lowest, 1)


class GpuPackingScore(_Policy):
    """Prefers devices that are in use, the fuller the better (50 to 100), then free devices of
    nodes in use (33 to 50), then nodes that are free, the smaller the better (at most 33)."""

    name = "GpuPackingScore"

    def __init__(self, arguments: Any, handle: Handle) -> None:
        gpu_arguments.read(gpu_arguments.MergedArgs, self.name, arguments)

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        request = request_of(pod)
        if request is None:
            return np.zeros(nodes.size, np.int64)
        shares = nodes.snapshot.gpu_shares
        left, counts = shares.left[:, nodes.rows], shares.counts[nodes.rows]
        is_free = left == WHOLE
        free = np.count_nonzero(is_free, axis=0)
        taken = packed(request, left)
        opened = np.count_nonzero(taken & is_free, axis=0)
        room = np.where(taken, left * 100 // WHOLE, 0).sum(axis=0)
        half, third = MAX_NODE_SCORE // 2, MAX_NODE_SCORE // 3
        on_used_devices = np.maximum(MAX_NODE_SCORE - room // 10, half)
        on_used_nodes = np.maximum(half - opened, third)
        on_free_nodes = np.maximum(third - free, free)
        scores = np.where(opened > 0, on_used_nodes, on_used_devices)
        return _clipped(np.where(free == counts, on_free_nodes, scores))


class GpuClusteringScore(_Policy):
    """Keeps pods of a kind together: parts of devices, one device, two, ... Best is a node where
    only such pods stand (75 to 100), then one where they stand among others (50 to 75), then one
    without GPU pods (25 to 50); fuller nodes before emptier ones."""

    name = "GpuClusteringScore"

    def __init__(self, arguments: Any, handle: Handle) -> None:
        gpu_arguments.read(gpu_arguments.MergedArgs, self.name, arguments)

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        request = request_of(pod)
        if request is None:
            return np.zeros(nodes.size, np.int64)
        kinds = nodes.snapshot.gpu_shares.kinds[nodes.rows]
        own = kind_bit(request)
        quarter = MAX_NODE_SCORE // 4
        base = np.select([kinds == own, (kinds & own) != 0, kinds == 0], [3, 2, 1], 0) * quarter
        used = np.maximum(MAX_GPU_MILLI - _left(nodes)[1], 0)
        return _clipped(quarter * used // MAX_GPU_MILLI + base)


def _left(nodes: NodeRows) -> tuple[IntArray, IntArray]:
    """Thousandths of cpu and of all devices together."""
    cpu = nodes.allocatable[CPU_ROW] - nodes.requested[CPU_ROW]
    return cpu, nodes.snapshot.gpu_shares.left[:, nodes.rows].sum(axis=0)


def _asked(pod: PodInfo) -> tuple[int, int]:
    """Thousandths of cpu and of all devices together."""
    shape = shape_of(pod)
    return shape.cpu_millis, shape.gpu_milli * shape.gpu_count


def _clipped(scores: IntArray) -> IntArray:
    return np.clip(scores, MIN_NODE_SCORE, MAX_NODE_SCORE)

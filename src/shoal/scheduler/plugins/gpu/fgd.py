"""FGDScore: fragmentation gradient descent, a pod goes where it strands the least.

    score = whole part of 100 * sigmoid((F(node) - F(node after the pod)) / 1000)

A pod that wants a part of a device is tried on each; the best counts, the first of equals, and is
the one it gets where GpuShare chooses by `FGDScore`. Other pods are supposed to take the fitting
devices with the least left. A pod that asks for nothing at all scores 100 everywhere.

Source: kubernetes-scheduler-simulator (github.com/hkust-adsl), pkg/simulator/plugin/fgd_score.go.
"""

from collections.abc import Hashable
from typing import Any

import numpy as np

from shoal.api.gpu_sharing import GpuRequest
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import MAX_NODE_SCORE, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.plugins.gpu import arguments as gpu_arguments
from shoal.scheduler.plugins.gpu.device_choice import Devices, packed
from shoal.scheduler.plugins.gpu.fragmentation import FreeNodes, fragmentation
from shoal.scheduler.plugins.gpu.typical_pods import TypicalPods, TypicalSet, shape_of
from shoal.scheduler.state.gpu_shares import GpuShares, request_of
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import CPU_ROW, IntArray
from shoal.scheduler.state.pod_info import PodInfo

_KEY = "FGDScore/typical-pods"
_SCALE_MILLI = 1000


class FgdScore:
    name = "FGDScore"
    score_reads = Reads.PODS

    def __init__(self, arguments: Any, handle: Handle) -> None:
        settings = gpu_arguments.read(gpu_arguments.FgdArgs, self.name, arguments)
        self._typical = TypicalPods(settings.typical_pods, handle.snapshot)

    def sign(self, pod: PodInfo) -> Hashable:
        """With the version of the typical pods, because what was scored by others is outdated."""
        return (shape_of(pod), not pod.request.amounts, self._typical.version)

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        request = request_of(pod)
        if request is None and not pod.request.amounts:
            return np.full(nodes.size, MAX_NODE_SCORE, np.int64)
        free = free_nodes(nodes)
        typical, shares = self._typical_of(state), nodes.snapshot.gpu_shares
        return scores(free, pod.request.amount("cpu"), request, typical, shares).max(axis=0)

    def _typical_of(self, state: CycleState) -> TypicalSet:
        """Those by which the nodes that `state` stands for were scored first."""
        try:
            return state.read(_KEY, TypicalSet)
        except LookupError:
            typical = self._typical.refresh()
            state.write(_KEY, typical)
            return typical


def free_nodes(nodes: NodeRows) -> FreeNodes:
    """What is left of them."""
    shares, rows = nodes.snapshot.gpu_shares, nodes.rows
    cpu_millis = nodes.allocatable[CPU_ROW] - nodes.requested[CPU_ROW]
    return FreeNodes(cpu_millis, shares.left[:, rows], shares.models[rows])


def scores(
    free: FreeNodes,
    cpu_millis: int,
    request: GpuRequest | None,
    typical: TypicalSet,
    shares: GpuShares,
) -> IntArray:
    """By device tried and node; one line where there is nothing to choose. 0 where it does not
    fit."""
    after = _after(free, cpu_millis, request)
    allowed = typical.allowed_models(shares)
    size = free.cpu_millis.size
    found = fragmentation(free.and_then(after), typical, allowed)
    gain = (found[:size] - found[size:].reshape(-1, size)) / _SCALE_MILLI
    scored = (1.0 / (1.0 + np.exp(-gain)) * MAX_NODE_SCORE).astype(np.int64)
    if request is not None and request.is_shared:
        scored[free.gpu_left < request.milli] = 0
    return scored


def _after(free: FreeNodes, cpu_millis: int, request: GpuRequest | None) -> FreeNodes:
    """The nodes with the pod; for a part of a device all nodes once for each device."""
    after = free._replace(cpu_millis=free.cpu_millis - cpu_millis)
    if request is None:
        return after
    if not request.is_shared:
        taken = packed(request, free.gpu_left) * request.milli
        return after._replace(gpu_left=free.gpu_left - taken)
    devices, size = free.gpu_left.shape
    tried = np.repeat(free.gpu_left[:, None], devices, axis=1)
    for device in range(devices):
        tried[device, device] -= request.milli
    return FreeNodes(
        np.tile(after.cpu_millis, devices),
        np.maximum(tried, 0).reshape(devices, devices * size),
        np.tile(after.models, devices),
    )


def chosen_device(
    free: FreeNodes,
    cpu_millis: int,
    request: GpuRequest,
    typical: TypicalSet,
    shares: GpuShares,
) -> Devices:
    """The best for a part of a device on the only node of `free`; empty where none fits."""
    left = free.gpu_left[:, 0]
    by_device = scores(free, cpu_millis, request, typical, shares)[:, 0]
    fitting = np.flatnonzero(left >= request.milli)
    return (int(fitting[by_device[fitting].argmax()]),) if fitting.size else ()

"""Which devices of a node a pod gets: pure functions over what is left of each.

Part of one device: the one with the least left that fits (`best`) or the most (`worst`), the
first of equals. Whole devices: the first that are free. Parts of several, which the openb trace
does not have: as many on the first device as fit, then on the next.

Source: kubernetes-scheduler-simulator (github.com/hkust-adsl), pkg/simulator/plugin/
open_gpu_share.go and pkg/type/open-gpu-share/cache/gpunodeinfo.go.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from shoal.api.gpu_sharing import WHOLE, GpuRequest
from shoal.scheduler.state.node_table import BoolArray, IntArray

Devices = tuple[int, ...]


class DeviceRule(StrEnum):
    """`gpuSelMethod` of the plugin GpuShare."""

    BEST = "best"
    WORST = "worst"
    FGD = "FGDScore"
    """The device that leaves the least stranded, see `fgd`."""


def fits(request: GpuRequest, left: IntArray) -> BoolArray:
    """By column of `left`, whose rows are devices: whether the request can be met."""
    if request.count == 1:
        return left.max(axis=0, initial=0) >= request.milli
    return (left // request.milli).sum(axis=0) >= request.count


def tightest(request: GpuRequest, left: Sequence[int]) -> Devices:
    """By the rule `best`. Empty where the request cannot be met."""
    if request.is_shared:
        return _one(request, left, prefers_less=True)
    return _several(request, left)


def loosest(request: GpuRequest, left: Sequence[int]) -> Devices:
    """By the rule `worst`. Empty where the request cannot be met."""
    if request.is_shared:
        return _one(request, left, prefers_less=False)
    return _several(request, left)


def _one(request: GpuRequest, left: Sequence[int], *, prefers_less: bool) -> Devices:
    fitting = [device for device, milli in enumerate(left) if milli >= request.milli]
    if not fitting:
        return ()
    sign = 1 if prefers_less else -1
    return (min(fitting, key=lambda device: sign * left[device]),)


def _several(request: GpuRequest, left: Sequence[int]) -> Devices:
    chosen: list[int] = []
    for device, milli in enumerate(left):
        chosen += [device] * (milli // request.milli)
    return tuple(chosen[: request.count]) if len(chosen) >= request.count else ()


def packed(request: GpuRequest, left: IntArray) -> BoolArray:
    """By device and column of `left`: the `count` fitting devices with the least left, the first
    of equals, which scores suppose to be taken. Fewer where fewer fit."""
    # Devices that do not fit go to the end of the order.
    order = np.argsort(np.where(left >= request.milli, left, 2 * WHOLE), axis=0, kind="stable")
    is_taken = np.zeros(left.shape, np.bool_)
    np.put_along_axis(is_taken, order[: request.count], True, axis=0)
    return is_taken & (left >= request.milli)

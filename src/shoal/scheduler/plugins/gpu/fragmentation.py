"""How much of a node's GPUs is left over in pieces that the pods to be expected cannot use.

    F(node) = sum over typical pods of frequency * what is left that the pod cannot use

in thousandths of a device. Where the pod would fit, it cannot use devices that have less left than
it wants of one; where it would not fit, or wants no GPU, it uses none of what is left.

Sums are added up in the order of the source, because a difference in the last bit can decide a
score that is cut to whole numbers. Source: Weng et al., "Beware of Fragmentation: Scheduling
GPU-Sharing Workloads with Fragmentation Gradient Descent", USENIX ATC '23, and
kubernetes-scheduler-simulator (github.com/hkust-adsl), pkg/utils/frag.go, NodeGpuShareFragAmount.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shoal.scheduler.plugins.gpu.typical_pods import TypicalSet
from shoal.scheduler.state.node_table import BoolArray, IntArray

FloatArray = npt.NDArray[np.float64]

_CHUNK = 512
_WORTH_MERGING = 64

# What keeps a typical pod from a node, in the order in which the source adds up; pods that fit
# count as lacking GPU for the devices that they cannot use.
_LACKS_BOTH, _LACKS_GPU, _LACKS_CPU, _NO_GPU_FITS, _NO_GPU_LACKS_CPU, _NO_ACCESS = range(6)


class FreeNodes(NamedTuple):
    """What is left of some nodes; the last axis is the node."""

    cpu_millis: IntArray
    gpu_left: IntArray
    """By device."""
    models: IntArray
    """Numbers, as `GpuShares` gives them."""

    def and_then(self, others: "FreeNodes") -> "FreeNodes":
        """Both, one after the other."""
        return FreeNodes(
            np.concatenate((self.cpu_millis, others.cpu_millis)),
            np.concatenate((self.gpu_left, others.gpu_left), axis=1),
            np.concatenate((self.models, others.models)),
        )


def fragmentation(nodes: FreeNodes, typical: TypicalSet, allowed: BoolArray) -> FloatArray:
    """F by node. `allowed` is `TypicalSet.allowed_models`."""
    size = nodes.cpu_millis.size
    if not typical.shapes:
        return np.zeros(size)
    # Only what a typical pod could tell apart counts, so most nodes are alike.
    rank = np.searchsorted(typical.cpu_levels, nodes.cpu_millis, side="right")
    columns = np.vstack((rank, nodes.models, np.sort(nodes.gpu_left, axis=0)))
    inverse: npt.NDArray[np.intp] | None = None
    if size > _WORTH_MERGING:
        columns, inverse = _merged(columns)
    parts = [
        _fragmentation(columns[:, at : at + _CHUNK], typical, allowed)
        for at in range(0, columns.shape[1], _CHUNK)
    ]
    found = np.concatenate(parts)
    return found if inverse is None else found[inverse]


def _merged(columns: IntArray) -> tuple[IntArray, npt.NDArray[np.intp]]:
    """Equal columns once, and where each went."""
    lines = np.ascontiguousarray(columns.T)
    keys = lines.view(np.dtype((np.void, lines.dtype.itemsize * lines.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return columns[:, first], inverse.ravel()


def _fragmentation(columns: IntArray, typical: TypicalSet, allowed: BoolArray) -> FloatArray:
    rank, models, left = columns[0], columns[1], columns[2:]
    total = left.sum(axis=0)
    wanted = typical.gpu_milli[:, None, None]
    is_large = left >= wanted
    has_gpu = np.count_nonzero(is_large, axis=1) >= typical.gpu_count[:, None]
    unusable = np.where(is_large, 0, left).sum(axis=1)
    has_cpu = rank > typical.cpu_level[:, None]
    wants_gpu = (typical.gpu_milli > 0)[:, None]
    may_use = allowed[:, models]
    fits = wants_gpu & may_use & has_gpu & has_cpu
    amounts = typical.frequency[:, None] * np.where(fits, unusable, total)
    lack = np.where(
        has_cpu,
        np.where(wants_gpu, _LACKS_GPU, _NO_GPU_FITS),
        np.where(wants_gpu, np.where(has_gpu, _LACKS_CPU, _LACKS_BOTH), _NO_GPU_LACKS_CPU),
    )
    lack = np.where(wants_gpu & ~may_use, _NO_ACCESS, lack)
    found = np.zeros(total.size)
    for each in range(_NO_ACCESS + 1):
        is_lack = lack == each
        if is_lack.any():
            # Adds line after line, where `sum` would add in pairs.
            found += np.cumsum(np.where(is_lack, amounts, 0.0), axis=0)[-1]
    return found

"""The GPU devices of every node, and what of each is left.

Devices are given to pods at Reserve, after the cache has counted the pod; from then on the pod
holds them until it leaves. A pod that comes with devices in its annotation, as after a restart,
holds those. So the table can always be made again from the nodes and the placed pods.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from shoal.api import gpu_sharing
from shoal.api.gpu_sharing import WHOLE, GpuRequest, GpuRequestError
from shoal.api.node import Node
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo

_INITIAL_ROWS = 64
_INITIAL_DEVICES = 8


@dataclass(frozen=True, slots=True)
class _Holding:
    request: GpuRequest
    devices: tuple[int, ...]
    """Empty between the counting of a pod and its Reserve, and for pods of which nobody knows
    their devices."""


class GpuShares:
    """A `PodIndex`. Plugins read the arrays and call `give` and `take_back`."""

    def __init__(self) -> None:
        self.left: IntArray = np.zeros((_INITIAL_DEVICES, _INITIAL_ROWS), np.int64)
        """By device and row: thousandths that nobody has; 0 where there is no such device."""
        self.counts: IntArray = np.zeros(_INITIAL_ROWS, np.int64)
        """By row: how many devices."""
        self.models: IntArray = np.zeros(_INITIAL_ROWS, np.int64)
        """By row: the number of its model, see `model_number`; 0 where none is said."""
        self.kinds: IntArray = np.zeros(_INITIAL_ROWS, np.int64)
        """By row: which kinds of requests stand there, a bit each, see `kind_bit`."""
        self._model_numbers: dict[str, int] = {"": 0}
        self._holdings: dict[int, dict[str, _Holding]] = {}
        self._kind_counts: dict[int, Counter[int]] = {}
        self._away: dict[str, tuple[int, tuple[int, ...]]] = {}
        """Devices of pods that left, by uid, in case they were taken off only for a look."""

    def model_number(self, model: str) -> int:
        """What stands for the model in `models`."""
        return self._model_numbers.setdefault(model, len(self._model_numbers))

    @property
    def model_count(self) -> int:
        """Numbers given so far."""
        return len(self._model_numbers)

    def reserve_rows(self, row_count: int) -> None:
        """Let every column have at least so many rows."""
        while self.counts.size < row_count:
            self.counts = _doubled(self.counts)
            self.models = _doubled(self.models)
            self.kinds = _doubled(self.kinds)
            self.left = _doubled(self.left)

    def held(self, row: int, uid: str) -> tuple[int, ...]:
        """Devices of a pod, one as often as the pod has shares of it."""
        holding = self._holdings.get(row, {}).get(uid)
        return holding.devices if holding else ()

    def give(self, row: int, uid: str, devices: tuple[int, ...]) -> None:
        """Let a pod that is counted on the row hold these devices."""
        self._away.clear()
        self._hold(row, uid, devices)

    def take_back(self, row: int, uid: str) -> None:
        """Nothing happens where the pod holds none."""
        self._hold(row, uid, ())

    def set_node(self, row: int, node: Node) -> None:
        self.reserve_rows(row + 1)
        count = gpu_sharing.gpu_count(node)
        if count > self.left.shape[0]:
            more = np.zeros((count - self.left.shape[0], self.left.shape[1]), np.int64)
            self.left = np.vstack((self.left, more))
        self.counts[row] = count
        self.models[row] = self.model_number(gpu_sharing.gpu_model(node))
        self.left[:, row] = 0
        self.left[:count, row] = WHOLE
        for holding in self._holdings.get(row, {}).values():
            self._charge(row, holding, -1)

    def remove_node(self, row: int) -> None:
        self.counts[row] = self.models[row] = 0
        self.left[:, row] = 0

    def add_pod(self, row: int, pod: PodInfo) -> None:
        request = request_of(pod)
        if request is None:
            return
        devices = gpu_sharing.recorded_devices(pod.object.metadata.annotations)
        if not pod.spec.node_name:
            # What an earlier attempt recorded may be another node's.
            devices = ()
        away_row, kept = self._away.pop(pod.uid, (row, ()))
        if away_row == row:
            devices = devices or kept
        holding = _Holding(request, devices)
        self._holdings.setdefault(row, {})[pod.uid] = holding
        self._charge(row, holding, -1)
        self._count_kind(row, request, 1)

    def remove_pod(self, row: int, pod: PodInfo) -> None:
        holding = self._holdings.get(row, {}).pop(pod.uid, None)
        if holding is None:
            return
        self._charge(row, holding, 1)
        self._count_kind(row, holding.request, -1)
        if holding.devices:
            self._away[pod.uid] = (row, holding.devices)

    def _hold(self, row: int, uid: str, devices: tuple[int, ...]) -> None:
        holdings = self._holdings.get(row, {})
        before = holdings.get(uid)
        if before is None:
            return
        self._charge(row, before, 1)
        after = holdings[uid] = _Holding(before.request, devices)
        self._charge(row, after, -1)

    def _charge(self, row: int, holding: _Holding, sign: int) -> None:
        for device in holding.devices:
            # Devices that the node has lost meanwhile have nothing left to count.
            if device < self.counts[row]:
                self.left[device, row] += sign * holding.request.milli

    def _count_kind(self, row: int, request: GpuRequest, sign: int) -> None:
        counts = self._kind_counts.setdefault(row, Counter())
        bit = kind_bit(request)
        counts[bit] += sign
        if counts[bit]:
            self.kinds[row] |= bit
        else:
            self.kinds[row] &= ~bit


def request_of(pod: PodInfo) -> GpuRequest | None:
    """None also where the annotations make no sense, which a plugin tells before."""
    try:
        return gpu_sharing.gpu_request(pod.object.metadata.annotations)
    except GpuRequestError:
        return None


def kind_bit(request: GpuRequest) -> int:
    """Requests of one kind belong together for clustering: parts of a device, and each number of
    devices. Source: kubernetes-scheduler-simulator, GetGpuAffinityFromPodAnnotation."""
    return 1 if request.is_shared else 1 << min(request.count, 62)


def _doubled(array: IntArray) -> IntArray:
    return np.concatenate((array, np.zeros_like(array)), axis=-1)

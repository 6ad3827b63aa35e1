"""How much GPU memory the pods on each node have asked for by the label `scv/memory`.

Yoda scores nodes by it (`plugins.yoda`); the cache keeps it up to date, so that nobody has to add
it up again.
"""

import numpy as np

from shoal.api.node import Node
from shoal.api.scv import MEMORY_LABEL
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo

_MOST_MIB = 2**40
"""What is beyond counts as this much, because labels may say anything."""


class ScvMemory:
    """A `PodIndex`."""

    def __init__(self) -> None:
        self._allocated_mib: IntArray = np.zeros(64, np.int64)

    def allocated_mib(self, row_count: int) -> IntArray:
        """By row; at least so many."""
        while self._allocated_mib.size < row_count:
            more = np.zeros_like(self._allocated_mib)
            self._allocated_mib = np.concatenate((self._allocated_mib, more))
        return self._allocated_mib

    def set_node(self, row: int, node: Node) -> None:
        pass

    def remove_node(self, row: int) -> None:
        pass

    def add_pod(self, row: int, pod: PodInfo) -> None:
        self._add(row, pod, 1)

    def remove_pod(self, row: int, pod: PodInfo) -> None:
        self._add(row, pod, -1)

    def _add(self, row: int, pod: PodInfo, sign: int) -> None:
        text = pod.labels.get(MEMORY_LABEL, "")
        if text.isdecimal():
            self.allocated_mib(row + 1)[row] += sign * min(int(text), _MOST_MIB)

"""Where nodes are, by the label that says so: a column of numbers for each topology key.

Nodes with the same value of the label are one domain. Columns are made when a plugin first asks
for a key, and kept up to date from then on.
"""

import heapq
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from shoal.api.node import Node
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo

NO_DOMAIN = 0
"""The number of rows whose node has no such label, and of rows without a node."""

FloatArray = npt.NDArray[np.float64]

_INITIAL_ROWS = 64
_KEPT = 256


class Topology:
    """The domains of one key. Numbers of domains without nodes are given away again."""

    def __init__(self, row_count: int) -> None:
        self._of_row: IntArray = np.zeros(max(row_count, _INITIAL_ROWS), np.int64)
        self._number_of: dict[str, int] = {}
        self._value_of: list[str] = [""]
        self._node_counts: list[int] = [0]
        self._free: list[int] = []

    @property
    def size(self) -> int:
        """All numbers of domains are below."""
        return len(self._value_of)

    @property
    def values(self) -> Sequence[str]:
        """By domain; those of domains without nodes mean nothing."""
        return self._value_of

    def domain(self, value: str) -> int:
        """The number of the value's domain; `NO_DOMAIN` where no node has it."""
        return self._number_of.get(value, NO_DOMAIN)

    @property
    def of_row(self) -> IntArray:
        """The domain of each row; at least as long as the table. Not to be written to."""
        return self._of_row

    def count(self, by_row: IntArray, domains: IntArray | None = None) -> FloatArray:
        """What is counted by row (one number for each of the table's), summed up by domain, and
        nothing for `NO_DOMAIN`. `domains`: another column than `of_row`."""
        if domains is None:
            domains = self._of_row[: by_row.size]
        sums = np.bincount(domains, by_row, self.size).astype(np.float64, copy=False)
        sums[NO_DOMAIN] = 0
        return sums

    def set(self, row: int, value: str | None) -> None:
        """None takes the row out."""
        if row >= self._of_row.size:
            self._of_row = np.concatenate((self._of_row, np.zeros(row + 1, np.int64)))
        before = int(self._of_row[row])
        if before != NO_DOMAIN:
            if self._value_of[before] == value:
                return
            self._leave(before)
        self._of_row[row] = NO_DOMAIN if value is None else self._enter(value)

    def _enter(self, value: str) -> int:
        domain = self._number_of.get(value)
        if domain is None:
            if self._free:
                domain = heapq.heappop(self._free)
                self._value_of[domain] = value
            else:
                domain = len(self._value_of)
                self._value_of.append(value)
                self._node_counts.append(0)
            self._number_of[value] = domain
        self._node_counts[domain] += 1
        return domain

    def _leave(self, domain: int) -> None:
        self._node_counts[domain] -= 1
        if not self._node_counts[domain]:
            del self._number_of[self._value_of[domain]]
            heapq.heappush(self._free, domain)


class Topologies:
    """Of `state.pod_index.PodIndex`: what nodes say of it."""

    def __init__(self) -> None:
        self._labels: list[Mapping[str, str] | None] = []
        self._by_key: OrderedDict[str, Topology] = OrderedDict()

    def get(self, key: str) -> Topology:
        """True until a node changes; whoever keeps it asks again then."""
        topology = self._by_key.get(key)
        if topology is not None:
            self._by_key.move_to_end(key)
            return topology
        topology = self._by_key[key] = Topology(len(self._labels))
        for row, labels in enumerate(self._labels):
            topology.set(row, labels.get(key) if labels else None)
        if len(self._by_key) > _KEPT:
            # Keys come from pods, so there may be any number; nodes have few of them.
            self._by_key.popitem(last=False)
        return topology

    def set_node(self, row: int, node: Node) -> None:
        labels = node.metadata.labels
        while len(self._labels) <= row:
            self._labels.append(None)
        self._labels[row] = labels
        for key, topology in self._by_key.items():
            topology.set(row, labels.get(key))

    def remove_node(self, row: int) -> None:
        self._labels[row] = None
        for topology in self._by_key.values():
            topology.set(row, None)

    def add_pod(self, row: int, pod: PodInfo) -> None:
        pass

    def remove_pod(self, row: int, pod: PodInfo) -> None:
        pass

"""What plugins see of the nodes in one cycle: the table and its pods, read-only.

The scheduler decides on one thread, so nothing changes under a plugin while it runs, and the
snapshot needs no copy: it is a view. Its arrays cannot be written to; `NodeInfo` is one row of it
for plugins that look at one node at a time.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoal.api.node import Node, Taint
from shoal.scheduler.state.node_table import BoolArray, IntArray, NodeTable
from shoal.scheduler.state.pod_info import PodInfo

Rows = slice | npt.NDArray[np.intp]
"""Which rows of the table: a run of them, or their numbers in ascending order."""

PodsByNode = Mapping[str, Mapping[str, PodInfo]]
"""Node name -> uid -> pod."""

_NO_PODS: Mapping[str, PodInfo] = {}


class Snapshot:
    """Arrays are cut to the rows in use: the last axis is the row. Rows without a node are blank
    (`is_present` is False there)."""

    def __init__(self, table: NodeTable, pods_by_node: PodsByNode) -> None:
        self._table = table
        self._pods_by_node = pods_by_node

    @property
    def row_count(self) -> int:
        return self._table.row_count

    @property
    def node_count(self) -> int:
        return self._table.node_count

    @property
    def generation(self) -> int:
        return self._table.generation

    @property
    def resources(self) -> Mapping[str, int]:
        """Resource name -> first index of `allocatable` and `requested`."""
        return self._table.resources

    @property
    def taint_sets(self) -> Sequence[tuple[Taint, ...]]:
        """Indexed by the values of `taint_set`."""
        return self._table.taint_sets.sets

    @property
    def allocatable(self) -> IntArray:
        return _read_only(self._table.allocatable[:, : self.row_count])

    @property
    def requested(self) -> IntArray:
        """Exact requests of the pods on each node."""
        return _read_only(self._table.requested[:, : self.row_count])

    @property
    def non_zero(self) -> IntArray:
        """Cpu (0) and memory (1) with the defaults of containers that ask for none."""
        return _read_only(self._table.non_zero[:, : self.row_count])

    @property
    def is_present(self) -> BoolArray:
        view = self._table.is_present[: self.row_count]
        view.flags.writeable = False
        return view

    @property
    def is_unschedulable(self) -> BoolArray:
        view = self._table.is_unschedulable[: self.row_count]
        view.flags.writeable = False
        return view

    @property
    def taint_set(self) -> IntArray:
        return _read_only(self._table.taint_set[: self.row_count])

    def row(self, node_name: str) -> int | None:
        return self._table.row_of.get(node_name)

    def rows_changed_since(self, generation: int) -> Rows | None:
        """Rows whose node or pods changed after `generation`, in the form that is quickest to
        use; it may hold more rows than those where they are many. None for none."""
        stamps = self._table.row_generation[: self.row_count]
        rows = np.flatnonzero(stamps > generation)
        if rows.size == 0:
            return None
        if rows.size == 1:
            # A slice makes views where an array of numbers would make copies.
            row = int(rows[0])
            return slice(row, row + 1)
        return rows if rows.size * 2 < self.row_count else slice(0, self.row_count)

    def has_node_changed_since(self, rows: Rows, generation: int) -> bool:
        """Whether a node of these rows itself changed, not only its pods."""
        stamps = self._table.node_generation[: self.row_count][rows]
        return bool((stamps > generation).any())

    def node(self, row: int) -> "NodeInfo":
        """Raises LookupError for a row without a node."""
        node = self._table.nodes[row]
        if node is None:
            raise LookupError(f"row {row} has no node")
        pods = self._pods_by_node.get(node.metadata.name, _NO_PODS)
        return NodeInfo(row, node, pods.values(), self._table)

    def nodes(self) -> Iterator["NodeInfo"]:
        return (self.node(row) for row in range(self.row_count) if self._table.nodes[row])


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One node and the pods on it, placed or assumed."""

    row: int
    node: Node
    pods: Collection[PodInfo]
    _table: NodeTable

    @property
    def name(self) -> str:
        return self.node.metadata.name

    @property
    def labels(self) -> dict[str, str]:
        return self.node.metadata.labels

    def allocatable(self, resource: str) -> int:
        """Milli-cores of cpu, bytes, or whole units."""
        index = self._table.resources.get(resource)
        return 0 if index is None else int(self._table.allocatable[index, self.row])

    def requested(self, resource: str) -> int:
        """Milli-cores of cpu, bytes, or whole units."""
        index = self._table.resources.get(resource)
        return 0 if index is None else int(self._table.requested[index, self.row])


def row_numbers(snapshot: Snapshot, rows: Rows) -> npt.NDArray[np.intp]:
    """The rows one by one, ascending."""
    return np.arange(snapshot.row_count)[rows] if isinstance(rows, slice) else rows


def _read_only(array: IntArray) -> IntArray:
    array.flags.writeable = False
    return array

"""What plugins see of the nodes in one cycle: the table and its pods, read-only.

The scheduler decides on one thread, so nothing changes under a plugin while it runs, and the
snapshot needs no copy: it is a view. Its arrays cannot be written to; `NodeInfo` is one row of it
for plugins that look at one node at a time.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from shoal.api.node import Node, Taint
from shoal.scheduler.state.carried_terms import CarriedTerms
from shoal.scheduler.state.change_log import ChangeLog
from shoal.scheduler.state.gpu_shares import GpuShares
from shoal.scheduler.state.host_ports import HostPortIndex
from shoal.scheduler.state.image_index import ImageIndex
from shoal.scheduler.state.node_rows import NodeRows, Rows
from shoal.scheduler.state.node_table import BoolArray, IntArray, NodeTable
from shoal.scheduler.state.pod_counts import PodCounts
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.scv_memory import ScvMemory
from shoal.scheduler.state.topologies import Topologies
from shoal.scheduler.state.volume_index import VolumeIndex

PodsByNode = Mapping[str, Mapping[str, PodInfo]]
"""Node name -> uid -> pod."""

_NO_PODS: Mapping[str, PodInfo] = {}


class Supposing(Protocol):
    """See `Cache.supposing`."""

    def __call__(
        self, without: Iterable[PodInfo] = (), plus: Iterable[tuple[PodInfo, str]] = ()
    ) -> AbstractContextManager[None]: ...


class Snapshot:
    """Arrays are cut to the rows in use: the last axis is the row. Rows without a node are blank
    (`is_present` is False there)."""

    def __init__(self, table: NodeTable, pods_by_node: PodsByNode, supposing: Supposing) -> None:
        self._table = table
        self._pods_by_node = pods_by_node
        self.supposing = supposing
        """For a look at the cluster without some pods, or with some more: `Cache.supposing`."""
        self.host_ports = HostPortIndex()
        self.images = ImageIndex()
        self.volumes = VolumeIndex()
        self.gpu_shares = GpuShares()
        self.scv_memory = ScvMemory()
        self.topologies = Topologies()
        self.pod_counts = PodCounts()
        self.carried_terms = CarriedTerms()

    @property
    def row_count(self) -> int:
        return self._table.row_count

    @property
    def node_count(self) -> int:
        return self._table.node_count

    @property
    def generation(self) -> int:
        """Changes of nodes and their pods so far: equal as long as nothing changed."""
        return self._table.changes.count

    @property
    def node_generation(self) -> int:
        """Changes of nodes alone so far."""
        return self._table.node_changes.count

    @property
    def start_generation(self) -> int:
        """How often a pod on a node began to run, which is no change of its row."""
        return self._table.start_changes.count

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
        """By resource and row."""
        return _read_only(self._table.allocatable[:, : self.row_count])

    @property
    def requested(self) -> IntArray:
        """By resource and row: exact requests of the pods on each node."""
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

    def select(self, rows: Rows) -> NodeRows:
        """These rows with their columns."""
        size = rows.stop - rows.start if isinstance(rows, slice) else rows.size
        return NodeRows(self, self._table, rows, size)

    def where(self, chosen: BoolArray, count: int) -> NodeRows:
        """The rows where `chosen`, which is as long as the table, is True: `count` of them."""
        if count == self.row_count:
            return self.all_rows()
        return NodeRows(self, self._table, None, count, chosen)

    def all_rows(self) -> NodeRows:
        count = self.row_count
        return NodeRows(self, self._table, slice(0, count), count)

    def row(self, node_name: str) -> int | None:
        return self._table.row_of.get(node_name)

    def rows_changed_since(self, generation: int) -> NodeRows | None:
        """Rows whose node or pods changed after `generation`; all rows where they are many or it
        is long ago. None for none."""
        return self._since(self._table.changes, generation)

    def nodes_changed_since(self, node_generation: int) -> NodeRows | None:
        """The same for nodes alone."""
        return self._since(self._table.node_changes, node_generation)

    def starts_changed_since(self, start_generation: int) -> NodeRows | None:
        """Likewise: rows with pods that began to run."""
        return self._since(self._table.start_changes, start_generation)

    def _since(self, log: ChangeLog, seen: int) -> NodeRows | None:
        if seen == log.count:
            return None
        rows = log.since(seen)
        if rows is None or rows.size * 2 > self.row_count:
            return self.all_rows()
        if rows.size == 1:
            # A run makes views where a list of numbers would make copies.
            row = int(rows[0])
            return NodeRows(self, self._table, slice(row, row + 1), 1)
        return NodeRows(self, self._table, rows.copy(), rows.size)

    def node_name(self, row: int) -> str:
        """Raises LookupError for a row without a node."""
        node = self._table.nodes[row]
        if node is None:
            raise LookupError(f"row {row} has no node")
        return node.metadata.name

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


def _read_only(array: IntArray) -> IntArray:
    array.flags.writeable = False
    return array

"""Nodes as columns of arrays: one row a node, so that a plugin judges all nodes in one call.

Only the cache and statements write here; plugins read through `snapshot.Snapshot`. A row that its
node leaves is given to the next node that comes, so rows stay dense; rows are in order of
insertion as long as no node leaves. Every change is noted in a `ChangeLog`, which is how holders
of earlier results find the rows that changed since.
"""

import heapq
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shoal.api.node import Node
from shoal.scheduler.state import request as requests
from shoal.scheduler.state.change_log import ChangeLog
from shoal.scheduler.state.request import ResourceRequest
from shoal.scheduler.state.taint_sets import TaintSets

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

CPU_ROW, MEMORY_ROW, EPHEMERAL_STORAGE_ROW, PODS_ROW = range(4)
"""Rows of `allocatable` and `requested` that always exist; scalar resources follow."""

_INITIAL_NODES = 64
NON_ZERO_ROWS = 2
"""Rows of `taken` above those of `requested`."""
_KEPT_COLUMNS = 4096


class NodeTable:
    """Arrays are as long as the capacity; `row_count` says how far rows have been used.

    `allocatable[resource, row]` and `requested[resource, row]` hold milli-cores of cpu, bytes, and
    whole units; `non_zero[0 or 1, row]` holds cpu and memory as scores count them.
    """

    def __init__(self) -> None:
        self.resources: dict[str, int] = {
            requests.CPU: CPU_ROW,
            requests.MEMORY: MEMORY_ROW,
            requests.EPHEMERAL_STORAGE: EPHEMERAL_STORAGE_ROW,
            "pods": PODS_ROW,
        }
        self.taint_sets = TaintSets()
        self.row_of: dict[str, int] = {}
        self.nodes: list[Node | None] = []
        self.row_count = 0
        """Rows in use or used before."""
        self.changes = ChangeLog()
        """Of the row's node or its pods."""
        self.node_changes = ChangeLog()
        """Of the row's node alone."""
        self.start_changes = ChangeLog()
        """Of when the row's pods began to run, which is no change of the row."""
        resources = len(self.resources)
        self.allocatable: IntArray = np.zeros((resources, _INITIAL_NODES), np.int64)
        # What pods take lies in one array, so that a pod is counted in one operation.
        self._taken: IntArray = np.zeros((NON_ZERO_ROWS + resources, _INITIAL_NODES), np.int64)
        self.is_present: BoolArray = np.zeros(_INITIAL_NODES, np.bool_)
        self.is_unschedulable: BoolArray = np.zeros(_INITIAL_NODES, np.bool_)
        self.taint_set: IntArray = np.zeros(_INITIAL_NODES, np.int64)
        self._free_rows: list[int] = []
        self._columns: dict[ResourceRequest, IntArray] = {}

    @property
    def taken(self) -> IntArray:
        """`non_zero` above `requested`."""
        return self._taken

    @property
    def non_zero(self) -> IntArray:
        return self._taken[:NON_ZERO_ROWS]

    @property
    def requested(self) -> IntArray:
        return self._taken[NON_ZERO_ROWS:]

    @property
    def node_count(self) -> int:
        return len(self.row_of)

    def add_node(self, node: Node) -> int:
        """Give the node a row without pods. The name must be new."""
        name = node.metadata.name
        if name in self.row_of:
            raise ValueError(f"node {name} already has a row")
        if self._free_rows:
            row = heapq.heappop(self._free_rows)
        else:
            row = len(self.nodes)
            self.nodes.append(None)
            self.row_count += 1
            if row == self.is_present.size:
                self._double_capacity()
        self.row_of[name] = row
        self.is_present[row] = True
        self._write_node(row, node)
        return row

    def update_node(self, node: Node) -> bool:
        """Take over what scheduling reads; whether that changed. A heartbeat alone does not
        count."""
        row = self.row_of[node.metadata.name]
        before = self.nodes[row]
        if before is not None and _reads_alike(before, node):
            self.nodes[row] = node
            return False
        self._write_node(row, node)
        return True

    def remove_node(self, name: str) -> int:
        """The row that is free now."""
        row = self.row_of.pop(name)
        self.nodes[row] = None
        self.is_present[row] = False
        self.is_unschedulable[row] = False
        self.taint_set[row] = 0
        self.allocatable[:, row] = 0
        self._taken[:, row] = 0
        self._note_node(row)
        heapq.heappush(self._free_rows, row)
        return row

    def place(self, row: int, request: ResourceRequest) -> None:
        """Count a pod on the row's node."""
        # The column first: it may add a resource, which moves the array.
        column = self._column(request)
        self._taken[:, row] += column
        self.changes.note(row)

    def displace(self, row: int, request: ResourceRequest) -> None:
        """Take a placed pod off again."""
        column = self._column(request)
        self._taken[:, row] -= column
        self.changes.note(row)

    def touch(self, row: int) -> None:
        """Something else about the pods of the row changed."""
        self.changes.note(row)

    def _column(self, request: ResourceRequest) -> IntArray:
        """What the request adds to a column of `_taken`."""
        column = self._columns.get(request)
        if column is None:
            indices = [self._resource(name) for name, _ in request.amounts]
            column = np.zeros(self._taken.shape[0], np.int64)
            column[:NON_ZERO_ROWS] = request.non_zero_cpu_millis, request.non_zero_memory_bytes
            column[NON_ZERO_ROWS + PODS_ROW] = 1
            for index, (_, amount) in zip(indices, request.amounts, strict=True):
                column[NON_ZERO_ROWS + index] = amount
            if len(self._columns) >= _KEPT_COLUMNS:
                self._columns.clear()
            self._columns[request] = column
        return column

    def _write_node(self, row: int, node: Node) -> None:
        self.nodes[row] = node
        self.allocatable[:, row] = 0
        for name, raw in node.status.allocatable.items():
            if name == "pods" or requests.is_counted(name):
                resource = self._resource(name)
                self.allocatable[resource, row] = requests.amount_of(name, raw)
        self.is_unschedulable[row] = node.spec.unschedulable
        self.taint_set[row] = self.taint_sets.intern(node.spec.taints)
        self._note_node(row)

    def _note_node(self, row: int) -> None:
        self.changes.note(row)
        self.node_changes.note(row)

    def _resource(self, name: str) -> int:
        """The index of the resource, which may be new."""
        resource = self.resources.get(name)
        if resource is None:
            resource = self.resources[name] = len(self.resources)
            blank = np.zeros((1, self.is_present.size), np.int64)
            self.allocatable = np.vstack((self.allocatable, blank))
            self._taken = np.vstack((self._taken, blank))
            self._columns.clear()
        return resource

    def _double_capacity(self) -> None:
        self.allocatable = _doubled(self.allocatable)
        self._taken = _doubled(self._taken)
        self.taint_set = _doubled(self.taint_set)
        more = np.zeros(self.is_present.size, np.bool_)
        self.is_present = np.concatenate((self.is_present, more))
        self.is_unschedulable = np.concatenate((self.is_unschedulable, more))


def _doubled(array: IntArray) -> IntArray:
    return np.concatenate((array, np.zeros_like(array)), axis=-1)


def _reads_alike(before: Node, after: Node) -> bool:
    return (
        before.spec == after.spec
        and before.metadata.labels == after.metadata.labels
        and before.metadata.annotations == after.metadata.annotations
        and before.status.allocatable == after.status.allocatable
        and before.status.images == after.status.images
        and _condition_states(before) == _condition_states(after)
    )


def _condition_states(node: Node) -> Sequence[tuple[str, str]]:
    return [(each.type, each.status) for each in node.status.conditions]

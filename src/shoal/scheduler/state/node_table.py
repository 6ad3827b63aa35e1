"""Nodes as columns of arrays: one row a node, so that a plugin judges all nodes in one call.

Only the cache and statements write here; plugins read through `snapshot.Snapshot`. A row that its
node leaves is given to the next node that comes, so rows stay dense; rows are in order of
insertion as long as no node leaves. Every change stamps the row with the table's next generation,
which is how holders of earlier results find the rows that changed since.
"""

import heapq
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shoal.api.node import Node
from shoal.scheduler.state import request as requests
from shoal.scheduler.state.request import ResourceRequest
from shoal.scheduler.state.taint_sets import TaintSets

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

CPU_ROW, MEMORY_ROW, EPHEMERAL_STORAGE_ROW, PODS_ROW = range(4)
"""Rows of `allocatable` and `requested` that always exist; scalar resources follow."""

_INITIAL_NODES = 64


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
        self.generation = 0
        """Of the latest change of any row."""
        self.allocatable: IntArray = np.zeros((len(self.resources), _INITIAL_NODES), np.int64)
        self.requested: IntArray = np.zeros((len(self.resources), _INITIAL_NODES), np.int64)
        self.non_zero: IntArray = np.zeros((2, _INITIAL_NODES), np.int64)
        self.is_present: BoolArray = np.zeros(_INITIAL_NODES, np.bool_)
        self.is_unschedulable: BoolArray = np.zeros(_INITIAL_NODES, np.bool_)
        self.taint_set: IntArray = np.zeros(_INITIAL_NODES, np.int64)
        self.row_generation: IntArray = np.zeros(_INITIAL_NODES, np.int64)
        """Of the latest change of the row: its node or its pods."""
        self.node_generation: IntArray = np.zeros(_INITIAL_NODES, np.int64)
        """Of the latest change of the row's node alone."""
        self._free_rows: list[int] = []

    @property
    def row_count(self) -> int:
        """Rows in use or used before."""
        return len(self.nodes)

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
            if row == self.is_present.size:
                self._double_capacity()
        self.row_of[name] = row
        self.is_present[row] = True
        self._write_node(row, node)
        return row

    def update_node(self, node: Node) -> None:
        """Take over what scheduling reads; a heartbeat alone does not count as a change."""
        row = self.row_of[node.metadata.name]
        before = self.nodes[row]
        if before is not None and _reads_alike(before, node):
            self.nodes[row] = node
            return
        self._write_node(row, node)

    def remove_node(self, name: str) -> None:
        row = self.row_of.pop(name)
        self.nodes[row] = None
        self.is_present[row] = False
        self.is_unschedulable[row] = False
        self.taint_set[row] = 0
        self.allocatable[:, row] = 0
        self.requested[:, row] = 0
        self.non_zero[:, row] = 0
        self._stamp_node(row)
        heapq.heappush(self._free_rows, row)

    def place(self, row: int, request: ResourceRequest) -> None:
        """Count a pod on the row's node."""
        self._count(row, request, 1)

    def displace(self, row: int, request: ResourceRequest) -> None:
        """Take a placed pod off again."""
        self._count(row, request, -1)

    def _count(self, row: int, request: ResourceRequest, sign: int) -> None:
        requested = self.requested
        for name, amount in request.amounts:
            resource = self.resources.get(name)
            if resource is None:
                resource = self._add_resource(name)
                requested = self.requested
            requested[resource, row] += sign * amount
        requested[PODS_ROW, row] += sign
        self.non_zero[0, row] += sign * request.non_zero_cpu_millis
        self.non_zero[1, row] += sign * request.non_zero_memory_bytes
        self.generation += 1
        self.row_generation[row] = self.generation

    def _write_node(self, row: int, node: Node) -> None:
        self.nodes[row] = node
        self.allocatable[:, row] = 0
        for name, raw in node.status.allocatable.items():
            if name == "pods" or requests.is_counted(name):
                resource = self.resources.get(name)
                if resource is None:
                    resource = self._add_resource(name)
                self.allocatable[resource, row] = requests.amount_of(name, raw)
        self.is_unschedulable[row] = node.spec.unschedulable
        self.taint_set[row] = self.taint_sets.intern(node.spec.taints)
        self._stamp_node(row)

    def _stamp_node(self, row: int) -> None:
        self.generation += 1
        self.row_generation[row] = self.generation
        self.node_generation[row] = self.generation

    def _add_resource(self, name: str) -> int:
        resource = len(self.resources)
        self.resources[name] = resource
        blank = np.zeros((1, self.is_present.size), np.int64)
        self.allocatable = np.vstack((self.allocatable, blank))
        self.requested = np.vstack((self.requested, blank))
        return resource

    def _double_capacity(self) -> None:
        self.allocatable = _doubled(self.allocatable)
        self.requested = _doubled(self.requested)
        self.non_zero = _doubled(self.non_zero)
        self.taint_set = _doubled(self.taint_set)
        self.row_generation = _doubled(self.row_generation)
        self.node_generation = _doubled(self.node_generation)
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

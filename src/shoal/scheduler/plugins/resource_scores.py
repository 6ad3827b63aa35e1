"""How full nodes would be, as scores: the formulas that resource plugins share.

All are exact integers over matrices of (resource, row): `capacity` is what a node has, `taken`
what would be taken of it with the pod on it. A resource of which a node has none does not count
there. Source of the formulas: Kubernetes v1.36, pkg/scheduler/framework/plugins/noderesources:
least_allocated.go, most_allocated.go, requested_to_capacity_ratio.go, balanced_allocation.go.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import MAX_NODE_SCORE
from shoal.scheduler.state.columns import has_all
from shoal.scheduler.state.node_row import NodeRow
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import NON_ZERO_ROWS, BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

# Constants as arrays: NumPy takes twice as long over a short column and a Python number.
_ZERO, _HUNDRED, _ONE_BIT = np.array(0), np.array(MAX_NODE_SCORE), np.array(1)
_WHOLE, _HALF, _PERCENT = np.array(1.0), np.array(0.5), np.array(float(MAX_NODE_SCORE))
_TWICE_FIFTY_AND_FIFTY = np.array(150)
_SHAPE_SCALE = 10
"""Scores of a shape's points go to 10."""

ScoreFormula = Callable[[IntArray, IntArray, IntArray], IntArray]
"""(capacity, taken, weights as a column) -> one score a row."""

Share = tuple[int, int, int]
"""Of one resource of one row: capacity, what is taken, what the pod adds."""

Terms = Sequence[tuple[int, int, int]]
"""Of one row, for each resource: capacity, what would be taken, weight."""


class Layout(msgspec.Struct, frozen=True):
    """Where the resources that are scored for a pod stand in the table, and what they weigh."""

    capacity_rows: slice | IntArray
    taken_rows: slice | IntArray
    weights: IntArray
    """A column."""
    places: tuple[tuple[int, int, int], ...]
    """The same, resource by resource: the two rows, weight."""


class Demand(msgspec.Struct, frozen=True):
    """What a pod adds to the resources that are scored."""

    resource_count: int
    """Of the table when they were looked up."""
    layout: Layout
    amounts: tuple[int, ...]
    """Cpu in thousandths, bytes, whole units."""
    column: IntArray
    """The same as a column."""

    def clone(self) -> "Demand":
        return self

    def terms(self, node: NodeRow) -> Terms:
        """The row's numbers, with the pod on it."""
        allocatable, taken = node.allocatable, node.taken
        return [
            (allocatable[capacity_row], taken[taken_row] + amount, weight)
            for (capacity_row, taken_row, weight), amount in zip(
                self.layout.places, self.amounts, strict=True
            )
        ]

    def shares(self, node: NodeRow) -> list[Share]:
        """The row's numbers, without the pod."""
        return [
            (node.allocatable[capacity_row], node.taken[taken_row], amount)
            for (capacity_row, taken_row, _), amount in zip(
                self.layout.places, self.amounts, strict=True
            )
        ]

    def columns(self, nodes: NodeRows) -> tuple[IntArray, IntArray]:
        """Capacity, and what is taken without the pod."""
        return nodes.allocatable[self.layout.capacity_rows], nodes.taken[self.layout.taken_rows]


class Demands:
    """What pods demand of the resources that a plugin scores, kept in their cycle state."""

    def __init__(
        self,
        key: str,
        scored: Sequence[tuple[str, int]],
        amounts_of: Callable[[PodInfo], Mapping[str, int]],
        *,
        non_zero: bool,
    ) -> None:
        """`key` is that of the state; `scored`: names and weights. `non_zero` counts cpu and memory
        of pods that ask for none by their defaults, which `amounts_of` then has, too."""
        self._key = key
        self._scored = scored
        self._amounts_of = amounts_of
        self._non_zero = non_zero
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._resource_count = 0

    def write(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Demand:
        """At PreScore."""
        demand = self._find(snapshot, self._amounts_of(pod))
        state.write(self._key, demand)
        return demand

    def read(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Demand:
        """Worked out anew where the table has got more resources."""
        demand = state.read(self._key, Demand)
        is_outdated = demand.resource_count != len(snapshot.resources)
        return self.write(state, pod, snapshot) if is_outdated else demand

    def _find(self, snapshot: Snapshot, amounts: Mapping[str, int]) -> Demand:
        """Scalar resources that the pod does not ask for are left out, and so are those that no
        node has."""
        resources = snapshot.resources
        if len(resources) != self._resource_count:
            self._layouts.clear()
            self._resource_count = len(resources)
        names = tuple(
            name
            for name, _ in self._scored
            if name in resources and (amounts.get(name) or name in _NEVER_LEFT_OUT)
        )
        layout = self._layouts.get(names)
        if layout is None:
            layout = self._layouts[names] = self._layout(resources, names)
        wanted = tuple(amounts.get(name, 0) for name in names)
        column = np.array(wanted, np.int64).reshape(-1, 1)
        return Demand(len(resources), layout, wanted, column)

    def _layout(self, resources: Mapping[str, int], names: Sequence[str]) -> Layout:
        weight_of = dict(self._scored)
        rows = [resources[name] for name in names]
        taken_rows = [
            row if self._non_zero and row < NON_ZERO_ROWS else NON_ZERO_ROWS + row for row in rows
        ]
        weights = [weight_of[name] for name in names]
        return Layout(
            _run(rows),
            _run(taken_rows),
            np.array(weights, np.int64).reshape(-1, 1),
            tuple(zip(rows, taken_rows, weights, strict=True)),
        )


_NEVER_LEFT_OUT = ("cpu", "memory", "ephemeral-storage")


def _run(rows: list[int]) -> slice | IntArray:
    """Neighbours as a slice, which makes a view."""
    is_run = bool(rows) and rows == list(range(rows[0], rows[0] + len(rows)))
    return slice(rows[0], rows[0] + len(rows)) if is_run else np.array(rows, np.intp)


def least_allocated(capacity: IntArray, taken: IntArray, weights: IntArray) -> IntArray:
    """100 for an empty node, 0 for one that would be full."""
    free = capacity - taken
    np.maximum(free, _ZERO, out=free)
    return _weighted_share(free, capacity, weights)


def least_allocated_of(terms: Terms) -> int:
    """`least_allocated` of one row."""
    shares = weights = 0
    for capacity, taken, weight in terms:
        if capacity > 0:
            shares += weight * (max(capacity - taken, 0) * MAX_NODE_SCORE // capacity)
            weights += weight
    return shares // weights if weights else 0


def most_allocated(capacity: IntArray, taken: IntArray, weights: IntArray) -> IntArray:
    """100 for a node that would be full."""
    return _weighted_share(np.minimum(taken, capacity), capacity, weights)


def _weighted_share(part: IntArray, capacity: IntArray, weights: IntArray) -> IntArray:
    part *= _HUNDRED
    if has_all(capacity):
        part //= capacity
        if weights.size == 2 and weights[0] == weights[1]:
            both = part[0] + part[1]
            both >>= _ONE_BIT
            return both
        return (part * weights).sum(axis=0) // weights.sum()
    shares = part // np.maximum(capacity, 1) * weights
    counted = np.where(capacity > 0, weights, 0).sum(axis=0)
    return np.where(capacity > 0, shares, 0).sum(axis=0) // np.maximum(counted, 1)


def requested_to_capacity_ratio(shape: Sequence[tuple[int, int]]) -> ScoreFormula:
    """`shape`: points of (utilization in percent, score 0 to 10), ascending; between them the
    line is straight, beyond them flat."""
    utilizations = np.array([utilization for utilization, _ in shape], np.int64)
    scores = np.array([score * _SHAPE_SCALE for _, score in shape], np.int64)

    def formula(capacity: IntArray, taken: IntArray, weights: IntArray) -> IntArray:
        used = np.where(taken > capacity, 100, taken * 100 // np.maximum(capacity, 1))
        own = np.where(capacity > 0, _interpolated(used, utilizations, scores), 0)
        # A resource that scores nothing does not water the others down.
        counted = np.where(own > 0, weights, 0).sum(axis=0)
        mean = (own * weights).sum(axis=0) / np.maximum(counted, 1)
        return np.floor(mean + 0.5).astype(np.int64)

    return formula


def _interpolated(used: IntArray, utilizations: IntArray, scores: IntArray) -> IntArray:
    after = np.searchsorted(utilizations, used, side="left")
    right = np.minimum(after, utilizations.size - 1)
    left = np.maximum(right - 1, 0)
    width = np.maximum(utilizations[right] - utilizations[left], 1)
    rise = (scores[right] - scores[left]) * (used - utilizations[left])
    # Division truncates towards zero, also on a falling line.
    between = scores[left] + np.sign(rise) * (np.abs(rise) // width)
    return np.where(after == 0, scores[0], np.where(after > right, scores[-1], between))


def balanced_allocation(capacity: IntArray, taken: IntArray, amounts: IntArray) -> IntArray:
    """50 and more where the pod leaves shares of resources no less alike than before. Here
    `taken` is without the pod, of which `amounts` is the column."""
    # Before and after side by side, so that most operations serve both.
    shares = np.empty((2, *taken.shape))
    if capacity.shape[0] == 2 and has_all(capacity):
        np.divide(taken, capacity, out=shares[0])
        np.divide(taken + amounts, capacity, out=shares[1])
        np.minimum(shares, _WHOLE, out=shares)
        spread = shares[:, 0] - shares[:, 1]
        np.abs(spread, out=spread)
        spread *= _HALF
    else:
        is_counted = capacity > 0
        whole = np.maximum(capacity, 1)
        shares[0] = np.where(is_counted, taken / whole, 0)
        shares[1] = np.where(is_counted, (taken + amounts) / whole, 0)
        np.minimum(shares, 1.0, out=shares)
        spread = _standard_deviation(shares, is_counted)
    np.subtract(_WHOLE, spread, out=spread)
    spread *= _PERCENT
    balance = spread.astype(np.int64)
    gain = balance[1] - balance[0]
    # 50 + (50 + gain) / 2, which is never negative.
    gain += _TWICE_FIFTY_AND_FIFTY
    gain >>= _ONE_BIT
    return gain


def balanced_allocation_of(first: Share, second: Share) -> int:
    """`balanced_allocation` of one row and two resources of which the node has some."""
    (capacity, taken, amount), (capacity_2, taken_2, amount_2) = first, second
    before = _balance_of(taken / capacity, taken_2 / capacity_2)
    after = _balance_of((taken + amount) / capacity, (taken_2 + amount_2) / capacity_2)
    return 50 + (50 + after - before) // 2


def _balance_of(share: float, other: float) -> int:
    return int((1.0 - abs(min(share, 1.0) - min(other, 1.0)) * 0.5) * MAX_NODE_SCORE)


_FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def _standard_deviation(shares: _FloatArray, is_counted: BoolArray) -> _FloatArray:
    """Over the resources (the second axis) that each row counts; of two it is half their
    distance, exactly."""
    count = np.count_nonzero(is_counted, axis=0)
    divisor = np.maximum(count, 1)
    mean = shares.sum(axis=1, keepdims=True) / divisor
    squares = np.where(is_counted, (shares - mean) ** 2, 0).sum(axis=1)
    highest = np.where(is_counted, shares, -np.inf).max(axis=1, initial=0)
    lowest = np.where(is_counted, shares, np.inf).min(axis=1, initial=1)
    half = np.where(count == 2, highest - lowest, 0.0) / 2
    return np.where(count > 2, np.sqrt(squares / divisor), half)

"""How full nodes would be, as scores: the formulas that resource plugins share.

All are exact integers over matrices of (resource, row): `capacity` is what a node has, `taken`
what would be taken of it with the pod on it. A resource of which a node has none does not count
there. Source of the formulas: Kubernetes v1.36, pkg/scheduler/framework/plugins/noderesources:
least_allocated.go, most_allocated.go, requested_to_capacity_ratio.go, balanced_allocation.go.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from shoal.scheduler.framework.plugin import MAX_NODE_SCORE
from shoal.scheduler.state.columns import has_all
from shoal.scheduler.state.node_row import NON_ZERO_ROWS, NodeRow
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray, IntArray
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


@dataclass(frozen=True, slots=True)
class Demand:
    """What a pod adds to the resources that are scored, and where their columns stand."""

    resource_count: int
    """Of the table when the columns were looked up."""
    capacity_rows: slice | IntArray
    taken_rows: slice | IntArray
    amounts: IntArray
    """A column: cpu in thousandths, bytes, whole units."""
    weights: IntArray
    """A column."""
    numbers: tuple[tuple[int, int, int, int], ...]
    """The same, resource by resource: the two rows, amount, weight."""

    def clone(self) -> "Demand":
        return self

    def terms(self, node: NodeRow) -> Terms:
        """The row's numbers, with the pod on it."""
        allocatable, taken = node.allocatable, node.taken
        return [
            (allocatable[capacity_row], taken[taken_row] + amount, weight)
            for capacity_row, taken_row, amount, weight in self.numbers
        ]

    def columns(self, nodes: NodeRows) -> tuple[IntArray, IntArray]:
        """Capacity, and what is taken without the pod."""
        return nodes.allocatable[self.capacity_rows], nodes.taken[self.taken_rows]


def demand(snapshot: Snapshot, scored: Sequence[tuple[str, int, int]], *, non_zero: bool) -> Demand:
    """`scored`: name, weight and the pod's amount of each resource. `non_zero` counts cpu and
    memory of pods that ask for none by their defaults. Scalar resources that the pod does not
    ask for are left out, and so are those that no node has."""
    resources = snapshot.resources
    found = [
        (resources[name], weight, amount)
        for name, weight, amount in scored
        if name in resources and (amount or name in _NEVER_LEFT_OUT)
    ]
    capacity_rows = [row for row, _, _ in found]
    taken_rows = [
        row if non_zero and row < NON_ZERO_ROWS else NON_ZERO_ROWS + row for row in capacity_rows
    ]
    return Demand(
        len(resources),
        _run(capacity_rows),
        _run(taken_rows),
        np.array([[amount] for _, _, amount in found], np.int64).reshape(-1, 1),
        np.array([[weight] for _, weight, _ in found], np.int64).reshape(-1, 1),
        tuple(
            (row, taken_row, amount, weight)
            for (row, weight, amount), taken_row in zip(found, taken_rows, strict=True)
        ),
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
    # Before and after side by side, so that each operation serves both.
    steps = np.zeros((2, *amounts.shape))
    steps[1] = amounts
    shares = taken + steps
    if capacity.shape[0] == 2 and has_all(capacity):
        shares /= capacity
        np.minimum(shares, _WHOLE, out=shares)
        spread = shares[:, 0] - shares[:, 1]
        np.abs(spread, out=spread)
        spread *= _HALF
    else:
        is_counted = capacity > 0
        shares = np.where(is_counted, shares / np.maximum(capacity, 1), 0)
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

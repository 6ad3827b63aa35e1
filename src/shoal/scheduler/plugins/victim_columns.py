"""Preemption for all nodes at once, where pods matter to each other by their resources alone.

The pods of each node stand in columns, the least important first, so that whatever is asked of
one place in the order is asked of all nodes in one operation. Rows are written again only where
pods came, went or started. The outcome is the same as of dry runs node by node, which
`default_preemption` does wherever more than resources counts.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from shoal.scheduler.framework.column_filters import ColumnRun, RowNumbers
from shoal.scheduler.framework.status import Status
from shoal.scheduler.plugins import victims as ranking
from shoal.scheduler.plugins.disruption_budgets import DisruptionBudgets
from shoal.scheduler.plugins.victims import (
    NO_VICTIMS,
    NOT_STARTED_US,
    PRIORITY_OFFSET,
    Candidate,
)
from shoal.scheduler.state.node_table import PODS_ROW, BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_NOBODY = np.iinfo(np.int64).max
"""Priority of a place in the order that is not taken."""
_NEVER_READ = -1


@dataclass(frozen=True, slots=True)
class Found:
    """What was found on several nodes."""

    best: Candidate | None = None
    rejections: Counter[Status] = field(default_factory=Counter[Status])
    """Why nodes are no candidates."""
    needless: tuple[int, ...] = ()
    """Rows where the pod fits without any victim, which should not be."""


class VictimColumns:
    """`[place, row]`, and `[resource, place, row]` for amounts."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._reserve(0, 0)

    def _reserve(self, depth: int, row_count: int) -> None:
        """Room for nodes with so many pods, with nothing read yet."""
        resource_count = len(self._snapshot.resources)
        self._seen = self._starts_seen = _NEVER_READ
        self._pods: list[tuple[PodInfo, ...]] = [()] * row_count
        self._priority: IntArray = np.full((depth, row_count), _NOBODY, np.int64)
        self._started_us: IntArray = np.zeros((depth, row_count), np.int64)
        self._amounts: IntArray = np.zeros((resource_count, depth, row_count), np.int64)

    def refresh(self) -> None:
        """Read what changed since last time."""
        snapshot = self._snapshot
        resource_count, depth, row_count = self._amounts.shape
        if snapshot.row_count > row_count or len(snapshot.resources) > resource_count:
            row_count = snapshot.row_count + snapshot.row_count // 4
            self._reserve(depth, row_count)
        changed: set[int] = set()
        for nodes in (
            snapshot.rows_changed_since(self._seen),
            snapshot.starts_changed_since(self._starts_seen),
        ):
            if nodes is not None:
                changed.update(nodes.numbers.tolist())
        self._seen, self._starts_seen = snapshot.generation, snapshot.start_generation
        is_present = snapshot.is_present
        for row in changed:
            pods = ranking.by_importance(snapshot.node(row).pods) if is_present[row] else []
            self._write(row, tuple(reversed(pods)))

    def _write(self, row: int, pods: tuple[PodInfo, ...]) -> None:
        count = len(pods)
        if count > self._priority.shape[0]:
            self._deepen(count + count // 4 - self._priority.shape[0])
        resources = self._snapshot.resources
        amounts = np.zeros((count, len(resources)), np.int64)
        amounts[:, PODS_ROW] = 1
        for place, pod in enumerate(pods):
            for name, amount in pod.request.amounts:
                amounts[place, resources[name]] = amount
        self._pods[row] = pods
        self._priority[:count, row] = [pod.priority for pod in pods]
        self._priority[count:, row] = _NOBODY
        self._started_us[:count, row] = [ranking.started_us(pod) for pod in pods]
        self._amounts[: len(resources), :count, row] = amounts.T
        self._amounts[:, count:, row] = 0

    def _deepen(self, more: int) -> None:
        def padded(array: IntArray, value: int) -> IntArray:
            widths = [(0, 0)] * array.ndim
            widths[-2] = (0, more)
            return np.pad(array, widths, constant_values=value)

        self._priority = padded(self._priority, _NOBODY)
        self._started_us = padded(self._started_us, 0)
        self._amounts = padded(self._amounts, 0)

    def dry_run(
        self,
        run: ColumnRun,
        budgets: DisruptionBudgets,
        pod: PodInfo,
        rows: RowNumbers,
        promised: Mapping[int, IntArray],
    ) -> Found:
        """On rows that have pods of lower priority, after `refresh`. `promised` is requested
        there besides."""
        rejections: Counter[Status] = Counter()
        is_lower = self._priority.take(rows, axis=1) < pod.priority
        counts = is_lower.sum(axis=0)
        has_lower = counts > 0
        if not has_lower.all():
            rejections[NO_VICTIMS] += int(np.count_nonzero(~has_lower))
            rows, is_lower = rows[has_lower], is_lower[:, has_lower]
        if not rows.size:
            return Found(None, rejections)
        # The lower ones stand first.
        depth = int(counts.max())
        is_lower = is_lower[:depth]
        amounts = self._amounts[:, :depth].take(rows, axis=2)
        requested = self._snapshot.select(rows).requested - (amounts * is_lower).sum(axis=1)
        if promised:
            nothing = np.zeros(len(requested), np.int64)
            requested += np.stack([promised.get(row, nothing) for row in rows.tolist()], axis=1)
        fits = run.judge(run.filters.all, rows, requested)
        if not fits.all():
            rejections.update({status: of.size for status, of in run.rejections()})
            rows, is_lower, requested = rows[fits], is_lower[:, fits], requested[:, fits]
            amounts = amounts[:, :, fits]
        is_protected = self._protected(budgets, rows, is_lower)
        groups = (is_protected, is_lower & ~is_protected)
        is_victim = _reprieve(run, rows, requested, amounts, groups)
        has_victims = is_victim.any(axis=0)
        needless = tuple(rows[~has_victims].tolist())
        if needless:
            rows, is_victim = rows[has_victims], is_victim[:, has_victims]
            is_protected = is_protected[:, has_victims]
        if not rows.size:
            return Found(None, rejections, needless)
        violations = (is_victim & is_protected).sum(axis=0)
        return Found(self._cheapest(rows, is_victim, violations), rejections, needless)

    def _protected(
        self, budgets: DisruptionBudgets, rows: RowNumbers, is_lower: BoolArray
    ) -> BoolArray:
        """Which of the pods a budget would rather keep."""
        is_protected = np.zeros(is_lower.shape, np.bool_)
        if not budgets.exist():
            return is_protected
        counts = is_lower.sum(axis=0).tolist()
        for position, (row, count) in enumerate(zip(rows.tolist(), counts, strict=True)):
            # Budgets are used up by the most important ones first.
            violating = budgets.violating(reversed(self._pods[row][:count]))
            if any(violating):
                is_protected[:count, position] = violating[::-1]
        return is_protected

    def _cheapest(self, rows: RowNumbers, is_victim: BoolArray, violations: IntArray) -> Candidate:
        """By the criteria of `Candidate.cost`."""
        depth = len(is_victim)
        priority = self._priority[:depth].take(rows, axis=1)
        started_us = self._started_us[:depth].take(rows, axis=1)
        highest = np.where(is_victim, priority, -_NOBODY).max(axis=0)
        is_highest = is_victim & (priority == highest)
        criteria = (
            violations,
            highest,
            np.where(is_victim, priority + PRIORITY_OFFSET, 0).sum(axis=0),
            is_victim.sum(axis=0),
            -np.where(is_highest, started_us, NOT_STARTED_US).min(axis=0),
            rows,
        )
        chosen = int(np.lexsort(criteria[::-1])[0])
        row = int(rows[chosen])
        places = np.flatnonzero(is_victim[:, chosen])[::-1].tolist()
        victims = tuple(self._pods[row][place] for place in places)
        return Candidate(row, victims, int(violations[chosen]))


def _reprieve(
    run: ColumnRun,
    rows: RowNumbers,
    requested: IntArray,
    amounts: IntArray,
    groups: tuple[BoolArray, ...],
) -> BoolArray:
    """Put pods back, one group after the other, most important ones first, as long as the pod
    still fits. Which could not stay, by place and row."""
    is_victim = np.zeros(groups[0].shape, np.bool_)
    for group in groups:
        for place in np.flatnonzero(group.any(axis=1))[::-1].tolist():
            is_tried = group[place]
            fuller = requested + amounts[:, place]
            fits = run.judge(run.filters.by_requests, rows, fuller)
            requested = np.where(is_tried & fits, fuller, requested)
            is_victim[place] |= is_tried & ~fits
    return is_victim

"""Where a pod's spread constraints count: domains and eligible nodes, apart from any pods.

It changes with nodes alone, so a class of equal pods works it out once, and each cycle only sums
up the pods of the domains.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shoal.api.selectors import Selector
from shoal.scheduler.plugins.node_eligibility import by_affinity, by_taints
from shoal.scheduler.plugins.pod_topology_spread_constraints import SpreadConstraint
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot
from shoal.scheduler.state.topologies import NO_DOMAIN, FloatArray, Topology


@dataclass(frozen=True, slots=True)
class ConstraintFrame:
    """Of one constraint."""

    constraint: SpreadConstraint
    topology: Topology
    counted: IntArray
    """The domain of each row that counts; `NO_DOMAIN` for the others."""
    domains: IntArray
    """Those of rows that count, each once."""

    def sums(self, snapshot: Snapshot) -> FloatArray:
        """Pods by domain, of the eligible nodes alone."""
        return self.topology.count(self.pods_by_row(snapshot), self.counted)

    def pods_by_row(self, snapshot: Snapshot) -> IntArray:
        """Of all nodes."""
        matcher = self.constraint.matcher
        if matcher is None:
            return np.zeros(snapshot.row_count, np.int64)
        return snapshot.pod_counts.by_row(matcher)[: snapshot.row_count]


@dataclass(frozen=True, slots=True)
class SpreadFrame:
    """Of all constraints of one kind that a pod has."""

    node_generation: int
    selector: Selector | None
    """That of default constraints."""
    constraints: tuple[ConstraintFrame, ...]

    def clone(self) -> "SpreadFrame":
        return self


def build_frames(
    constraints: Sequence[SpreadConstraint],
    pod: PodInfo,
    snapshot: Snapshot,
    *,
    requires_all_keys: bool,
) -> tuple[ConstraintFrame, ...]:
    """`requires_all_keys`: nodes count only where they have the topology keys of all
    constraints."""
    if not constraints:
        return ()
    row_count = snapshot.row_count
    topologies = [snapshot.topologies.get(each.topology_key) for each in constraints]
    columns = [topology.of_row[:row_count] for topology in topologies]
    has_keys = np.ones(row_count, np.bool_)
    if requires_all_keys:
        for column in columns:
            has_keys &= column != NO_DOMAIN
    frames: list[ConstraintFrame] = []
    for constraint, topology, column in zip(constraints, topologies, columns, strict=True):
        is_eligible = has_keys & _is_included(constraint, pod, snapshot)
        counted = np.where(is_eligible, column, NO_DOMAIN)
        domains = np.flatnonzero(np.bincount(counted, minlength=1))
        frames.append(ConstraintFrame(constraint, topology, counted, domains[domains != NO_DOMAIN]))
    return tuple(frames)


def _is_included(constraint: SpreadConstraint, pod: PodInfo, snapshot: Snapshot) -> BoolArray:
    masks: list[BoolArray | None] = [snapshot.is_present]
    if constraint.honors_affinity:
        masks.append(by_affinity(pod, snapshot))
    if constraint.honors_taints:
        masks.append(by_taints(pod, snapshot))
    return np.logical_and.reduce([mask for mask in masks if mask is not None])

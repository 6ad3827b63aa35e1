"""What a pod's claims demand of its node, and whether a node meets it.

Made once a cycle. Bound claims demand a node that reaches their volumes. A claim that waits for
its first consumer demands a node that reaches a volume for it, or one where its class makes
volumes; of several volumes the smallest is taken, and claims that ask for less choose first.

Source of the rules and texts: Kubernetes v1.36,
pkg/scheduler/framework/plugins/volumebinding/binder.go.
"""

from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

import numpy as np

from shoal.api.node import Node
from shoal.api.storage import (
    NO_PROVISIONER,
    SELECTED_NODE,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from shoal.scheduler.plugins.volume_assumptions import Match
from shoal.scheduler.plugins.volume_reach import VolumeReach
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.snapshot import NodeInfo

OUT_OF_REACH, NOTHING_TO_BIND, NO_VOLUME = 1, 2, 4
"""Bits of a reason code."""

REASONS = (
    (OUT_OF_REACH, "node(s) didn't match PersistentVolume's node affinity"),
    (NOTHING_TO_BIND, "node(s) didn't find available persistent volumes to bind"),
    (NO_VOLUME, "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"),
)

_MADE_BY_HAND = ("", NO_PROVISIONER)

_Ranked = tuple[int, PersistentVolume]


class ClaimPlan(NamedTuple):
    """What is to be done for the pod's claims on one node."""

    reason_code: int
    """0 where the node will do."""
    matches: Sequence[Match] = ()
    provisions: Sequence[PersistentVolumeClaim] = ()
    """Claims for which volumes are to be made."""


class WaitingClaim:
    """A claim without a volume, and the volumes that it may have."""

    def __init__(
        self,
        claim: PersistentVolumeClaim,
        storage_class: StorageClass,
        volumes: Sequence[PersistentVolume],
        reach: VolumeReach,
    ) -> None:
        """`volumes` smallest first."""
        self.claim = claim
        self._class = storage_class
        self._everywhere: list[_Ranked] = []
        self._by_row: dict[int, list[_Ranked]] = {}
        for rank, volume in enumerate(volumes):
            rows = reach.rows(volume)
            if rows is None:
                self._everywhere.append((rank, volume))
            else:
                for row in rows:
                    self._by_row.setdefault(row, []).append((rank, volume))

    @property
    def hopeful_rows(self) -> Set[int] | None:
        """No other rows reach a volume for the claim; None where they might."""
        is_local = self._class.provisioner in _MADE_BY_HAND and not self._everywhere
        return self._by_row.keys() if is_local and self.selected_node is None else None

    @property
    def selected_node(self) -> str | None:
        """Where a volume is being made already."""
        return self.claim.metadata.annotations.get(SELECTED_NODE)

    def best_volume(self, row: int, taken: Sequence[Match]) -> PersistentVolume | None:
        """The smallest that the row reaches and that no other claim of the pod took."""
        names = {volume.metadata.name for _, volume in taken}
        offers = (
            (rank, volume)
            for ranked in (self._everywhere, self._by_row.get(row, ()))
            for rank, volume in ranked
            if volume.metadata.name not in names
        )
        best = min(offers, key=lambda offer: offer[0], default=None)
        return best and best[1]

    def can_be_provisioned(self, node: Node) -> bool:
        if self._class.provisioner in _MADE_BY_HAND:
            return False
        terms = self._class.allowed_topologies
        labels = node.metadata.labels
        return not terms or any(
            all(labels.get(each.key) in each.values for each in term.match_label_expressions)
            for term in terms
        )


class VolumeDemand:
    """Of one pod."""

    def __init__(
        self,
        volumes: Sequence[PersistentVolume | None],
        waiting: Sequence[WaitingClaim],
        reach: VolumeReach,
    ) -> None:
        """`volumes`: of the bound claims, None where one does not exist; `waiting`: those that ask
        for least first."""
        self._rows = [None if each is None else (reach.rows(each),) for each in volumes]
        self._waiting = waiting

    def clone(self) -> "VolumeDemand":
        return self

    def reason_codes(self, nodes: NodeRows) -> IntArray:
        """0 for each row where `plan` has an answer."""
        codes = self._codes_of_bound(nodes)
        if not self._waiting:
            return codes
        hopeful = np.ones(nodes.snapshot.row_count, np.bool_)
        for waiting in self._waiting:
            if (rows := waiting.hopeful_rows) is not None:
                hopeful &= _mask(rows, hopeful.size)
        is_hopeful = hopeful[nodes.rows] & nodes.is_present
        codes[~is_hopeful] |= NOTHING_TO_BIND
        if len(self._waiting) == 1 and self._waiting[0].hopeful_rows is not None:
            return codes
        for position in np.flatnonzero(is_hopeful).tolist():
            codes[position] = self.plan(nodes.node(position)).reason_code
        return codes

    def plan(self, info: NodeInfo) -> ClaimPlan:
        code = self._judge_bound(info.row)
        matches: list[Match] = []
        provisions: list[PersistentVolumeClaim] = []
        for waiting in self._waiting:
            if waiting.selected_node is None:
                volume = waiting.best_volume(info.row, matches)
                if volume is not None:
                    matches.append((waiting.claim, volume))
                    continue
            is_elsewhere = waiting.selected_node not in (None, info.name)
            if is_elsewhere or not waiting.can_be_provisioned(info.node):
                return ClaimPlan(code | NOTHING_TO_BIND)
            provisions.append(waiting.claim)
        return ClaimPlan(code, matches, provisions)

    def _codes_of_bound(self, nodes: NodeRows) -> IntArray:
        codes = np.zeros(nodes.size, np.int64)
        for rows in self._rows:
            if rows is None:
                codes[codes == 0] = NO_VOLUME
            elif rows[0] is not None:
                reached = _mask(rows[0], nodes.snapshot.row_count)[nodes.rows]
                codes[~reached & (codes == 0)] = OUT_OF_REACH
        return codes

    def _judge_bound(self, row: int) -> int:
        for rows in self._rows:
            if rows is None:
                return NO_VOLUME
            if rows[0] is not None and row not in rows[0]:
                return OUT_OF_REACH
        return 0


def _mask(rows: Iterable[int], size: int) -> BoolArray:
    mask = np.zeros(size, np.bool_)
    mask[list(rows)] = True
    return mask

"""VolumeRestrictions: disks that one node cannot mount twice, claims that one pod has to itself.

Source of the rules and texts: Kubernetes v1.36,
pkg/scheduler/framework/plugins/volumerestrictions.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from shoal.api.meta import ObjectKey
from shoal.api.resource import Resource
from shoal.api.storage import CLAIMS, PersistentVolumeClaim
from shoal.scheduler.framework.cluster_event import (
    ASSIGNED_POD_DELETE,
    NODE_ADD,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
    resource_name,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PluginArguments, PreFilterResult, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status, unresolvable, unschedulable
from shoal.scheduler.plugins.volume_claims import is_own_claim
from shoal.scheduler.state.mounts import Disk
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_DISK_CONFLICT = unschedulable("node(s) had no available disk")
_CLAIM_CONFLICT = unschedulable(
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already "
    "in-use by another pod"
)
_DISK_CODE = 1
_CLAIM_CODE = 2
_ONE_POD = "ReadWriteOncePod"


class VolumeRestrictions:
    name = "VolumeRestrictions"
    filter_reads = Reads.PODS
    needs: Sequence[Resource[Any]] = (CLAIMS,)

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        self._objects = handle.objects

    def sign(self, pod: PodInfo) -> Hashable | None:
        """Who else uses a claim is not a matter of one row, so pods with claims share nothing."""
        return None if pod.claims else pod.disks

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        if not pod.claims and not pod.disks:
            return None, SKIP
        for mount in pod.claims:
            if not mount.is_ephemeral and self._claim(pod, mount.name) is None:
                return None, unresolvable(f'persistentvolumeclaim "{mount.name}" not found')
        is_concerned = bool(pod.disks) or any(self._claims_for_one(pod))
        return None, SUCCESS if is_concerned else SKIP

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        snapshot = nodes.snapshot
        volumes = snapshot.volumes
        codes = np.zeros(snapshot.row_count, np.int64)
        if any(volumes.user_count(claim) for claim in self._claims_for_one(pod)):
            codes[:] = _CLAIM_CODE
        if pod.disks:
            for row, mounted in volumes.rows_with_disks():
                if _conflict(pod.disks, mounted):
                    codes[row] = _DISK_CODE
        return codes[nodes.rows]

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _DISK_CONFLICT if reason_code == _DISK_CODE else _CLAIM_CONFLICT

    def events_to_register(self) -> Sequence[Registration]:
        claim_added = ClusterEvent(resource_name(CLAIMS), ActionType.ADD)
        return (
            Registration(ASSIGNED_POD_DELETE, _frees_a_volume),
            Registration(NODE_ADD),
            Registration(claim_added, is_own_claim),
        )

    def _claim(self, pod: PodInfo, name: str) -> PersistentVolumeClaim | None:
        return self._objects.get(CLAIMS, pod.namespace, name)

    def _claims_for_one(self, pod: PodInfo) -> Iterable[ObjectKey]:
        """The pod's claims that no other pod may use at the same time."""
        for mount in pod.claims:
            claim = None if mount.is_ephemeral else self._claim(pod, mount.name)
            if claim is not None and _ONE_POD in claim.spec.access_modes:
                yield claim.metadata.key


def _conflict(wanted: Iterable[Disk], mounted: Iterable[Disk]) -> bool:
    return any(one.conflicts_with(other) for other in mounted for one in wanted)


def _frees_a_volume(pod: PodInfo, before: PodInfo, after: None) -> QueueingHint:
    if before.namespace != pod.namespace:
        return QueueingHint.SKIP
    shares = not set(pod.claims).isdisjoint(before.claims)
    helps = shares or _conflict(pod.disks, before.disks)
    return QueueingHint.QUEUE if helps else QueueingHint.SKIP

"""NodeVolumeLimits: a storage driver attaches so many volumes to a node and no more.

Limits stand in the node's CSINode object; where there is none, or it has no limit, nothing is
counted. Volumes that are attached to a node but that no pod there uses any more are not seen.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/plugins/nodevolumelimits.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from shoal.api.meta import ObjectKey
from shoal.api.resource import Resource
from shoal.api.storage import (
    CLAIMS,
    CSI_NODES,
    PERSISTENT_VOLUMES,
    STORAGE_CLASSES,
    CsiNode,
    PersistentVolumeClaim,
)
from shoal.scheduler.framework.cluster_event import (
    ASSIGNED_POD_DELETE,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
    resource_name,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PluginArguments, PreFilterResult, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status, unschedulable
from shoal.scheduler.plugins.volume_claims import is_own_claim, keys_of
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_REJECTION = unschedulable("node(s) exceed max volume count")

_Volumes = Mapping[str, str]
"""What tells a volume from others -> its driver."""


class NodeVolumeLimits:
    name = "NodeVolumeLimits"
    filter_reads = Reads.PODS
    needs: Sequence[Resource[Any]] = (CSI_NODES, CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES)

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        self._objects = handle.objects

    def sign(self, pod: PodInfo) -> Hashable | None:
        """Claims and what nodes can attach change without a row's changing."""
        return None if pod.claims else ()

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        return None, SUCCESS if pod.claims else SKIP

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        wanted = self._volumes(keys_of(pod))
        if not wanted:
            return None
        snapshot = nodes.snapshot
        codes = np.zeros(snapshot.row_count, np.int64)
        for csi_node in self._csi_nodes(nodes):
            row = snapshot.row(csi_node.metadata.name)
            if row is not None and csi_node.limits:
                attached = self._volumes(snapshot.volumes.claims_on(row))
                codes[row] = _exceeds(csi_node.limits, attached, wanted)
        return codes[nodes.rows]

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _REJECTION

    def events_to_register(self) -> Sequence[Registration]:
        changed = ActionType.ADD | ActionType.UPDATE
        return (
            Registration(ClusterEvent(resource_name(CSI_NODES), changed), _limit_was_raised),
            Registration(ASSIGNED_POD_DELETE, _detaches_volumes),
            Registration(ClusterEvent(resource_name(CLAIMS), ActionType.ADD), is_own_claim),
        )

    def _csi_nodes(self, nodes: NodeRows) -> Iterable[CsiNode]:
        """Those of the rows, which dry runs ask about one by one; others do no harm."""
        known = self._objects.list(CSI_NODES)
        if nodes.size >= len(known):
            return known
        names = (nodes.node(at).name for at in np.flatnonzero(nodes.is_present).tolist())
        found = (self._objects.get(CSI_NODES, "", name) for name in names)
        return [each for each in found if each is not None]

    def _volumes(self, claims: Iterable[ObjectKey]) -> _Volumes:
        """Those behind the claims that a storage driver attaches."""
        found: dict[str, str] = {}
        for key in claims:
            claim = self._objects.get(CLAIMS, key.namespace, key.name)
            if claim is not None:
                name, driver = self._volume(claim)
                if driver:
                    found[f"{driver}/{name}"] = driver
        return found

    def _volume(self, claim: PersistentVolumeClaim) -> tuple[str, str]:
        """Name and driver; the driver is empty where it is none of CSI. A claim without a volume
        counts as the one that its class will make."""
        volume = self._objects.get(PERSISTENT_VOLUMES, "", claim.spec.volume_name)
        if volume is None:
            storage_class = self._objects.get(STORAGE_CLASSES, "", claim.class_name)
            return f"claim {claim.metadata.key}", storage_class.provisioner if storage_class else ""
        csi = volume.spec.csi
        return (csi.volume_handle, csi.driver) if csi else ("", "")


def _exceeds(limits: Mapping[str, int], attached: _Volumes, wanted: _Volumes) -> bool:
    present = Counter(attached.values())
    new = Counter(driver for name, driver in wanted.items() if name not in attached)
    return any(
        driver in limits and present[driver] + count > limits[driver]
        for driver, count in new.items()
    )


def _limit_was_raised(pod: PodInfo, before: CsiNode | None, after: CsiNode) -> QueueingHint:
    earlier = {} if before is None else before.limits
    later = after.limits
    is_lifted = any(driver not in later for driver in earlier)
    is_raised = any(limit > earlier.get(driver, 0) for driver, limit in later.items())
    helps = before is None or is_lifted or is_raised
    return QueueingHint.QUEUE if helps else QueueingHint.SKIP


def _detaches_volumes(pod: PodInfo, before: PodInfo, after: None) -> QueueingHint:
    return QueueingHint.QUEUE if before.claims else QueueingHint.SKIP

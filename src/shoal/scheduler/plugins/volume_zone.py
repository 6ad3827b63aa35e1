"""VolumeZone: volumes of a cloud are in a zone, and so must be the nodes that mount them.

The zone is told by labels of the volume; several zones are joined by two underscores. Nodes that
have no such label at all are in a cluster of one zone, where every node will do.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/plugins/volumezone.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from shoal.api.resource import Resource
from shoal.api.storage import (
    CLAIMS,
    PERSISTENT_VOLUMES,
    STORAGE_CLASSES,
    WAIT_FOR_FIRST_CONSUMER,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from shoal.scheduler.framework.cluster_event import (
    NODE,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
    resource_name,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PluginArguments, PreFilterResult, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status, unresolvable
from shoal.scheduler.plugins.volume_claims import is_own_claim
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_REJECTION = unresolvable("node(s) had no available volume zone")
_STATE_KEY = "VolumeZone/places"
_ZONE, _REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
_GA_OF: Mapping[str, str] = {
    "failure-domain.beta.kubernetes.io/zone": _ZONE,
    "failure-domain.beta.kubernetes.io/region": _REGION,
    _ZONE: _ZONE,
    _REGION: _REGION,
}
"""Labels that tell a place, and what each is called today."""


class _Place(NamedTuple):
    key: str
    values: frozenset[str]


class _Places(tuple[_Place, ...]):
    """Where the volumes of a pod are: all must hold."""

    def clone(self) -> "_Places":
        return self


class VolumeZone:
    name = "VolumeZone"
    filter_reads = Reads.PODS
    needs: Sequence[Resource[Any]] = (CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES)

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        self._objects = handle.objects

    def sign(self, pod: PodInfo) -> Hashable | None:
        """Claims change without a row's changing."""
        return None if pod.claims else ()

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        places: list[_Place] = []
        for mount in pod.claims:
            if not mount.is_ephemeral:
                found = self._volume_of(pod.namespace, mount.name)
                if isinstance(found, Status):
                    return None, found
                places += _places(found) if found else ()
        if not places:
            return None, SKIP
        state.write(_STATE_KEY, _Places(places))
        return None, SUCCESS

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        places = state.read(_STATE_KEY, _Places)
        codes = np.zeros(nodes.size, np.int64)
        for position in np.flatnonzero(nodes.is_present).tolist():
            codes[position] = not _is_there(nodes.node(position).labels, places)
        return codes

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _REJECTION

    def events_to_register(self) -> Sequence[Registration]:
        changed = ActionType.ADD | ActionType.UPDATE
        node_changed = ActionType.ADD | ActionType.UPDATE_NODE_LABEL
        class_added = ClusterEvent(resource_name(STORAGE_CLASSES), ActionType.ADD)
        return (
            Registration(class_added, _is_waiting_class),
            Registration(ClusterEvent(NODE, node_changed)),
            Registration(ClusterEvent(resource_name(CLAIMS), changed), is_own_claim),
            Registration(ClusterEvent(resource_name(PERSISTENT_VOLUMES), changed), _has_moved),
        )

    def _volume_of(self, namespace: str, claim_name: str) -> PersistentVolume | Status | None:
        """None where the claim gets its volume when the node is known; a rejection where it ought
        to have one by now."""
        claim = self._objects.get(CLAIMS, namespace, claim_name)
        if claim is None:
            return unresolvable(f'persistentvolumeclaim "{claim_name}" not found')
        volume_name = claim.spec.volume_name
        if not volume_name:
            return self._why_without_volume(claim)
        volume = self._objects.get(PERSISTENT_VOLUMES, "", volume_name)
        return volume or unresolvable(f'persistentvolume "{volume_name}" not found')

    def _why_without_volume(self, claim: PersistentVolumeClaim) -> Status | None:
        name = claim.class_name
        if not name:
            return unresolvable("PersistentVolumeClaim had no pv name and storageClass name")
        storage_class = self._objects.get(STORAGE_CLASSES, "", name)
        if storage_class is None:
            return unresolvable(f'storageclass.storage.k8s.io "{name}" not found')
        if storage_class.volume_binding_mode is None:
            return unresolvable(f'VolumeBindingMode not set for StorageClass "{name}"')
        if storage_class.volume_binding_mode == WAIT_FOR_FIRST_CONSUMER:
            return None
        return unresolvable("PersistentVolume had no name")


def _places(volume: PersistentVolume) -> Iterator[_Place]:
    for key in _GA_OF:
        value = volume.metadata.labels.get(key)
        values = [] if value is None else [each.strip() for each in value.split("__")]
        # A label with an empty part tells nothing.
        if values and all(values):
            yield _Place(key, frozenset(values))


def _is_there(labels: Mapping[str, str], places: _Places) -> bool:
    if not any(key in labels for key in _GA_OF):
        return True
    return all(
        labels.get(place.key, labels.get(_GA_OF[place.key])) in place.values for place in places
    )


def _is_waiting_class(pod: PodInfo, before: None, after: StorageClass) -> QueueingHint:
    helps = after.volume_binding_mode == WAIT_FOR_FIRST_CONSUMER
    return QueueingHint.QUEUE if helps else QueueingHint.SKIP


def _has_moved(
    pod: PodInfo, before: PersistentVolume | None, after: PersistentVolume
) -> QueueingHint:
    has_moved = before is None or list(_places(before)) != list(_places(after))
    return QueueingHint.QUEUE if has_moved else QueueingHint.SKIP

"""VolumeBinding: a pod goes where its volumes are, and gets those that wait for it.

Filter asks for each node what would have to be bound there; Reserve promises it to the pod, so
that no other gets the same; PreBind has it written and waits until the volume controller has bound
claim and volume to each other. Storage capacity that drivers publish is not looked at.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/plugins/volumebinding.
"""

from collections.abc import Hashable, Sequence
from typing import Any

from shoal.api.meta import ObjectKey
from shoal.api.pod_claims import foreign_claim
from shoal.api.resource import JsonObject, Resource
from shoal.api.storage import (
    CLAIMS,
    PERSISTENT_VOLUMES,
    SELECTED_NODE,
    STORAGE_CLASSES,
    WAIT_FOR_FIRST_CONSUMER,
    PersistentVolumeClaim,
    StorageClass,
)
from shoal.api.volume_matching import binding_patch, candidates, wanted_bytes
from shoal.scheduler.config.plugin_arguments import VolumeBindingArgs
from shoal.scheduler.effects import AwaitBoundClaims, BeforeBinding, PatchObject
from shoal.scheduler.framework.cluster_event import (
    NODE,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
    resource_name,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PreFilterResult, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Code, Status, unresolvable
from shoal.scheduler.plugins.volume_assumptions import AssumedVolumes
from shoal.scheduler.plugins.volume_claims import is_own_claim
from shoal.scheduler.plugins.volume_demand import REASONS, ClaimPlan, VolumeDemand, WaitingClaim
from shoal.scheduler.plugins.volume_reach import VolumeReach
from shoal.scheduler.state.mounts import ClaimMount
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_DEMAND = "VolumeBinding/demand"
_PLAN = "VolumeBinding/plan"
_UNBOUND = unresolvable("pod has unbound immediate PersistentVolumeClaims")
_LOST = "Lost"


class _Reserved(ClaimPlan):
    """The plan for the node that was chosen."""

    def clone(self) -> "_Reserved":
        return self


class VolumeBinding:
    name = "VolumeBinding"
    filter_reads = Reads.PODS
    needs: Sequence[Resource[Any]] = (CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES)

    def __init__(self, arguments: VolumeBindingArgs, handle: Handle) -> None:
        self._timeout_s = float(arguments.bind_timeout_seconds)
        self._objects = handle.objects
        self._snapshot = handle.snapshot
        self._assumed = AssumedVolumes(handle.objects)
        self._reach = VolumeReach(handle.snapshot)

    def sign(self, pod: PodInfo) -> Hashable | None:
        """Claims and volumes change without a row's changing."""
        return None if pod.claims else ()

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        if not pod.claims:
            return None, SKIP
        claims: list[PersistentVolumeClaim] = []
        for mount in pod.claims:
            claim = self._assumed.claim(ObjectKey(pod.namespace, mount.name))
            if claim is None:
                return None, unresolvable(_not_found(mount))
            if problem := _problem(pod, mount, claim):
                return None, unresolvable(problem)
            claims.append(claim)
        demand = self._demand(claims)
        if demand is None:
            return None, _UNBOUND
        state.write(_DEMAND, demand)
        return None, SUCCESS

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        return state.read(_DEMAND, VolumeDemand).reason_codes(nodes)

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        texts = (text for bit, text in REASONS if reason_code & bit)
        return Status(Code.UNSCHEDULABLE_AND_UNRESOLVABLE, tuple(texts))

    def reserve(self, state: CycleState, pod: PodInfo, node_name: str) -> Status:
        row = self._snapshot.row(node_name)
        if pod.claims and row is not None:
            plan = state.read(_DEMAND, VolumeDemand).plan(self._snapshot.node(row))
            self._assumed.assume(pod.uid, node_name, plan.matches, plan.provisions)
            state.write(_PLAN, _Reserved(*plan))
        return SUCCESS

    def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        self._assumed.revert(pod.uid)

    def pre_bind(
        self, state: CycleState, pod: PodInfo, node_name: str
    ) -> tuple[tuple[BeforeBinding, ...], Status]:
        """Write what was promised, then wait until every claim has its volume."""
        if not pod.claims:
            return (), SKIP
        plan = state.read(_PLAN, _Reserved)
        patches: list[BeforeBinding] = []
        for claim, volume in plan.matches:
            patch = binding_patch(volume, claim)
            if patch is not None:
                patches.append(
                    PatchObject(PERSISTENT_VOLUMES, "", volume.metadata.name, patch, self.name)
                )
        for claim in plan.provisions:
            key = claim.metadata.key
            patch = _selection_patch(claim, node_name)
            patches.append(PatchObject(CLAIMS, key.namespace, key.name, patch, self.name))
        waiting = [claim for claim, _ in plan.matches] + list(plan.provisions)
        if not waiting:
            return (), SKIP
        names = tuple(claim.metadata.name for claim in waiting)
        wait = AwaitBoundClaims(pod.namespace, names, self._timeout_s, self.name)
        return (*patches, wait), SUCCESS

    def post_bind(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        self._assumed.settle(pod.uid)

    def events_to_register(self) -> Sequence[Registration]:
        changed = ActionType.ADD | ActionType.UPDATE
        node_changed = ActionType.ADD | ActionType.UPDATE_NODE_LABEL
        return (
            Registration(ClusterEvent(resource_name(STORAGE_CLASSES), changed), _class_changed),
            Registration(ClusterEvent(resource_name(CLAIMS), changed), is_own_claim),
            Registration(ClusterEvent(resource_name(PERSISTENT_VOLUMES), changed)),
            Registration(ClusterEvent(NODE, node_changed)),
        )

    def _demand(self, claims: Sequence[PersistentVolumeClaim]) -> VolumeDemand | None:
        """None where a claim should have been bound by now."""
        waiting: list[WaitingClaim] = []
        for claim in sorted(claims, key=wanted_bytes):
            if claim.is_bound:
                continue
            storage_class = self._objects.get(STORAGE_CLASSES, "", claim.class_name)
            if claim.spec.volume_name or not _waits_for_pods(storage_class):
                return None
            assert storage_class is not None
            offered = candidates(claim, self._assumed.volumes_of_class(claim.class_name))
            waiting.append(WaitingClaim(claim, storage_class, offered, self._reach))
        volumes = [self._assumed.volume(c.spec.volume_name) for c in claims if c.is_bound]
        return VolumeDemand(volumes, waiting, self._reach)


def _not_found(mount: ClaimMount) -> str:
    if mount.is_ephemeral:
        return (
            "waiting for ephemeral volume controller to create the persistentvolumeclaim "
            f'"{mount.name}"'
        )
    return f'persistentvolumeclaim "{mount.name}" not found'


def _problem(pod: PodInfo, mount: ClaimMount, claim: PersistentVolumeClaim) -> str:
    """Why the pod cannot use the claim at all; empty where it can."""
    if claim.status.phase == _LOST:
        return (
            f'persistentvolumeclaim "{mount.name}" bound to non-existent persistentvolume '
            f'"{claim.spec.volume_name}"'
        )
    if claim.metadata.deletion_timestamp is not None:
        return f'persistentvolumeclaim "{mount.name}" is being deleted'
    return foreign_claim(pod.object.metadata, claim.metadata) if mount.is_ephemeral else ""


def _waits_for_pods(storage_class: StorageClass | None) -> bool:
    return (
        storage_class is not None and storage_class.volume_binding_mode == WAIT_FOR_FIRST_CONSUMER
    )


def _selection_patch(claim: PersistentVolumeClaim, node_name: str) -> JsonObject:
    version = claim.metadata.resource_version
    return {"metadata": {"resourceVersion": version, "annotations": {SELECTED_NODE: node_name}}}


def _class_changed(pod: PodInfo, before: StorageClass | None, after: StorageClass) -> QueueingHint:
    has_moved = before is None or before.allowed_topologies != after.allowed_topologies
    return QueueingHint.QUEUE if has_moved else QueueingHint.SKIP

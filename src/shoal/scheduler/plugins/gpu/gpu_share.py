"""GpuShare: pods that ask for GPUs by annotations go to nodes with room on their devices.

Filter looks for room, Reserve gives the pod its devices, PreBind has their numbers written to the
pod (`alibabacloud.com/gpu-index`, as `0-2-3`), Unreserve takes them back. What is left of each
device is in the cache (`state.gpu_shares`), which learns it again from those annotations after a
restart. An annotation on a pod that is not placed says nothing: it may be from an attempt on
another node.

Source of the rules: kubernetes-scheduler-simulator (github.com/hkust-adsl), pkg/simulator/plugin/
open_gpu_share.go, there `Open-Gpu-Share`. There, pods may ask for devices by number; not here.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shoal.api import gpu_sharing
from shoal.api.gpu_sharing import INDEX_ANNOTATION, GpuRequest, GpuRequestError, gpu_request
from shoal.api.node import Node
from shoal.scheduler.effects import PatchPod, ref
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cluster_event import (
    ASSIGNED_POD_DELETE,
    NODE,
    UNSCHEDULED_POD,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
    is_own_change,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PreFilterResult, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status, unresolvable, unschedulable
from shoal.scheduler.plugins.gpu import arguments as gpu_arguments
from shoal.scheduler.plugins.gpu import fgd
from shoal.scheduler.plugins.gpu.device_choice import DeviceRule, Devices, fits, loosest, tightest
from shoal.scheduler.plugins.gpu.typical_pods import TypicalPods
from shoal.scheduler.state.gpu_shares import GpuShares, request_of
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_KEY = "GpuShare/devices"

_NO_GPU = 1
_OTHER_MODEL = 2
_NO_ROOM = 3
_WRONG_ANNOTATION = 4
_REJECTIONS = {
    _NO_GPU: unresolvable("node(s) had no GPUs"),
    _OTHER_MODEL: unresolvable("node(s) had GPUs of other models"),
    _NO_ROOM: unschedulable("node(s) had too little left of their GPUs"),
}


@dataclass(frozen=True, slots=True)
class _Given:
    """What Reserve gave the pod."""

    devices: Devices

    def clone(self) -> "_Given":
        return self


class GpuShare:
    name = "GpuShare"
    filter_reads = Reads.PODS

    def __init__(self, arguments: Any, handle: Handle) -> None:
        settings = gpu_arguments.read(gpu_arguments.GpuShareArgs, self.name, arguments)
        self._snapshot = handle.snapshot
        self._choice = settings.gpu_sel_method
        self._typical = TypicalPods(settings.typical_pods, handle.snapshot)

    @property
    def _shares(self) -> GpuShares:
        return self._snapshot.gpu_shares

    def sign(self, pod: PodInfo) -> Hashable:
        try:
            return gpu_request(pod.object.metadata.annotations) or ()
        except GpuRequestError as error:
            return str(error)

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        try:
            request = gpu_request(pod.object.metadata.annotations)
        except GpuRequestError as error:
            return None, unresolvable(str(error))
        return None, SKIP if request is None else SUCCESS

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        try:
            request = gpu_request(pod.object.metadata.annotations)
        except GpuRequestError:
            # Only where the profile leaves PreFilter out.
            return np.full(nodes.size, _WRONG_ANNOTATION, np.int64)
        if request is None:
            return None
        shares, rows = self._shares, nodes.rows
        codes = np.where(fits(request, shares.left[:, rows]), 0, _NO_ROOM)
        if request.models:
            numbers = [shares.model_number(model) for model in request.models]
            codes[~np.isin(shares.models[rows], numbers)] = _OTHER_MODEL
        codes[shares.counts[rows] == 0] = _NO_GPU
        return codes

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        if reason_code == _WRONG_ANNOTATION:
            return self.pre_filter(state, pod, self._snapshot)[1]
        return _REJECTIONS[reason_code]

    def reserve(self, state: CycleState, pod: PodInfo, node_name: str) -> Status:
        request, row = request_of(pod), self._snapshot.row(node_name)
        if request is None or row is None:
            return SUCCESS
        devices = self._chosen(request, pod, row)
        if not devices:
            return statuses.error(f"node {node_name} has too little left of its GPUs")
        self._shares.give(row, pod.uid, devices)
        state.write(_KEY, _Given(devices))
        return SUCCESS

    def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        row = self._snapshot.row(node_name)
        if row is not None:
            self._shares.take_back(row, pod.uid)

    def pre_bind(
        self, state: CycleState, pod: PodInfo, node_name: str
    ) -> tuple[tuple[PatchPod, ...], Status]:
        if request_of(pod) is None:
            return (), SKIP
        devices = gpu_sharing.written_devices(state.read(_KEY, _Given).devices)
        return (PatchPod(ref(pod.object), ((INDEX_ANNOTATION, devices),)),), SUCCESS

    def events_to_register(self) -> Sequence[Registration]:
        changes = ActionType.ADD | ActionType.UPDATE_NODE_ALLOCATABLE | ActionType.UPDATE_NODE_LABEL
        own_change = ClusterEvent(UNSCHEDULED_POD, ActionType.UPDATE_OTHER)
        return (
            Registration(ASSIGNED_POD_DELETE, _gives_back),
            Registration(ClusterEvent(NODE, changes), _node_helps),
            Registration(own_change, is_own_change),
        )

    def _chosen(self, request: GpuRequest, pod: PodInfo, row: int) -> Devices:
        left = self._shares.left[:, row].tolist()
        if self._choice is DeviceRule.WORST:
            return loosest(request, left)
        if self._choice is DeviceRule.BEST or not request.is_shared:
            return tightest(request, left)
        free = fgd.free_nodes(self._snapshot.select(slice(row, row + 1)))
        cpu_millis = pod.request.amount("cpu")
        # The pod is counted on the node already; its score was made without it.
        free = free._replace(cpu_millis=free.cpu_millis + cpu_millis)
        typical = self._typical.refresh()
        return fgd.chosen_device(free, cpu_millis, request, typical, self._shares)


def _gives_back(pod: PodInfo, before: PodInfo, after: None) -> QueueingHint:
    return QueueingHint.SKIP if request_of(before) is None else QueueingHint.QUEUE


def _node_helps(pod: PodInfo, before: Node | None, after: Node) -> QueueingHint:
    """The node has devices for the pod, other ones than before."""
    request = request_of(pod)
    if request is None:
        return QueueingHint.QUEUE
    count, model = gpu_sharing.gpu_count(after), gpu_sharing.gpu_model(after)
    suits = count > 0 and (not request.models or model in request.models)
    is_news = before is None or (count, model) != (
        gpu_sharing.gpu_count(before),
        gpu_sharing.gpu_model(before),
    )
    return QueueingHint.QUEUE if suits and is_news else QueueingHint.SKIP

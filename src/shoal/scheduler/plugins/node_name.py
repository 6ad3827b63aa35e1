"""NodeName: a pod that names its node goes nowhere else."""

from collections.abc import Hashable, Sequence

import numpy as np

from shoal.scheduler.framework.cluster_event import NODE_ADD, Registration
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PluginArguments, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import Status, unresolvable
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo

_REJECTION = unresolvable("node(s) didn't match the requested node name")


class NodeName:
    name = "NodeName"
    filter_reads = Reads.NODE

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        pass

    def sign(self, pod: PodInfo) -> Hashable:
        return pod.spec.node_name

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        if not pod.spec.node_name:
            return None
        row = nodes.snapshot.row(pod.spec.node_name)
        return (nodes.numbers != (-1 if row is None else row)).astype(np.int64)

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _REJECTION

    def events_to_register(self) -> Sequence[Registration]:
        return (Registration(NODE_ADD),)

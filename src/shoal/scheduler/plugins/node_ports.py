"""NodePorts: the host ports that the pod wants must be free on the node.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/plugins/nodeports.
"""

from collections.abc import Hashable, Sequence

from shoal.scheduler.framework.cluster_event import (
    ASSIGNED_POD_DELETE,
    NODE_ADD,
    QueueingHint,
    Registration,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PluginArguments, PreFilterResult, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status, unschedulable
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_REJECTION = unschedulable("node(s) didn't have free ports for the requested pod ports")


class NodePorts:
    name = "NodePorts"
    filter_reads = Reads.PODS

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        pass

    def sign(self, pod: PodInfo) -> Hashable:
        return pod.host_ports

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        return None, SUCCESS if pod.host_ports else SKIP

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        return nodes.snapshot.host_ports.conflicts(pod.host_ports, nodes)

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _REJECTION

    def events_to_register(self) -> Sequence[Registration]:
        return (Registration(ASSIGNED_POD_DELETE, _frees_a_port), Registration(NODE_ADD))


def _frees_a_port(pod: PodInfo, before: PodInfo, after: None) -> QueueingHint:
    helps = any(
        wanted.conflicts_with(freed) for wanted in pod.host_ports for freed in before.host_ports
    )
    return QueueingHint.QUEUE if helps else QueueingHint.SKIP

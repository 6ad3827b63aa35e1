"""SchedulingGates: a pod with gates stays out of the queue until somebody has taken all away.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/plugins/schedulinggates.
"""

from collections.abc import Sequence

from shoal.scheduler.framework.cluster_event import (
    UNSCHEDULED_POD,
    ActionType,
    ClusterEvent,
    Registration,
    is_own_change,
)
from shoal.scheduler.framework.plugin import PluginArguments
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Status, unresolvable
from shoal.scheduler.state.pod_info import PodInfo


class SchedulingGates:
    name = "SchedulingGates"

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        pass

    def pre_enqueue(self, pod: PodInfo) -> Status:
        gates = pod.spec.scheduling_gates
        if not gates:
            return SUCCESS
        names = " ".join(gate.name for gate in gates)
        return unresolvable(f"waiting for scheduling gates: [{names}]")

    def events_to_register(self) -> Sequence[Registration]:
        action = ActionType.UPDATE_POD_SCHEDULING_GATES_ELIMINATED
        return (Registration(ClusterEvent(UNSCHEDULED_POD, action), is_own_change),)

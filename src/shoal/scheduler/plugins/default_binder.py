"""DefaultBinder: bind through the API server's binding subresource."""

from shoal.scheduler import effects
from shoal.scheduler.effects import BeforeBinding, Bind
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PluginArguments
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.scheduler.state.pod_info import PodInfo


class DefaultBinder:
    name = "DefaultBinder"

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        pass

    def bind(
        self, state: CycleState, pod: PodInfo, node_name: str, before: tuple[BeforeBinding, ...]
    ) -> tuple[Bind, Status]:
        return Bind(effects.ref(pod.object), node_name, self.name, before), SUCCESS

"""From a chosen node to a binding: Reserve, Permit, PreBind, Bind and PostBind.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/runtime/framework.go.
"""

import msgspec

from shoal.base.guard import Failed, attempt
from shoal.scheduler.effects import BeforeBinding, Bind
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.state.pod_info import PodInfo

MAX_PERMIT_TIMEOUT_S = 15 * 60.0


def run_reserves(
    points: ExtensionPoints, state: CycleState, pod: PodInfo, node_name: str
) -> Status:
    """Stops at the first plugin that refuses; the caller then runs `run_unreserves`."""
    for plugin in points.reserve:
        answer = attempt(plugin.reserve, state, pod, node_name)
        status = statuses.error(answer.text) if isinstance(answer, Failed) else answer
        if status.is_success:
            continue
        if status.is_rejected:
            return status.by(plugin.name)
        text = f'running Reserve plugin "{plugin.name}": {status.message}'
        return statuses.error(text, plugin.name)
    return SUCCESS


def run_unreserves(
    points: ExtensionPoints, state: CycleState, pod: PodInfo, node_name: str
) -> None:
    """All of them, last first, even those whose Reserve did not run."""
    for plugin in reversed(points.reserve):
        attempt(plugin.unreserve, state, pod, node_name)


class Permission(msgspec.Struct, frozen=True):
    """Success: bind now. Wait: hold the pod until every plugin of `timeouts_s` allows it."""

    status: Status
    timeouts_s: dict[str, float] = {}


def run_permits(
    points: ExtensionPoints, state: CycleState, pod: PodInfo, node_name: str
) -> Permission:
    timeouts_s: dict[str, float] = {}
    for plugin in points.permit:
        answer = attempt(plugin.permit, state, pod, node_name)
        if isinstance(answer, Failed):
            status, timeout_s = statuses.error(answer.text), 0.0
        else:
            status, timeout_s = answer
        if status.code is Code.WAIT:
            timeouts_s[plugin.name] = min(timeout_s, MAX_PERMIT_TIMEOUT_S)
        elif status.is_rejected:
            return Permission(status.by(plugin.name))
        elif not status.is_success:
            text = f'running Permit plugin "{plugin.name}": {status.message}'
            return Permission(statuses.error(text, plugin.name))
    return Permission(Status(Code.WAIT) if timeouts_s else SUCCESS, timeouts_s)


def run_binds(
    points: ExtensionPoints, state: CycleState, pod: PodInfo, node_name: str
) -> Bind | Status:
    """The effect that binds the pod, with what PreBind plugins want done first."""
    before: list[BeforeBinding] = []
    for plugin in points.pre_bind:
        answer = attempt(plugin.pre_bind, state, pod, node_name)
        if isinstance(answer, Failed):
            patches, status = (), statuses.error(answer.text)
        else:
            patches, status = answer
        if status.is_rejected:
            return status.by(plugin.name)
        if status.code not in (Code.SUCCESS, Code.SKIP):
            text = f'running PreBind plugin "{plugin.name}": {status.message}'
            return statuses.error(text, plugin.name)
        before.extend(patches)
    for plugin in points.bind:
        answer = attempt(plugin.bind, state, pod, node_name, tuple(before))
        if isinstance(answer, Failed):
            return statuses.error(f'running Bind plugin "{plugin.name}": {answer.text}')
        effect, status = answer
        if status.code is Code.SKIP:
            continue
        if effect is None or not status.is_success:
            text = f'running Bind plugin "{plugin.name}": {status.message}'
            return statuses.error(text, plugin.name)
        return effect
    return statuses.error("no bind plugin took the pod")


def run_post_binds(
    points: ExtensionPoints, state: CycleState, pod: PodInfo, node_name: str
) -> None:
    for plugin in points.post_bind:
        attempt(plugin.post_bind, state, pod, node_name)

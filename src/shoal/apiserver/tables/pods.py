"""Pods. The STATUS column is not a field: it tells what of the pod's containers matters most.

init container not done   Init:1/2, Init:Error, Init:CrashLoopBackOff
container waiting         ContainerCreating, CrashLoopBackOff, ErrImagePull
container ended           Completed, Error, OOMKilled, ExitCode:3, Signal:9
deletion under way        Terminating, Unknown where the node is lost
otherwise                 status.reason, or the phase
"""

from datetime import datetime

from shoal.api.resource import JsonObject
from shoal.apiserver.conditions import is_true
from shoal.apiserver.tables.age import age_of, human_duration, parse_time
from shoal.apiserver.tables.columns import (
    AGE,
    NAME,
    NONE,
    KindTable,
    items,
    name_of,
    section,
    text,
    wide,
)

_NODE_LOST = "NodeLost"


class _Restarts:
    """How often containers were started again, and when the last of them had ended."""

    def __init__(self) -> None:
        self.count = 0
        self._last = ""

    def add(self, status: JsonObject) -> None:
        self.count += status.get("restartCount", 0)
        # Timestamps of one format sort as text.
        ended = section(status, "lastState", "terminated").get("finishedAt") or ""
        self._last = max(self._last, ended)

    def cell(self, now: datetime) -> str:
        last = parse_time(self._last)
        if not self.count or last is None:
            return str(self.count)
        return f"{self.count} ({human_duration(now - last)} ago)"


def _cells(pod: JsonObject, now: datetime) -> list[object]:
    spec, status = section(pod, "spec"), section(pod, "status")
    sidecars = {
        container["name"]
        for container in items(spec, "initContainers")
        if container.get("restartPolicy") == "Always"
    }
    reason, ready, init_restarts, sidecar_restarts = _init_state(spec, status, sidecars)
    restarts = init_restarts
    if reason is None or is_true(status, "Initialized"):
        restarts = sidecar_restarts
        shown = _gated(status) or status.get("reason") or status.get("phase", "")
        reason, ready_now = _container_state(status, reason or shown, restarts)
        ready += ready_now
    return [
        name_of(pod),
        f"{ready}/{len(items(spec, 'containers')) + len(sidecars)}",
        _deletion_reason(pod, status) or reason,
        restarts.cell(now),
        age_of(pod, now),
        _pod_ip(status),
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _readiness_gates(spec, status),
    ]


def _init_state(
    spec: JsonObject, status: JsonObject, sidecars: set[str]
) -> tuple[str | None, int, _Restarts, _Restarts]:
    """Up to the first init container that is not done: its reason, None if all are done; ready
    sidecars; restarts of all of them and of sidecars alone."""
    ready, restarts, sidecar_restarts = 0, _Restarts(), _Restarts()
    for index, container in enumerate(items(status, "initContainerStatuses")):
        restarts.add(container)
        is_sidecar = container.get("name") in sidecars
        if is_sidecar:
            sidecar_restarts.add(container)
        state = section(container, "state")
        terminated = state.get("terminated")
        if terminated is not None and terminated.get("exitCode", 0) == 0:
            continue
        if is_sidecar and container.get("started"):
            ready += 1 if container.get("ready") else 0
            continue
        waiting_reason = section(state, "waiting").get("reason", "")
        if terminated is not None:
            reason = f"Init:{_end_reason(terminated)}"
        elif waiting_reason and waiting_reason != "PodInitializing":
            reason = f"Init:{waiting_reason}"
        else:
            reason = f"Init:{index}/{len(items(spec, 'initContainers'))}"
        return reason, ready, restarts, sidecar_restarts
    return None, ready, restarts, sidecar_restarts


def _container_state(status: JsonObject, reason: str, restarts: _Restarts) -> tuple[str, int]:
    """The reason that the containers give, the first container's before the others'; how many
    are ready."""
    ready = 0
    for container in reversed(items(status, "containerStatuses")):
        restarts.add(container)
        state = section(container, "state")
        waiting_reason = section(state, "waiting").get("reason")
        terminated = state.get("terminated")
        if waiting_reason:
            reason = waiting_reason
        elif terminated is not None:
            reason = _end_reason(terminated)
        elif container.get("ready") and state.get("running") is not None:
            ready += 1
    if reason == "Completed" and ready:
        reason = "Running" if is_true(status, "Ready") else "NotReady"
    return reason, ready


def _end_reason(terminated: JsonObject) -> str:
    if terminated.get("reason"):
        return terminated["reason"]
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _gated(status: JsonObject) -> str:
    gated = "SchedulingGated"
    is_gated = any(
        condition.get("type") == "PodScheduled" and condition.get("reason") == gated
        for condition in items(status, "conditions")
    )
    return gated if is_gated else ""


def _deletion_reason(pod: JsonObject, status: JsonObject) -> str:
    if not pod["metadata"].get("deletionTimestamp"):
        return ""
    if status.get("reason") == _NODE_LOST:
        return "Unknown"
    return "" if status.get("phase") in ("Succeeded", "Failed") else "Terminating"


def _pod_ip(status: JsonObject) -> str:
    addresses = items(status, "podIPs")
    return (addresses[0].get("ip") if addresses else status.get("podIP")) or NONE


def _readiness_gates(spec: JsonObject, status: JsonObject) -> str:
    gates = items(spec, "readinessGates")
    if not gates:
        return NONE
    open_gates = sum(is_true(status, gate.get("conditionType", "")) for gate in gates)
    return f"{open_gates}/{len(gates)}"


PODS = KindTable(
    (
        NAME,
        text("Ready", "Containers that are ready, of all containers."),
        text("Status", "What the pod's containers are doing."),
        text("Restarts", "How often containers were started again, and when last."),
        AGE,
        wide("IP", "Address of the pod."),
        wide("Node", "Node the pod is bound to."),
        wide("Nominated Node", "Node where room is being made for the pod."),
        wide("Readiness Gates", "Conditions beyond its containers that must hold for the pod."),
    ),
    _cells,
)

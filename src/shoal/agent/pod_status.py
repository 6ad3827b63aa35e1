"""A pod's status as the kubelet writes it, derived from the life cycle's state.

Phase rules, reasons and texts are those of Kubernetes v1.36, pkg/kubelet (kubelet_pods.go,
status/generate.go). The result is the patch's body; conditions of others are left to the
strategic merge, which keeps what is not mentioned.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shoal.agent.lifecycle.container import (
    CONTAINER_ID_SCHEME,
    ContainerRecord,
    Termination,
)
from shoal.agent.lifecycle.core import EVICTED
from shoal.agent.lifecycle.plan import RestartPolicy, Role
from shoal.agent.lifecycle.pod import PodStage, PodState
from shoal.api.meta import find_condition, held_since, timestamp
from shoal.api.pod import Pod, PodStatus
from shoal.api.quality_of_service import qos_class
from shoal.api.resource import JsonObject

_DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    host_ip: str
    pod_ip: str
    """Empty for a pod that was over before it got one."""


def compose(
    pod: Pod, state: PodState, addresses: Addresses, written: PodStatus, now: datetime
) -> JsonObject:
    """The status of `pod`; `written` is the one before, for the times of its conditions."""
    phase = pod_phase(state)
    status: JsonObject = {
        "phase": phase,
        "conditions": _conditions(pod, state, phase, written, now),
        "hostIP": addresses.host_ip,
        "hostIPs": [{"ip": addresses.host_ip}],
        "startTime": timestamp(state.first_seen_at),
        "qosClass": _qos_class(pod),
        "containerStatuses": _container_statuses(pod, state, Role.MAIN),
    }
    if addresses.pod_ip:
        status |= {"podIP": addresses.pod_ip, "podIPs": [{"ip": addresses.pod_ip}]}
    if pod.spec.init_containers:
        status["initContainerStatuses"] = _container_statuses(pod, state, Role.INIT, Role.SIDECAR)
    if state.ending is not None and state.ending.is_failure and phase == "Failed":
        status["reason"] = EVICTED if state.ending.eviction else "DeadlineExceeded"
        status["message"] = state.ending.eviction or _DEADLINE_MESSAGE
    return status


def pod_phase(state: PodState) -> str:
    """A final phase is only told when nothing runs any more."""
    ending = state.ending
    is_over = state.stage in {PodStage.STOPPED, PodStage.REMOVED}
    if ending is not None and ending.known_phase:
        return ending.known_phase
    if ending is not None and ending.is_failure and is_over:
        return "Failed"
    inits = list(state.of_role(Role.INIT))
    if state.plan.restart_policy is RestartPolicy.NEVER and any(r.has_failed for r in inits):
        return "Failed" if is_over else "Pending"
    is_initialized = state.has_main_started or all(_is_initialized(r) for r in _inits(state))
    mains = list(state.of_role(Role.MAIN))
    if not is_initialized or any(r.attempt < 0 for r in mains):
        # Also one deleted before it ran: who counts pods waits for a final phase.
        return "Failed" if is_over else "Pending"
    if not is_over:
        return "Running"
    return "Succeeded" if all(r.has_succeeded for r in mains) else "Failed"


def _inits(state: PodState) -> Iterable[ContainerRecord]:
    return state.of_role(Role.INIT, Role.SIDECAR)


def _is_initialized(record: ContainerRecord) -> bool:
    return record.is_started if record.plan.role is Role.SIDECAR else record.has_succeeded


def _qos_class(pod: Pod) -> str:
    containers = [*pod.spec.init_containers, *pod.spec.containers]
    return qos_class((each.resources.requests, each.resources.limits) for each in containers)


def _conditions(
    pod: Pod, state: PodState, phase: str, written: PodStatus, now: datetime
) -> list[JsonObject]:
    ready = _containers_ready(state, phase)
    wanted: list[tuple[str, bool, str, str]] = [
        ("PodReadyToStartContainers", state.is_prepared or _has_live(state), "", ""),
        ("Initialized", *_initialized(state, phase)),
        ("Ready", *ready),
        ("ContainersReady", *ready),
    ]
    if find_condition(pod.status.conditions, "PodScheduled") is None:
        wanted.append(("PodScheduled", True, "", ""))
    conditions: list[JsonObject] = []
    for name, is_true, reason, message in wanted:
        value = "True" if is_true else "False"
        before = find_condition(written.conditions, name)
        condition: JsonObject = {
            "type": name,
            "status": value,
            "lastTransitionTime": timestamp(held_since(before, value, now)),
        }
        # Conditions are merged by type: a text that is over must be taken away.
        if reason or (before is not None and before.reason):
            condition["reason"] = reason or None
        if message or (before is not None and before.message):
            condition["message"] = message or None
        conditions.append(condition)
    return conditions


def _has_live(state: PodState) -> bool:
    return any(record.is_live for record in state.containers)


def _containers_ready(state: PodState, phase: str) -> tuple[bool, str, str]:
    if phase == "Succeeded":
        return False, "PodCompleted", ""
    if phase == "Failed":
        return False, "PodFailed", ""
    unready = [
        record.name for record in state.of_role(Role.SIDECAR, Role.MAIN) if not record.shows_ready
    ]
    if unready:
        message = f"containers with unready status: [{' '.join(unready)}]"
        return False, "ContainersNotReady", message
    return True, "", ""


def _initialized(state: PodState, phase: str) -> tuple[bool, str, str]:
    if phase == "Succeeded":
        return True, "PodCompleted", ""
    incomplete = [record.name for record in _inits(state) if not _is_initialized(record)]
    if state.has_main_started or not incomplete:
        return True, "", ""
    message = f"containers with incomplete status: [{' '.join(incomplete)}]"
    return False, "ContainersNotInitialized", message


def _container_statuses(pod: Pod, state: PodState, *roles: Role) -> Sequence[JsonObject]:
    images = {c.name: c.image for c in (*pod.spec.init_containers, *pod.spec.containers)}
    return [
        _container_status(state, record, images.get(record.name, ""))
        for record in state.of_role(*roles)
    ]


def _container_status(state: PodState, record: ContainerRecord, image: str) -> JsonObject:
    shown, last = _states(state, record)
    status: JsonObject = {
        "name": record.name,
        "state": shown,
        "lastState": last,
        "ready": record.shows_ready,
        "restartCount": record.restart_count,
        "image": image,
        "imageID": image if record.attempt >= 0 else "",
        "started": record.is_live and record.is_started,
    }
    if record.attempt >= 0:
        status["containerID"] = CONTAINER_ID_SCHEME + state.key(record).container_id
    return status


def _states(state: PodState, record: ContainerRecord) -> tuple[JsonObject, JsonObject]:
    """`state` and `lastState`."""
    if record.is_live:
        running: JsonObject = {}
        if record.started_at is not None:
            running["startedAt"] = timestamp(record.started_at)
        return {"running": running}, _terminated(record.termination)
    if record.waiting_reason:
        waiting = {"reason": record.waiting_reason, "message": record.waiting_message}
        return {"waiting": waiting}, _terminated(record.termination)
    if record.termination is not None:
        return _terminated(record.termination), _terminated(record.previous_termination)
    if state.setup_reason:
        return {"waiting": {"reason": state.setup_reason, "message": state.setup_message}}, {}
    has_inits = any(True for _ in _inits(state))
    return {"waiting": {"reason": "PodInitializing" if has_inits else "ContainerCreating"}}, {}


def _terminated(ended: Termination | None) -> JsonObject:
    if ended is None:
        return {}
    body: JsonObject = {
        "exitCode": ended.exit_code,
        "reason": ended.reason,
        # Of one that never ran, too: kubectl takes a missing time for the year 1.
        "startedAt": timestamp(ended.started_at or ended.finished_at),
        "finishedAt": timestamp(ended.finished_at),
        "containerID": CONTAINER_ID_SCHEME + ended.container_id,
    }
    if ended.message:
        body["message"] = ended.message
    if ended.signal:
        body["signal"] = ended.signal
    return {"terminated": body}

"""What is written to a task's status, by the controller and by the sidecar.

Every body holds `executorPodName` and `failedTime`, which Ploto's own CRD requires, and is a
merge patch. With a `resourceVersion` in its metadata it is refused when the task has changed
since: that is what keeps two writers from both having their way.
"""

from datetime import datetime

from shoal.api.meta import timestamp
from shoal.api.ploto import (
    ASSIGNED,
    FINISHED,
    OUTPUT_LIMIT_BYTES,
    TaskPhase,
)
from shoal.api.resource import JsonObject

MESSAGE_LIMIT_BYTES = 1024


def waiting(
    *, reason: str, message: str, failed_time: int, resource_version: str, now: datetime
) -> JsonObject:
    """Pending, and why."""
    status: JsonObject = {
        "phase": TaskPhase.PENDING.value,
        "executorPodName": "",
        "executorPodUid": "",
        "failedTime": failed_time,
        "startedAt": None,
        "conditions": [_condition(ASSIGNED, "False", reason, message, now)],
    }
    return _patch(status, resource_version)


def running(
    *, pod_name: str, pod_uid: str, failed_time: int, resource_version: str, now: datetime
) -> JsonObject:
    """Given to an executor."""
    status: JsonObject = {
        "phase": TaskPhase.RUNNING.value,
        "executorPodName": pod_name,
        "executorPodUid": pod_uid,
        "failedTime": failed_time,
        "startedAt": timestamp(now),
        "conditions": [_assigned(pod_name, now)],
    }
    return _patch(status, resource_version)


def finished(
    *,
    phase: TaskPhase,
    message: str,
    output: str,
    pod_name: str,
    failed_time: int,
    started_at: datetime | None,
    resource_version: str,
    now: datetime,
) -> JsonObject:
    """Completed or Failed."""
    message = cut(message, MESSAGE_LIMIT_BYTES)
    status: JsonObject = {
        "phase": phase.value,
        "executorPodName": pod_name,
        "failedTime": failed_time,
        "finishedAt": timestamp(now),
        "message": message,
        "output": cut(output, OUTPUT_LIMIT_BYTES),
        "conditions": [
            _assigned(pod_name, started_at or now),
            _condition(FINISHED, "True", phase.value, message, now),
        ],
    }
    return _patch(status, resource_version)


def cut(text: str, limit_bytes: int) -> str:
    """The start of `text`, whole characters, at most `limit_bytes` as UTF-8."""
    return text.encode()[:limit_bytes].decode(errors="ignore")


def _patch(status: JsonObject, resource_version: str) -> JsonObject:
    return {"metadata": {"resourceVersion": resource_version}, "status": status}


def _assigned(pod_name: str, now: datetime) -> JsonObject:
    return _condition(ASSIGNED, "True", "ExecutorFound", f"given to executor {pod_name}", now)


def _condition(type: str, status: str, reason: str, message: str, now: datetime) -> JsonObject:
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": timestamp(now),
    }

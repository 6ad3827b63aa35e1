"""The newest attempts of a Worker, read off its pods: whose log tells what happened.

An attempt is one start of the first container of a pod. A pod shows its latest two; those before
are known from the status.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from shoal.api.pod import ContainerStateTerminated, ContainerStatus, Pod
from shoal.api.worker import RUN_LABEL, FailureCategory, LastError, WorkerAttempt
from shoal.controllers.worker.failures import (
    POD_DELETED,
    PodFailure,
    as_last_error,
    disruption,
    failure_of,
    last_restart,
    trouble,
)

KEPT_ATTEMPTS = 10
RUNNING = "Running"
SUCCEEDED = "Succeeded"
_EPOCH = datetime.fromtimestamp(0, UTC)


def attempts(
    before: Sequence[WorkerAttempt], pods: Sequence[Pod], now: datetime
) -> list[WorkerAttempt]:
    """The newest, oldest first."""
    found = {(each.pod, each.restart): each for each in before}
    for pod in pods:
        for attempt in attempts_in(pod):
            found[attempt.pod, attempt.restart] = attempt
    present = {pod.metadata.name for pod in pods}
    for key, each in found.items():
        if each.outcome == RUNNING and each.pod not in present:
            found[key] = msgspec.structs.replace(
                each,
                outcome=POD_DELETED,
                category=FailureCategory.INFRASTRUCTURE,
                finished_at=now.replace(microsecond=0),
            )
    # A total order: those that would take turns at the end of it would be told without end.
    order = sorted(
        found.values(), key=lambda each: (each.started_at or _EPOCH, each.pod, each.restart)
    )
    return order[-KEPT_ATTEMPTS:]


def attempts_in(pod: Pod) -> list[WorkerAttempt]:
    """What the pod tells of its starts."""
    names = [container.name for container in pod.spec.containers]
    status = next((s for s in pod.status.container_statuses if names and s.name == names[0]), None)
    found: list[WorkerAttempt] = []
    if status is not None:
        last = status.last_state.terminated
        if last is not None:
            # While it waits to be started again, nothing has come after its last end.
            is_waiting = status.state.terminated is None and status.state.running is None
            restart = status.restart_count if is_waiting else status.restart_count - 1
            found.append(_ended(pod, max(restart, 0), last))
        found += _present(pod, status)
    failure = failure_of(pod)
    if failure is not None and not any(each.restart == _count(status) for each in found):
        found.append(_never_ran(pod, failure))
    return found


def _count(status: ContainerStatus | None) -> int:
    return status.restart_count if status is not None else 0


def _present(pod: Pod, status: ContainerStatus) -> list[WorkerAttempt]:
    if status.state.terminated is not None:
        return [_ended(pod, status.restart_count, status.state.terminated)]
    if status.state.running is not None:
        started_at = status.state.running.started_at
        return [_attempt(pod, status.restart_count, started_at, outcome=RUNNING)]
    return []


def _ended(pod: Pod, restart: int, ended: ContainerStateTerminated) -> WorkerAttempt:
    outcome, category = SUCCEEDED, ""
    if ended.exit_code != 0:
        # Whatever ended the pod ended its last attempt, too.
        is_last = pod.is_finished and restart == _count(
            next(iter(pod.status.container_statuses), None)
        )
        taken = disruption(pod) if is_last else None
        outcome = taken.reason if taken is not None else ended.reason or "Error"
        category = (
            FailureCategory.INFRASTRUCTURE
            if taken is not None or ended.reason == "ContainerStatusUnknown"
            else FailureCategory.APPLICATION
        )
    return msgspec.structs.replace(
        _attempt(pod, restart, ended.started_at, outcome=outcome),
        finished_at=ended.finished_at,
        exit_code=ended.exit_code,
        category=category,
    )


def _never_ran(pod: Pod, failure: PodFailure) -> WorkerAttempt:
    started_at = pod.status.start_time or pod.metadata.creation_timestamp
    return msgspec.structs.replace(
        _attempt(pod, 0, started_at, outcome=failure.reason),
        finished_at=failure.at,
        exit_code=failure.exit_code,
        category=failure.category,
    )


def _attempt(pod: Pod, restart: int, started_at: datetime | None, *, outcome: str) -> WorkerAttempt:
    run = pod.metadata.labels.get(RUN_LABEL, "")
    return WorkerAttempt(
        run=int(run) if run.isdigit() else 1,
        pod=pod.metadata.name,
        restart=restart,
        node=pod.spec.node_name,
        started_at=started_at,
        outcome=outcome,
    )


def newest_error(before: LastError | None, pods: Sequence[Pod], now: datetime) -> LastError | None:
    """The latest failure or trouble among the pods; the one before where there is none."""
    found = [
        as_last_error(failure, pod, now)
        for pod in pods
        for failure in (failure_of(pod) or trouble(pod) or last_restart(pod),)
        if failure is not None
    ]
    newest = max(found, key=lambda each: (each.at or _EPOCH, each.pod), default=None)
    if newest is None or (before is not None and _is_same(before, newest)):
        return before
    if before is not None and before.at is not None and newest.at is not None:
        return newest if newest.at >= before.at else before
    return newest


def _is_same(one: LastError, other: LastError) -> bool:
    """But for the time, which is that of the look where nobody says better."""
    place = (one.pod, one.container, one.reason, one.exit_code)
    is_dated_anew = place == (other.pod, other.container, other.reason, other.exit_code)
    return is_dated_anew and (other.exit_code is None or one.at == other.at)

"""What became of a pod, and whose fault it was.

A program that ends badly is one thing, a pod that is taken from it another: they have budgets of
their own. Sources of the reasons: Kubernetes v1.36, pkg/kubelet (eviction, preemption, shutdown),
pkg/controller/podgc and tainteviction (condition DisruptionTarget).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from shoal.api.meta import find_condition
from shoal.api.pod import ContainerStateTerminated, ContainerStatus, Pod
from shoal.api.worker import FailureCategory, LastError

DISRUPTION_TARGET = "DisruptionTarget"
NODE_LOST = "NodeLost"
POD_DELETED = "PodDeleted"
_TAKEN = frozenset(
    (
        "Evicted",
        "NodeAffinity",
        NODE_LOST,
        "NodeShutdown",
        "Preempted",
        "Preempting",
        "Shutdown",
        "Terminated",
        "UnexpectedAdmissionError",
    )
)
"""Reasons of a pod's status; those of admission, such as OutOfcpu, begin alike."""
_TAKEN_PREFIX = "OutOf"
_UNKNOWN_END = "ContainerStatusUnknown"
"""A container whose end nobody saw: its node was restarted."""
_SIGNALLED = (128 + 9, 128 + 15)
_DEADLINE = "DeadlineExceeded"
_LOST_NODE = frozenset(("DeletionByPodGC", "DeletionByTaintManager"))
_PATIENT = frozenset(("", "ContainerCreating", "PodInitializing", "CrashLoopBackOff"))
"""A container that waits for one of these is not in trouble by that alone."""


class PodFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a pod failed."""

    category: FailureCategory
    reason: str
    message: str = ""
    exit_code: int | None = None
    container: str = ""
    at: datetime | None = None


def statuses(pod: Pod) -> Sequence[ContainerStatus]:
    """Of all containers, in the order in which they start."""
    return [*pod.status.init_container_statuses, *pod.status.container_statuses]


def restarts(pod: Pod) -> int:
    return sum(status.restart_count for status in statuses(pod))


def has_started(pod: Pod) -> bool:
    """Whether any of its containers was ever at work."""
    return any(
        status.restart_count
        or status.last_state.terminated is not None
        or status.state.running is not None
        or status.state.terminated is not None
        for status in statuses(pod)
    )


def disruption(pod: Pod) -> PodFailure | None:
    """Whether the pod is, or was, taken from its program."""
    condition = find_condition(pod.status.conditions, DISRUPTION_TARGET)
    reason, message, at = pod.status.reason, pod.status.message, None
    if condition is not None and condition.status == "True":
        at = condition.last_transition_time
        if reason not in _TAKEN:
            reason = NODE_LOST if condition.reason in _LOST_NODE else condition.reason
        message = message or condition.message
    elif not (reason in _TAKEN or reason.startswith(_TAKEN_PREFIX)):
        return None
    ended = next(_bad_ends(pod), None)
    return PodFailure(
        category=FailureCategory.INFRASTRUCTURE,
        reason=reason,
        message=message,
        exit_code=ended[1].exit_code if ended is not None else None,
        container=ended[0] if ended is not None else "",
        at=at,
    )


def failure_of(pod: Pod) -> PodFailure | None:
    """Why the pod's phase is Failed; None where it is not."""
    if pod.status.phase != "Failed":
        return None
    taken = disruption(pod)
    if taken is not None:
        return taken
    ended = next(_bad_ends(pod), None)
    failure = (
        _ended_badly(*ended)
        if ended is not None
        else PodFailure(
            category=FailureCategory.APPLICATION,
            reason=pod.status.reason or "Failed",
            message=pod.status.message,
        )
    )
    if _was_told_to_end(pod, failure) and pod.status.reason != _DEADLINE:
        # It was told to end: how it did says nothing about the program.
        failure = msgspec.structs.replace(
            failure, category=FailureCategory.INFRASTRUCTURE, reason=POD_DELETED
        )
    return failure


def _was_told_to_end(pod: Pod, failure: PodFailure) -> bool:
    """Whether the pod was deleted before its program had ended by itself."""
    gone_by = pod.metadata.deletion_timestamp
    if gone_by is None:
        return False
    asked_at = gone_by - timedelta(seconds=pod.metadata.deletion_grace_period_seconds or 0)
    if failure.at is None or failure.at > asked_at:
        return True
    # Times are whole seconds: within one, a signal tells.
    return failure.at == asked_at and failure.exit_code in _SIGNALLED


def last_restart(pod: Pod) -> PodFailure | None:
    """The failure after which a container was started again most lately."""
    failures = [
        _ended_badly(status.name, ended)
        for status in statuses(pod)
        if (ended := status.last_state.terminated) is not None and ended.exit_code != 0
    ]
    dated = [each for each in failures if each.at is not None]
    return max(dated, key=lambda each: each.at.timestamp() if each.at else 0.0, default=None) or (
        failures[-1] if failures else None
    )


def trouble(pod: Pod) -> PodFailure | None:
    """Why a container of the pod cannot be started: no image, no configuration."""
    for status in statuses(pod):
        waiting = status.state.waiting
        if waiting is not None and waiting.reason not in _PATIENT:
            return PodFailure(
                category=FailureCategory.APPLICATION,
                reason=waiting.reason,
                message=waiting.message,
                container=status.name,
            )
    return None


def _bad_ends(pod: Pod) -> Iterator[tuple[str, ContainerStateTerminated]]:
    for status in statuses(pod):
        for ended in (status.state.terminated, status.last_state.terminated):
            if ended is not None and ended.exit_code != 0:
                yield status.name, ended
                break


def _ended_badly(container: str, ended: ContainerStateTerminated) -> PodFailure:
    is_unseen = ended.reason == _UNKNOWN_END
    return PodFailure(
        category=FailureCategory.INFRASTRUCTURE if is_unseen else FailureCategory.APPLICATION,
        reason=ended.reason or "Error",
        message=ended.message,
        exit_code=ended.exit_code,
        container=container,
        at=ended.finished_at,
    )


def as_last_error(failure: PodFailure, pod: Pod, now: datetime) -> LastError:
    return LastError(
        category=failure.category,
        reason=failure.reason,
        exit_code=failure.exit_code,
        message=failure.message.strip(),
        pod=pod.metadata.name,
        container=failure.container,
        at=(failure.at or now).replace(microsecond=0),
    )


def failure_sentence(error: LastError) -> str:
    """`Error (exit code 3) in pod sync-1`."""
    text = error.reason
    if error.exit_code is not None:
        text += f" (exit code {error.exit_code})"
    if error.pod:
        text += f" in pod {error.pod}"
    return f"{text}: {error.message}" if error.message else text


def is_running(pod: Pod) -> bool:
    """Whether its program is at work: not between two starts of a container."""
    is_waiting = any(each.state.waiting is not None for each in pod.status.container_statuses)
    return pod.status.phase == "Running" and not pod.is_deleting and not is_waiting

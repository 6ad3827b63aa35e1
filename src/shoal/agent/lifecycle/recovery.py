"""The first state of a pod's life cycle: a fresh pod, or one that an earlier agent left.

What the runtime finds on the machine counts; the pod's written status fills in what is not there
any more. A container that was started and cannot be found is taken for killed, so that it is
never taken for one that was not started.
"""

from collections.abc import Sequence
from datetime import datetime

from shoal.agent.lifecycle.container import (
    CONTAINER_ID_SCHEME,
    ContainerPhase,
    ContainerRecord,
    Termination,
)
from shoal.agent.lifecycle.core import EVICTED, termination
from shoal.agent.lifecycle.crash_backoff import CrashBackoff
from shoal.agent.lifecycle.plan import ContainerPlan, plan_pod
from shoal.agent.lifecycle.pod import EndCause, Ending, PodStage, PodState
from shoal.agent.runtime.protocol import ContainerKey, FoundContainer, FoundPod
from shoal.api.pod import ContainerStateTerminated, ContainerStatus, Pod

_LOST = "The container could not be located when the pod was terminated"


def initial_state(pod: Pod, found: FoundPod | None, now: datetime) -> PodState:
    """`found` is None where the machine knows nothing of the pod."""
    plan = plan_pod(pod)
    statuses = {
        status.name: status
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    }
    attempts = found.containers if found is not None else ()
    ending = _written_ending(pod, now)
    return PodState(
        plan=plan,
        first_seen_at=pod.status.start_time or now.replace(microsecond=0),
        containers=tuple(
            _recover_container(
                container,
                sorted((a for a in attempts if a.key.container == container.name), key=_age),
                statuses.get(container.name),
                now,
            )
            for container in plan.containers
        ),
        stage=PodStage.ENDING if ending is not None else PodStage.NEW,
        ending=ending,
    )


def _age(found: FoundContainer) -> int:
    return found.key.attempt


def _written_ending(pod: Pod, now: datetime) -> Ending | None:
    """A final phase that was written once stays."""
    if not pod.is_finished:
        return None
    return Ending(
        cause=EndCause.COMPLETED,
        stop_by=now,
        past_deadline=pod.status.reason == "DeadlineExceeded",
        eviction=pod.status.message if pod.status.reason == EVICTED else "",
        known_phase=pod.status.phase,
    )


def _recover_container(
    plan: ContainerPlan,
    attempts: Sequence[FoundContainer],
    status: ContainerStatus | None,
    now: datetime,
) -> ContainerRecord:
    if not attempts:
        return _from_status(plan, status, now)
    latest = attempts[-1]
    earlier = [termination(a.exit) for a in attempts[:-1] if a.exit is not None]
    last = earlier[-1] if earlier else None
    if last is None and status is not None:
        last = _read_termination(status.last_state.terminated)
    backoff = CrashBackoff(restarts=latest.key.attempt, restarted_at=latest.started_at)
    if latest.exit is not None:
        return ContainerRecord(
            plan=plan,
            phase=ContainerPhase.EXITED,
            attempt=latest.key.attempt,
            termination=_written_termination(latest.key, status) or termination(latest.exit),
            previous_termination=last,
            backoff=backoff,
        )
    known = _is_of(status, latest)
    return ContainerRecord(
        plan=plan,
        phase=ContainerPhase.RUNNING,
        attempt=latest.key.attempt,
        started_at=latest.started_at,
        termination=last,
        backoff=backoff,
        is_started=(known and status is not None and bool(status.started))
        or not plan.has_startup_probe,
        is_ready=(known and status is not None and status.ready)
        or not (plan.has_startup_probe or plan.has_readiness_probe),
    )


def _written_termination(key: ContainerKey, status: ContainerStatus | None) -> Termination | None:
    """How an attempt ended as it was told before: the reason of a failed start, say, is known to
    the agent alone."""
    states = (status.state, status.last_state) if status is not None else ()
    told = (_read_termination(state.terminated) for state in states)
    return next((t for t in told if t is not None and t.container_id == key.container_id), None)


def _is_of(status: ContainerStatus | None, found: FoundContainer) -> bool:
    """Whether the written status speaks of this attempt."""
    container_id = CONTAINER_ID_SCHEME + found.key.container_id
    return status is not None and status.container_id == container_id


def _from_status(
    plan: ContainerPlan, status: ContainerStatus | None, now: datetime
) -> ContainerRecord:
    if status is None or not status.container_id:
        return ContainerRecord(plan=plan)
    container_id = status.container_id.removeprefix(CONTAINER_ID_SCHEME)
    running = status.state.running
    lost = Termination(
        container_id=container_id,
        exit_code=137,
        reason="ContainerStatusUnknown",
        message=_LOST,
        started_at=running.started_at if running is not None else None,
        finished_at=now,
    )
    ended = _read_termination(status.state.terminated)
    last = _read_termination(status.last_state.terminated)
    if ended is None and status.state.waiting is not None:
        # In back-off: the attempt whose end it waits after is shown as the last state.
        ended, last = last, None
    return ContainerRecord(
        plan=plan,
        phase=ContainerPhase.EXITED,
        attempt=status.restart_count,
        termination=ended or lost,
        previous_termination=last,
        backoff=CrashBackoff(restarts=status.restart_count, restarted_at=now),
    )


def _read_termination(state: ContainerStateTerminated | None) -> Termination | None:
    if state is None or state.finished_at is None:
        return None
    return Termination(
        container_id=state.container_id.removeprefix(CONTAINER_ID_SCHEME),
        exit_code=state.exit_code,
        reason=state.reason,
        message=state.message,
        signal=state.signal,
        started_at=state.started_at,
        finished_at=state.finished_at,
    )

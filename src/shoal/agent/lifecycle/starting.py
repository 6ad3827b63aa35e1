"""Which containers are started, in which order, and after how long.

The order is the kubelet's: init containers one after the other, each sidecar until it has
started, then the main containers, where one with a postStart hook holds up those after it.
"""

from typing import assert_never

from shoal.agent.lifecycle.container import ContainerPhase, ContainerRecord, ContainerStep
from shoal.agent.lifecycle.messages import RemoveContainer, StartContainer
from shoal.agent.lifecycle.plan import RestartPolicy, Role
from shoal.agent.lifecycle.pod import PodState, PodStep
from shoal.agent.lifecycle.turn import Turn
from shoal.api.core import EventType
from shoal.api.duration import format_duration

CRASH_LOOP = "CrashLoopBackOff"


def advance_init(turn: Turn) -> None:
    """Start the init container or sidecar whose turn it is; the step to main containers is taken
    when all are through, or were through once."""
    if not turn.state.has_main_started:
        for record in turn.state.of_role(Role.INIT, Role.SIDECAR):
            if record.wants_start(turn.state.plan.restart_policy):
                start_when_due(turn, record)
            if not _is_through(record):
                return
    turn.step_pod(PodStep.INITIALIZED)


def advance_running(turn: Turn) -> None:
    """Keep sidecars and main containers running, as their restart policies want it."""
    policy = turn.state.plan.restart_policy
    for record in turn.state.of_role(Role.SIDECAR):
        if record.wants_start(policy):
            start_when_due(turn, record)
    for record in list(turn.state.of_role(Role.MAIN)):
        if record.wants_start(policy):
            record = start_when_due(turn, record)
        if record.phase in {ContainerPhase.STARTING, ContainerPhase.POST_START}:
            return


def is_complete(state: PodState) -> bool:
    """Whether the pod has come to its end by itself."""
    policy = state.plan.restart_policy
    if policy is RestartPolicy.NEVER and any(r.has_failed for r in state.of_role(Role.INIT)):
        return True
    return all(
        record.phase is ContainerPhase.EXITED and not record.wants_start(policy)
        for record in state.of_role(Role.MAIN)
    )


def start_when_due(turn: Turn, record: ContainerRecord) -> ContainerRecord:
    """Start a container at rest, or let it wait for the end of its back-off."""
    if record.phase is ContainerPhase.EXITED and record.termination is not None:
        delay_s = record.backoff.delay_s(record.termination.finished_at)
        if delay_s and (turn.now - record.termination.finished_at).total_seconds() < delay_s:
            return _back_off(turn, record, delay_s)
    if record.retry_at is not None and record.retry_at > turn.now:
        return record
    return _start(turn, record)


def _start(turn: Turn, record: ContainerRecord) -> ContainerRecord:
    # The attempt before the new one is kept for `logs --previous`; those before it are not.
    if record.attempt >= 1:
        turn.emit(RemoveContainer(key=turn.state.plan.key(record.name, record.attempt - 1)))
    turn.emit(StartContainer(key=turn.state.plan.key(record.name, record.attempt + 1)))
    return turn.step(record, ContainerStep.START, retry_at=None)


def _back_off(turn: Turn, record: ContainerRecord, delay_s: float) -> ContainerRecord:
    pod = turn.state.plan.full_name
    assert record.termination is not None
    turn.tell(
        EventType.WARNING,
        "BackOff",
        f"Back-off restarting failed container {record.name} in pod {pod}",
        record.name,
    )
    waited_s = (turn.now - record.termination.finished_at).total_seconds()
    return turn.step(
        record,
        ContainerStep.BACK_OFF,
        waiting_reason=CRASH_LOOP,
        waiting_message=(
            f"back-off {format_duration(int(delay_s))} restarting failed "
            f"container={record.name} pod={pod}"
        ),
        retry_at=turn.later(delay_s - waited_s),
    )


def _is_through(record: ContainerRecord) -> bool:
    """Whether those after it may start."""
    match record.plan.role:
        case Role.INIT:
            return record.has_succeeded
        case Role.SIDECAR:
            return record.phase is ContainerPhase.RUNNING and record.is_started
        case Role.MAIN:
            return True
        case _:
            assert_never(record.plan.role)

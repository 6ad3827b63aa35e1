"""The life cycle of a pod as one function: `handle(state, event, now)`.

Each turn first notes what the event says (late news about an earlier attempt is dropped), then
goes through everything that is due, so that it does not matter which event brought the time.
`next_wake` says when something will be due without any event.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from shoal.agent.lifecycle import starting, stopping
from shoal.agent.lifecycle.container import (
    ContainerPhase,
    ContainerRecord,
    ContainerStep,
    Termination,
)
from shoal.agent.lifecycle.crash_backoff import CrashBackoff
from shoal.agent.lifecycle.messages import (
    Action,
    ContainerEnded,
    ContainerRefused,
    ContainerStarted,
    ContainerStartFailed,
    DeletionRequested,
    HookEnded,
    HookKind,
    KillContainer,
    LifecycleEvent,
    ObjectGone,
    Prepared,
    PrepareFailed,
    PreparePod,
    ProbeJudged,
    ProbeKind,
    RunHook,
    StartContainer,
    StorageExceeded,
    TerminateContainer,
    Tick,
)
from shoal.agent.lifecycle.pod import EndCause, PodStage, PodState, PodStep
from shoal.agent.lifecycle.turn import Turn
from shoal.agent.runtime.protocol import ContainerExit, ContainerKey
from shoal.api.core import EventType
from shoal.base.backoff import Backoff

SETUP_BACKOFF = Backoff(initial_s=0.5, max_s=122.0)
REFUSAL_RETRY_S = 10.0
EVICTION_GRACE_S = 1.0
"""What the kubelet leaves a pod that is over a limit of local storage (v1.36, pkg/kubelet/eviction,
`immediateEvictionGracePeriodSeconds`)."""
EVICTED = "Evicted"
OOM_KILLED = "OOMKilled"


def handle(
    state: PodState, event: LifecycleEvent, now: datetime
) -> tuple[PodState, Sequence[Action]]:
    """What becomes of the pod, and what is to be done for it. A removed pod stays as it is."""
    if state.stage is PodStage.REMOVED:
        return state, ()
    turn = Turn(state, now)
    _note(turn, event)
    _advance(turn)
    return turn.state, turn.actions


def next_wake(state: PodState, now: datetime) -> datetime | None:
    """When to send a Tick at the latest, after a turn at `now`; None if only events matter."""
    if state.stage in {PodStage.STOPPED, PodStage.REMOVED}:
        return None
    times = [record.stop_by for record in state.containers if record.is_live]
    if state.ending is None:
        times.append(_deadline(state))
        if state.stage is PodStage.NEW:
            times.append(state.retry_setup_at)
        elif state.is_prepared:
            times += [r.retry_at for r in state.containers if r.phase is ContainerPhase.WAITING]
    # What was due by now has been done, or waits for an event.
    return min((time for time in times if time is not None and time > now), default=None)


def outstanding(state: PodState) -> Sequence[Action]:
    """What had been asked for and not yet answered, for a shell that has lost track of it. Each
    may be done again without harm."""
    actions: list[Action] = []
    if state.stage is PodStage.PREPARING:
        actions.append(PreparePod())
    for record in state.containers:
        key = state.key(record)
        match record.phase:
            case ContainerPhase.STARTING:
                started = state.plan.key(record.name, record.attempt + 1)
                actions.append(StartContainer(key=started))
            case ContainerPhase.POST_START:
                actions.append(RunHook(key=key, hook=HookKind.POST_START, timeout_s=None))
            case ContainerPhase.TERMINATING:
                actions.append(TerminateContainer(key=key))
            case ContainerPhase.KILLED:
                actions.append(KillContainer(key=key))
            case _:
                pass
    return actions


def _note(turn: Turn, event: LifecycleEvent) -> None:
    match event:
        case Prepared() | PrepareFailed():
            _note_setup(turn, event)
        case ContainerStarted(key=key, started_at=started_at):
            if (record := _starting(turn, key)) is not None:
                _started(turn, record, key, started_at)
        case ContainerRefused(key=key):
            if (record := _starting(turn, key)) is not None:
                _refused(turn, record, event)
        case ContainerStartFailed(key=key):
            if (record := _starting(turn, key)) is not None:
                _start_failed(turn, record, event)
        case ContainerEnded(exit=exit):
            _ended(turn, exit)
        case HookEnded():
            _hook_ended(turn, event)
        case ProbeJudged():
            _judged(turn, event)
        case DeletionRequested(grace_s=grace_s):
            stopping.end_pod(turn, EndCause.DELETED, grace_s)
        case StorageExceeded(message=message):
            _evict(turn, message)
        case ObjectGone():
            stopping.end_pod(turn, EndCause.GONE, 0.0)
        case Tick():
            pass
        case _:
            assert_never(event)


def _advance(turn: Turn) -> None:
    deadline = _deadline(turn.state)
    if turn.state.ending is None and deadline is not None and deadline <= turn.now:
        message = "Pod was active on the node longer than specified deadline"
        turn.tell(EventType.NORMAL, "DeadlineExceeded", message)
        stopping.end_pod(turn, EndCause.DEADLINE, turn.state.plan.grace_s)
    if turn.state.stage is PodStage.NEW and _is_past(turn.state.retry_setup_at, turn.now):
        turn.emit(PreparePod())
        turn.step_pod(PodStep.PREPARE)
    if turn.state.ending is None and starting.is_complete(turn.state):
        stopping.end_pod(turn, EndCause.COMPLETED, turn.state.plan.grace_s)
    if turn.state.stage is PodStage.INITIALIZING:
        starting.advance_init(turn)
    if turn.state.stage is PodStage.RUNNING:
        starting.advance_running(turn)
    stopping.advance_stops(turn)
    if turn.state.ending is not None:
        stopping.advance_ending(turn)


def _note_setup(turn: Turn, event: Prepared | PrepareFailed) -> None:
    if turn.state.stage is not PodStage.PREPARING:
        return
    if isinstance(event, Prepared):
        turn.step_pod(PodStep.PREPARED, setup_failures=0, setup_reason="", setup_message="")
        return
    failures = turn.state.setup_failures + 1
    turn.tell(EventType.WARNING, event.reason, event.message)
    turn.step_pod(
        PodStep.PREPARE_FAILED,
        setup_failures=failures,
        setup_reason=event.waiting_reason,
        setup_message=event.message if event.waiting_reason else "",
        retry_setup_at=turn.later(SETUP_BACKOFF.delay_s(failures)),
    )


def _started(
    turn: Turn, record: ContainerRecord, key: ContainerKey, started_at: datetime
) -> ContainerRecord:
    plan = record.plan
    turn.tell(EventType.NORMAL, "Created", "Container created", plan.name)
    turn.tell(EventType.NORMAL, "Started", "Container started", plan.name)
    if plan.has_post_start:
        turn.emit(RunHook(key=key, hook=HookKind.POST_START, timeout_s=None))
    return turn.step(
        record,
        ContainerStep.STARTED_WITH_HOOK if plan.has_post_start else ContainerStep.STARTED,
        attempt=key.attempt,
        backoff=_restarted(turn, record),
        started_at=started_at,
        is_started=not plan.has_startup_probe,
        is_ready=not plan.has_startup_probe and not plan.has_readiness_probe,
        waiting_reason="",
        waiting_message="",
        stop_by=None,
    )


def _restarted(turn: Turn, record: ContainerRecord) -> CrashBackoff:
    """The back-off of a container that has just been started, for the first time or again."""
    if record.termination is None:
        return record.backoff
    return record.backoff.after_restart(record.termination.finished_at, turn.now)


def _refused(turn: Turn, record: ContainerRecord, event: ContainerRefused) -> None:
    turn.tell(EventType.WARNING, "Failed", f"Error: {event.message}", record.name)
    turn.step(
        record,
        ContainerStep.REFUSED,
        waiting_reason=event.reason,
        waiting_message=event.message,
        retry_at=turn.later(REFUSAL_RETRY_S),
    )


def _start_failed(turn: Turn, record: ContainerRecord, event: ContainerStartFailed) -> None:
    turn.tell(EventType.WARNING, "Failed", f"Error: {event.message}", record.name)
    _exited(
        turn,
        replace(record, attempt=event.key.attempt, backoff=_restarted(turn, record)),
        Termination(
            container_id=event.key.container_id,
            exit_code=event.exit_code,
            reason=event.reason,
            message=event.message,
            finished_at=turn.now,
        ),
    )


def _ended(turn: Turn, exit: ContainerExit) -> None:
    record = turn.state.find(exit.key.container)
    if record is None:
        return
    if record.phase is ContainerPhase.STARTING and exit.key.attempt == record.attempt + 1:
        # It was quicker than the answer to the start.
        record = _started(turn, record, exit.key, exit.started_at)
    if record.is_live and exit.key == turn.state.key(record):
        if exit.is_oom_killed:
            limit = record.plan.memory_limit
            message = f"Container {record.name} used more memory than its limit of {limit}"
            turn.tell(EventType.WARNING, OOM_KILLED, message, record.name)
        _exited(turn, record, termination(exit))


def termination(exit: ContainerExit) -> Termination:
    reason = "Completed" if exit.exit_code == 0 else "Error"
    return Termination(
        container_id=exit.key.container_id,
        exit_code=exit.exit_code,
        reason=OOM_KILLED if exit.is_oom_killed else reason,
        message=exit.termination_message,
        signal=exit.signal,
        started_at=exit.started_at,
        finished_at=exit.finished_at,
    )


def _exited(turn: Turn, record: ContainerRecord, ended: Termination) -> None:
    turn.step(
        record,
        ContainerStep.EXIT,
        termination=ended,
        previous_termination=record.termination,
        waiting_reason="",
        waiting_message="",
        is_started=False,
        is_ready=False,
        stop_by=None,
    )


def _hook_ended(turn: Turn, event: HookEnded) -> None:
    record = turn.state.find(event.key.container)
    if record is None or event.key != turn.state.key(record):
        return
    match event.hook, record.phase:
        case HookKind.POST_START, ContainerPhase.POST_START:
            record = turn.step(record, ContainerStep.POST_START_DONE)
            if event.error:
                turn.tell(
                    EventType.WARNING, "FailedPostStartHook", "PostStartHook failed", record.name
                )
                stopping.stop(turn, record, turn.state.plan.grace_s, "FailedPostStartHook")
        case HookKind.PRE_STOP, ContainerPhase.PRE_STOP:
            if event.error:
                turn.tell(EventType.WARNING, "FailedPreStopHook", "PreStopHook failed", record.name)
            stopping.stop_in_turn(turn, record)
        case _:
            pass


def _judged(turn: Turn, event: ProbeJudged) -> None:
    record = turn.state.find(event.key.container)
    if record is None or not record.is_live or event.key != turn.state.key(record):
        return
    plan = record.plan
    match event.probe:
        case ProbeKind.READINESS:
            turn.put(replace(record, is_ready=event.is_healthy and record.is_started))
        case ProbeKind.STARTUP if event.is_healthy:
            turn.put(replace(record, is_started=True, is_ready=not plan.has_readiness_probe))
        case ProbeKind.STARTUP if record.phase is ContainerPhase.RUNNING:
            _stop_unhealthy(turn, record, event.probe, plan.startup_grace_s)
        case ProbeKind.LIVENESS if not event.is_healthy and record.phase is ContainerPhase.RUNNING:
            _stop_unhealthy(turn, record, event.probe, plan.liveness_grace_s)
        case _:
            pass


def _stop_unhealthy(turn: Turn, record: ContainerRecord, probe: ProbeKind, grace_s: float) -> None:
    message = f"Container {record.name} failed {probe.lower()} probe"
    exited = replace(record, phase=ContainerPhase.EXITED)
    if exited.wants_start(turn.state.plan.restart_policy):
        message += ", will be restarted"
    stopping.stop(turn, record, grace_s, message)


def _evict(turn: Turn, message: str) -> None:
    if turn.state.ending is not None:
        return
    turn.tell(EventType.WARNING, EVICTED, message)
    stopping.end_pod(turn, EndCause.EVICTED, EVICTION_GRACE_S, eviction=message)


def _starting(turn: Turn, key: ContainerKey) -> ContainerRecord | None:
    """The container whose start is being answered, if that is still what it waits for."""
    record = turn.state.find(key.container)
    if record is None or record.phase is not ContainerPhase.STARTING:
        return None
    return record if key == turn.state.plan.key(record.name, record.attempt + 1) else None


def _deadline(state: PodState) -> datetime | None:
    if state.plan.active_deadline_s is None:
        return None
    return state.first_seen_at + timedelta(seconds=state.plan.active_deadline_s)


def _is_past(time: datetime | None, now: datetime) -> bool:
    return time is None or time <= now

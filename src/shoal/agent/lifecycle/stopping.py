"""How containers are stopped, one by one or with their pod.

The order and the times are the kubelet's: every preStop hook starts at once and counts against
the grace period; main containers are told to stop as soon as theirs are done, sidecars when
those after them are gone; whoever has been told gets two seconds at least, and is killed when
the grace period is over.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from shoal.agent.lifecycle.container import ContainerPhase, ContainerRecord, ContainerStep
from shoal.agent.lifecycle.messages import (
    HookKind,
    KillContainer,
    RemovePod,
    RunHook,
    TerminateContainer,
)
from shoal.agent.lifecycle.plan import Role
from shoal.agent.lifecycle.pod import EndCause, Ending, PodStage, PodStep
from shoal.agent.lifecycle.turn import Turn
from shoal.api.core import EventType

MIN_GRACE = timedelta(seconds=2)
_PATIENT = {ContainerPhase.PRE_STOP, ContainerPhase.AWAITING_TURN}


def stop(turn: Turn, record: ContainerRecord, grace_s: float, message: str = "") -> None:
    """Begin to stop one running container."""
    turn.tell(
        EventType.NORMAL, "Killing", message or f"Stopping container {record.name}", record.name
    )
    stop_by = turn.later(grace_s)
    if record.plan.has_pre_stop and grace_s > 0:
        key = turn.state.key(record)
        turn.emit(RunHook(key=key, hook=HookKind.PRE_STOP, timeout_s=grace_s))
        turn.step(record, ContainerStep.RUN_PRE_STOP, stop_by=stop_by)
    else:
        stop_in_turn(turn, replace(record, stop_by=stop_by))


def stop_in_turn(turn: Turn, record: ContainerRecord) -> None:
    """The preStop hook is out of the way: tell the container, or let it wait for its turn."""
    has_turn = turn.state.ending is None or _has_turn(turn, record)
    if has_turn or (record.stop_by is not None and record.stop_by <= turn.now):
        _terminate(turn, record)
    else:
        turn.step(record, ContainerStep.AWAIT_TURN, stop_by=record.stop_by)


def advance_stops(turn: Turn) -> None:
    """Carry on with containers whose turn or whose end of patience has come."""
    for record in reversed(turn.state.containers):
        is_due = record.stop_by is not None and record.stop_by <= turn.now
        match record.phase:
            case ContainerPhase.PRE_STOP if is_due:
                _terminate(turn, record)
            case ContainerPhase.AWAITING_TURN if is_due or _has_turn(turn, record):
                _terminate(turn, record)
            case ContainerPhase.TERMINATING if is_due:
                turn.emit(KillContainer(key=turn.state.key(record)))
                turn.step(record, ContainerStep.KILL)
            case _:
                pass


def end_pod(turn: Turn, cause: EndCause, grace_s: float, eviction: str = "") -> None:
    """Begin to end the pod, or end it faster, or for another reason, than was begun. `eviction`
    says why it is evicted, if it is."""
    stop_by = turn.later(grace_s)
    before = turn.state.ending
    if before is None:
        ending = Ending(
            cause=cause,
            stop_by=stop_by,
            past_deadline=cause is EndCause.DEADLINE,
            eviction=eviction,
        )
        turn.step_pod(PodStep.END, ending=ending)
    else:
        cause = before.cause if before.cause is EndCause.GONE else cause
        ending = replace(before, cause=cause, stop_by=min(before.stop_by, stop_by))
        turn.state = replace(turn.state, ending=ending)
    for record in turn.state.containers:
        if record.stop_by is not None and record.is_live:
            turn.put(replace(record, stop_by=_hurried(turn, record, ending.stop_by)))


def advance_ending(turn: Turn) -> None:
    """Stop what runs, the last sidecar first; note when nothing is left."""
    ending = turn.state.ending
    assert ending is not None
    if turn.state.stage is PodStage.ENDING:
        left_s = max((ending.stop_by - turn.now).total_seconds(), 0.0)
        for record in reversed(turn.state.containers):
            if record.phase in {ContainerPhase.RUNNING, ContainerPhase.POST_START}:
                stop(turn, record, left_s)
        if all(record.is_at_rest for record in turn.state.containers):
            turn.step_pod(PodStep.ALL_STOPPED)
    if turn.state.stage is PodStage.STOPPED and ending.removes:
        turn.emit(RemovePod(deletes_object=ending.cause is EndCause.DELETED))
        turn.step_pod(PodStep.REMOVE)


def _terminate(turn: Turn, record: ContainerRecord) -> None:
    stop_by = max(record.stop_by or turn.now, turn.now + MIN_GRACE)
    turn.emit(TerminateContainer(key=turn.state.key(record)))
    turn.step(record, ContainerStep.TERMINATE, stop_by=stop_by)


def _has_turn(turn: Turn, record: ContainerRecord) -> bool:
    """A sidecar goes after the main containers and the sidecars that started after it."""
    if record.plan.role is not Role.SIDECAR:
        return True
    names = [other.name for other in turn.state.containers]
    after = turn.state.containers[names.index(record.name) + 1 :]
    return all(other.is_at_rest for other in after)


def _hurried(turn: Turn, record: ContainerRecord, stop_by: datetime) -> datetime:
    """The end of patience of a container that was being stopped already."""
    assert record.stop_by is not None
    if record.phase in _PATIENT:
        return min(record.stop_by, stop_by)
    return min(record.stop_by, max(stop_by, turn.now + MIN_GRACE))

"""The life of a Worker: one total function over phases and what can be seen of it.

Drawn in docs/states/worker.md. Each event leads to one phase, so that seeing the same again
changes nothing.
"""

from enum import StrEnum

from shoal.api.worker import WorkerPhase
from shoal.base.transitions import follow


class WorkerEvent(StrEnum):
    """What is seen of a worker."""

    RENEW = "Renew"
    """A run is wanted that has not been started, or it became another kind of object."""
    START = "Start"
    """A pod of it runs."""
    REST = "Rest"
    """It waits for the next time of its schedule."""
    SUSPEND = "Suspend"
    """`spec.suspend` holds it."""
    SUCCEED = "Succeed"
    """The run has done all there was to do."""
    FAIL = "Fail"
    """The run is over without that."""
    REFUSE = "Refuse"
    """No object can be chosen, or the API server refuses it."""


_P, _E = WorkerPhase, WorkerEvent

_TARGETS: dict[WorkerEvent, WorkerPhase] = {
    _E.RENEW: _P.PENDING,
    _E.START: _P.RUNNING,
    _E.REST: _P.SCHEDULED,
    _E.SUSPEND: _P.STOPPED,
    _E.SUCCEED: _P.SUCCEEDED,
    _E.FAIL: _P.FAILED,
    _E.REFUSE: _P.INVALID,
}
_SOURCES: dict[WorkerEvent, tuple[WorkerPhase, ...]] = {
    _E.RENEW: (_P.RUNNING, _P.SCHEDULED, _P.STOPPED, _P.SUCCEEDED, _P.FAILED, _P.INVALID),
    _E.START: (_P.PENDING, _P.SCHEDULED, _P.STOPPED),
    _E.REST: (_P.PENDING, _P.RUNNING, _P.STOPPED),
    _E.SUSPEND: (_P.PENDING, _P.RUNNING, _P.SCHEDULED),
    _E.SUCCEED: (_P.PENDING, _P.RUNNING, _P.STOPPED),
    _E.FAIL: (_P.PENDING, _P.RUNNING, _P.STOPPED),
    _E.REFUSE: (_P.PENDING, _P.RUNNING, _P.SCHEDULED, _P.STOPPED, _P.SUCCEEDED, _P.FAILED),
}
_TRANSITIONS: dict[tuple[WorkerPhase, WorkerEvent], WorkerPhase] = {
    (source, event): _TARGETS[event] for event, sources in _SOURCES.items() for source in sources
}


def next_state(phase: WorkerPhase, event: WorkerEvent) -> WorkerPhase:
    """Total; raises IllegalTransition for an event that the phase cannot have."""
    return follow(_TRANSITIONS, phase, event, "a worker")


def phase_after(phase: WorkerPhase, *events: WorkerEvent) -> WorkerPhase:
    """The phase when these have been seen; one that leads to where it is already changes
    nothing."""
    for event in events:
        if _TARGETS[event] is not phase:
            phase = next_state(phase, event)
    return phase

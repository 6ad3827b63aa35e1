"""The life of a JobFlow: one total function over phases and what can happen.

Drawn in docs/states/job-flow.md. Volcano's Failed has no way out; here a flow goes on when its
failed job does.
"""

from enum import StrEnum

from shoal.api.volcano.flow import JobFlowPhase
from shoal.base.transitions import follow


class JobFlowEvent(StrEnum):
    """What can happen to a flow."""

    START = "Start"
    """A job of it runs, or has run."""
    SUCCEED = "Succeed"
    """The jobs of all steps are completed."""
    FAIL = "Fail"
    """A job failed or was terminated."""
    RECOVER = "Recover"
    """The job that failed was restarted, or removed to be made again."""
    EXTEND = "Extend"
    """A step was added."""
    DELETE = "Delete"
    """Somebody deleted the flow, and it waits for its jobs to go."""


_P, _E = JobFlowPhase, JobFlowEvent

_TRANSITIONS: dict[tuple[JobFlowPhase, JobFlowEvent], JobFlowPhase] = {
    (_P.PENDING, _E.START): _P.RUNNING,
    (_P.PENDING, _E.SUCCEED): _P.SUCCEED,
    (_P.PENDING, _E.FAIL): _P.FAILED,
    (_P.PENDING, _E.DELETE): _P.TERMINATING,
    (_P.RUNNING, _E.SUCCEED): _P.SUCCEED,
    (_P.RUNNING, _E.FAIL): _P.FAILED,
    (_P.RUNNING, _E.DELETE): _P.TERMINATING,
    (_P.FAILED, _E.RECOVER): _P.RUNNING,
    (_P.FAILED, _E.SUCCEED): _P.SUCCEED,
    (_P.FAILED, _E.DELETE): _P.TERMINATING,
    (_P.SUCCEED, _E.EXTEND): _P.RUNNING,
    (_P.SUCCEED, _E.DELETE): _P.TERMINATING,
}


def next_state(phase: JobFlowPhase, event: JobFlowEvent) -> JobFlowPhase:
    """Total; raises IllegalTransition for an event that the phase cannot have."""
    return follow(_TRANSITIONS, phase, event, "a job flow")

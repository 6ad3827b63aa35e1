"""The life of a task: one total function over phases and what can happen.

Drawn in docs/states/task.md.
"""

from enum import StrEnum

from shoal.api.ploto import Task, TaskPhase
from shoal.base.transitions import follow


class TaskEvent(StrEnum):
    """What can happen to a task."""

    ASSIGN = "Assign"
    """An idle executor was found."""
    COMPLETE = "Complete"
    """The executor reports that it is done."""
    FAIL = "Fail"
    """The executor reports that it cannot be done."""
    LOSE = "Lose"
    """The executor died, and the task must not run again."""
    RETRY = "Retry"
    """The executor died, and the task may run again."""
    RETURN = "Return"
    """The executor died before it took the task."""


_TRANSITIONS: dict[tuple[TaskPhase, TaskEvent], TaskPhase] = {
    (TaskPhase.PENDING, TaskEvent.ASSIGN): TaskPhase.RUNNING,
    (TaskPhase.RUNNING, TaskEvent.COMPLETE): TaskPhase.COMPLETED,
    (TaskPhase.RUNNING, TaskEvent.FAIL): TaskPhase.FAILED,
    (TaskPhase.RUNNING, TaskEvent.LOSE): TaskPhase.FAILED,
    (TaskPhase.RUNNING, TaskEvent.RETRY): TaskPhase.PENDING,
    (TaskPhase.RUNNING, TaskEvent.RETURN): TaskPhase.PENDING,
}


def next_state(phase: TaskPhase, event: TaskEvent) -> TaskPhase:
    """Total; raises IllegalTransition for an event that the phase cannot have."""
    return follow(_TRANSITIONS, phase, event, "a task")


def executor_death(task: Task) -> TaskEvent:
    """What the death of its executor is to a task: with this one, `failedTime` + 1 died, and a
    reentrant task goes back at most `retryLimit` times."""
    may_run_again = task.spec.reentrant and task.status.failed_time + 1 <= task.spec.retry_limit
    return TaskEvent.RETRY if may_run_again else TaskEvent.LOSE

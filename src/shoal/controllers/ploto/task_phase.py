"""The life of a task: one total function over phases and what can happen.

Drawn in docs/states/task.md.
"""

from enum import StrEnum
from typing import assert_never

from shoal.api.ploto import Task, TaskPhase


class TaskEvent(StrEnum):
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


class IllegalEvent(Exception):
    """This cannot happen to a task in this phase."""

    def __init__(self, phase: TaskPhase, event: TaskEvent) -> None:
        super().__init__(f"a {phase} task cannot {event}")


def next_state(phase: TaskPhase, event: TaskEvent) -> TaskPhase:
    """The phase after `event`. Raises IllegalEvent."""
    match phase, event:
        case TaskPhase.PENDING, TaskEvent.ASSIGN:
            return TaskPhase.RUNNING
        case TaskPhase.RUNNING, TaskEvent.COMPLETE:
            return TaskPhase.COMPLETED
        case TaskPhase.RUNNING, TaskEvent.FAIL | TaskEvent.LOSE:
            return TaskPhase.FAILED
        case TaskPhase.RUNNING, TaskEvent.RETRY:
            return TaskPhase.PENDING
        case (
            (TaskPhase.PENDING, _)
            | (TaskPhase.RUNNING, TaskEvent.ASSIGN)
            | (TaskPhase.COMPLETED | TaskPhase.FAILED, _)
        ):
            raise IllegalEvent(phase, event)
        case _:
            assert_never((phase, event))


def executor_death(task: Task) -> TaskEvent:
    """What the death of its executor is to a task: with this one, `failedTime` + 1 died, and a
    reentrant task goes back at most `retryLimit` times."""
    may_run_again = task.spec.reentrant and task.status.failed_time + 1 <= task.spec.retry_limit
    return TaskEvent.RETRY if may_run_again else TaskEvent.LOSE

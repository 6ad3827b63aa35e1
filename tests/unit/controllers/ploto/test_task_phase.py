"""The life of a task: which event leads where, and what the death of its executor means."""

import pytest

from shoal.api.ploto import Task, TaskPhase, TaskSpec, TaskStatus
from shoal.controllers.ploto.task_phase import (
    TaskEvent,
    executor_death,
    next_state,
)
from tests.transitions import transitions

LEGAL = {
    (TaskPhase.PENDING, TaskEvent.ASSIGN): TaskPhase.RUNNING,
    (TaskPhase.RUNNING, TaskEvent.COMPLETE): TaskPhase.COMPLETED,
    (TaskPhase.RUNNING, TaskEvent.FAIL): TaskPhase.FAILED,
    (TaskPhase.RUNNING, TaskEvent.LOSE): TaskPhase.FAILED,
    (TaskPhase.RUNNING, TaskEvent.RETRY): TaskPhase.PENDING,
    (TaskPhase.RUNNING, TaskEvent.RETURN): TaskPhase.PENDING,
}


def test_every_event_in_every_phase_is_decided() -> None:
    assert transitions(next_state) == LEGAL


def test_final_phases_are_those_without_a_way_out() -> None:
    ways_out = {phase for phase, _ in LEGAL}
    assert {phase for phase in TaskPhase if phase.is_final} == set(TaskPhase) - ways_out


@pytest.mark.parametrize(
    ("reentrant", "retry_limit", "failed_time", "expected"),
    [
        (False, 3, 0, TaskEvent.LOSE),
        (True, 3, 0, TaskEvent.RETRY),
        (True, 3, 2, TaskEvent.RETRY),
        (True, 3, 3, TaskEvent.LOSE),
        (True, 0, 0, TaskEvent.LOSE),
    ],
)
def test_a_reentrant_task_survives_as_many_deaths_as_its_retry_limit(
    reentrant: bool, retry_limit: int, failed_time: int, expected: TaskEvent
) -> None:
    task = Task(
        spec=TaskSpec(reentrant=reentrant, retry_limit=retry_limit),
        status=TaskStatus(phase="Running", failed_time=failed_time),
    )
    assert executor_death(task) is expected

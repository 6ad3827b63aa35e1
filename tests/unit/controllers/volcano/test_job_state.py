"""Where actions and pods lead a job: the table of phases, row by row."""

import msgspec
import pytest

from shoal.api.volcano.job import Job, JobPhase
from shoal.api.volcano.lifecycle import JobAction
from shoal.controllers.volcano.job_state import (
    JobStep,
    JobTally,
    next_state,
    step_of_action,
    step_of_sync,
)
from shoal.testing.volcano import make_job

P = JobPhase
A = JobAction

RESTARTS = (A.RESTART_JOB, A.RESTART_TASK, A.RESTART_POD, A.RESTART_PARTITION)


def after_action(phase: JobPhase, action: JobAction) -> JobPhase:
    step = step_of_action(phase, action)
    return phase if step is None else next_state(phase, step)


def after_sync(job: Job, tally: JobTally) -> JobPhase:
    step = step_of_sync(job, tally)
    return job.phase if step is None else next_state(job.phase, step)


@pytest.mark.parametrize("phase", [P.PENDING, P.RUNNING])
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        *((restart, P.RESTARTING) for restart in RESTARTS),
        (A.ABORT_JOB, P.ABORTING),
        (A.COMPLETE_JOB, P.COMPLETING),
        (A.TERMINATE_JOB, P.TERMINATING),
        (A.RESUME_JOB, None),
        (A.SYNC_JOB, None),
        (A.ENQUEUE_JOB, None),
    ],
)
def test_an_action_on_a_job_that_is_alive(phase, action, expected):
    assert after_action(phase, action) is (expected or phase)


@pytest.mark.parametrize("phase", [P.ABORTING, P.ABORTED])
@pytest.mark.parametrize("action", list(A))
def test_only_resuming_moves_a_suspended_job(phase, action):
    expected = P.RESTARTING if action is A.RESUME_JOB else phase
    assert after_action(phase, action) is expected


@pytest.mark.parametrize(
    "phase",
    [P.RESTARTING, P.COMPLETING, P.TERMINATING, P.COMPLETED, P.FAILED, P.TERMINATED],
)
@pytest.mark.parametrize("action", list(A))
def test_no_action_moves_a_job_that_restarts_or_ends(phase, action):
    assert after_action(phase, action) is phase


def job(phase: JobPhase, **spec: object) -> Job:
    """Three pods, of which two are needed."""
    built = make_job("j").task("a", 2, minAvailable=1).task("b", 1).spec(minAvailable=2, **spec)
    return built.phase(phase).obj()


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        (JobTally(), P.PENDING),
        (JobTally(running=1), P.PENDING),
        (JobTally(running=2), P.RUNNING),
        (JobTally(running=1, succeeded=1), P.RUNNING),
        (JobTally(failed=2), P.RUNNING),
        (JobTally(pending=3), P.PENDING),
        (JobTally(running=1, terminating=2), P.PENDING),
        (JobTally(running=1, unknown=2), P.PENDING),
    ],
)
def test_a_pending_job_starts_with_enough_pods(tally, expected):
    assert after_sync(job(P.PENDING), tally) is expected


def done(succeeded_a: int, succeeded_b: int) -> JobTally:
    """All three pods have finished."""
    succeeded = succeeded_a + succeeded_b
    by_task = {
        "a": {"Succeeded": succeeded_a, "Failed": 2 - succeeded_a},
        "b": {"Succeeded": succeeded_b, "Failed": 1 - succeeded_b},
    }
    return JobTally(succeeded=succeeded, failed=3 - succeeded, by_task=by_task)


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        (JobTally(running=3), P.RUNNING),
        (JobTally(running=2, pending=1), P.RUNNING),
        (JobTally(running=1, pending=2), P.PENDING),
        (JobTally(pending=3), P.PENDING),
        (JobTally(succeeded=2, running=1), P.RUNNING),
        (JobTally(succeeded=1, failed=1, running=1), P.RUNNING),
        (done(2, 1), P.COMPLETED),
        (done(1, 1), P.COMPLETED),
        (done(0, 1), P.FAILED),
        (done(0, 0), P.FAILED),
        # Each task's own minimum counts where the job's is not below their sum of 2.
        (done(2, 0), P.COMPLETED),
    ],
)
def test_a_running_job_goes_on_falls_back_or_ends(tally, expected):
    assert after_sync(job(P.RUNNING), tally) is expected


def test_a_task_below_its_own_minimum_fails_a_job_whose_minimum_is_that_of_its_tasks():
    both = make_job("j").task("a", 2, minAvailable=1).task("b", 1, minAvailable=1)
    running = both.spec(minAvailable=2).phase("Running").obj()
    assert after_sync(running, done(2, 0)) is P.FAILED
    lenient = both.spec(minAvailable=1).phase("Running").obj()
    assert after_sync(lenient, done(2, 0)) is P.COMPLETED


@pytest.mark.parametrize(
    ("min_success", "tally", "expected"),
    [
        (1, JobTally(succeeded=1, running=2), P.COMPLETED),
        (2, JobTally(succeeded=1, running=2), P.RUNNING),
        (1, JobTally(succeeded=1, pending=2), P.COMPLETED),
        (3, done(2, 0), P.FAILED),
        (3, done(2, 1), P.COMPLETED),
    ],
)
def test_min_success_decides_before_all_have_finished(min_success, tally, expected):
    assert after_sync(job(P.RUNNING, minSuccess=min_success), tally) is expected


def test_a_job_that_was_scaled_to_nothing_stays_as_it_is():
    nothing = make_job("j").task("a", 0).spec(minAvailable=0).phase("Running").obj()
    assert after_sync(nothing, JobTally()) is P.RUNNING


@pytest.mark.parametrize(
    ("retries", "tally", "expected"),
    [
        (1, JobTally(terminating=3), P.RESTARTING),
        (1, JobTally(terminating=2), P.RESTARTING),
        (1, JobTally(terminating=1), P.PENDING),
        (1, JobTally(), P.PENDING),
        (3, JobTally(), P.FAILED),
        (3, JobTally(terminating=3), P.FAILED),
        (4, JobTally(), P.FAILED),
    ],
)
def test_a_restarting_job_waits_for_room_and_fails_when_its_retries_are_spent(
    retries, tally, expected
):
    restarting = job(P.RESTARTING, maxRetry=3)
    status = msgspec.structs.replace(restarting.status, retry_count=retries, min_available=2)
    assert after_sync(msgspec.structs.replace(restarting, status=status), tally) is expected


@pytest.mark.parametrize(
    ("phase", "after"),
    [
        (P.ABORTING, P.ABORTED),
        (P.COMPLETING, P.COMPLETED),
        (P.TERMINATING, P.TERMINATED),
    ],
)
@pytest.mark.parametrize(
    ("tally", "is_empty"),
    [
        (JobTally(), True),
        (JobTally(succeeded=2, failed=1), True),
        (JobTally(unknown=1), True),
        (JobTally(pending=1), False),
        (JobTally(running=1), False),
        (JobTally(terminating=1), False),
    ],
)
def test_a_job_that_is_ended_waits_for_its_pods(phase, after, tally, is_empty):
    assert after_sync(job(phase), tally) is (after if is_empty else phase)


@pytest.mark.parametrize("phase", [P.ABORTED, P.COMPLETED, P.FAILED, P.TERMINATED])
@pytest.mark.parametrize("tally", [JobTally(), JobTally(running=3), done(2, 1)])
def test_pods_do_not_move_a_job_that_has_ended(phase, tally):
    assert after_sync(job(phase), tally) is phase


def test_steps_that_a_phase_cannot_have_are_refused():
    with pytest.raises(Exception, match="a job is Completed: cannot Restart"):
        next_state(P.COMPLETED, JobStep.RESTART)

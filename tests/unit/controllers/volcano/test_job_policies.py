"""Which policy answers what has happened, and in which order they are asked."""

import pytest

from shoal.api.volcano.job import Job
from shoal.api.volcano.lifecycle import JobAction, JobEvent
from shoal.controllers.volcano.job_policies import Occurrence, Reaction, reaction
from shoal.testing.volcano import make_job

SYNC = Reaction(JobAction.SYNC_JOB)
UID = "j"


def job(*policies: dict[str, object], task: tuple[dict[str, object], ...] = ()) -> Job:
    return make_job(UID).task("w", 2, policies=list(task)).spec(policies=list(policies)).obj()


def of(event: JobEvent = JobEvent.POD_FAILED, **fields: object) -> Occurrence:
    return Occurrence(**{"event": event, "job_uid": UID, "version": 0, "task": "w", **fields})


def on(event: str, action: str, **more: object) -> dict[str, object]:
    return {"event": event, "action": action, **more}


def test_nothing_is_done_where_no_policy_speaks():
    assert reaction(job(), of()) == SYNC
    assert reaction(job(on("PodEvicted", "RestartJob")), of()) == SYNC


def test_a_command_comes_before_everything_else():
    policies = job(on("*", "RestartJob"))
    asked = of(JobEvent.COMMAND_ISSUED, action=JobAction.ABORT_JOB, job_uid="other", version=-1)
    assert reaction(policies, asked).action is JobAction.ABORT_JOB


@pytest.mark.parametrize(
    "event", [JobEvent.OUT_OF_SYNC, JobEvent.COMMAND_ISSUED, JobEvent.POD_RUNNING]
)
def test_internal_events_meet_no_policy(event):
    assert reaction(job(on("*", "RestartJob")), of(event)) == SYNC


def test_what_happened_to_a_job_of_the_same_name_before_is_no_business_of_this_one():
    assert reaction(job(on("PodFailed", "AbortJob")), of(job_uid="former")) == SYNC


def test_what_happened_in_an_attempt_before_is_over():
    policies = make_job(UID).task("w").spec(policies=[on("PodFailed", "AbortJob")])
    second = policies.status(version=2).obj()
    assert reaction(second, of(version=1)) == SYNC
    assert reaction(second, of(version=2)).action is JobAction.ABORT_JOB


def test_a_policy_of_the_task_comes_before_one_of_the_job():
    both = job(on("PodFailed", "AbortJob"), task=(on("PodFailed", "RestartTask"),))
    assert reaction(both, of()).action is JobAction.RESTART_TASK
    assert reaction(both, of(task="")).action is JobAction.ABORT_JOB


def test_a_policy_of_another_task_does_not_count():
    built = make_job(UID).task("m", policies=[on("PodFailed", "RestartTask")]).task("w")
    assert reaction(built.obj(), of()) == SYNC


def test_the_jobs_policies_are_asked_where_the_tasks_are_silent():
    both = job(on("PodFailed", "AbortJob"), task=(on("PodEvicted", "RestartTask"),))
    assert reaction(both, of()).action is JobAction.ABORT_JOB


def test_the_first_policy_in_the_list_wins():
    both = job(on("PodFailed", "TerminateJob"), on("PodFailed", "RestartJob"))
    assert reaction(both, of()).action is JobAction.TERMINATE_JOB


@pytest.mark.parametrize(
    "event",
    [
        JobEvent.POD_FAILED,
        JobEvent.POD_EVICTED,
        JobEvent.JOB_UNKNOWN,
        JobEvent.TASK_COMPLETED,
        JobEvent.TASK_FAILED,
    ],
)
def test_a_star_stands_for_every_event(event):
    assert reaction(job(on("*", "RestartJob")), of(event)).action is JobAction.RESTART_JOB


def test_a_star_does_not_stand_for_a_change_of_the_job():
    assert reaction(job(on("*", "RestartJob")), of(JobEvent.JOB_UPDATED)) == SYNC
    named = job(on("JobUpdated", "RestartJob"))
    assert reaction(named, of(JobEvent.JOB_UPDATED)).action is JobAction.RESTART_JOB


def test_one_policy_may_name_several_events():
    several = job({"events": ["PodEvicted", "PodFailed"], "action": "RestartJob"})
    assert reaction(several, of()).action is JobAction.RESTART_JOB
    assert reaction(several, of(JobEvent.POD_EVICTED)).action is JobAction.RESTART_JOB
    assert reaction(several, of(JobEvent.TASK_FAILED)) == SYNC


def test_an_exit_code_is_matched_exactly():
    codes = job({"exitCode": 3, "action": "AbortJob"}, {"exitCode": 137, "action": "RestartJob"})
    assert reaction(codes, of(exit_code=3)).action is JobAction.ABORT_JOB
    assert reaction(codes, of(exit_code=137)).action is JobAction.RESTART_JOB
    assert reaction(codes, of(exit_code=1)) == SYNC


def test_policies_of_events_and_of_exit_codes_are_asked_in_the_order_of_the_list():
    event_first = job(on("PodFailed", "RestartJob"), {"exitCode": 3, "action": "AbortJob"})
    assert reaction(event_first, of(exit_code=3)).action is JobAction.RESTART_JOB
    code_first = job({"exitCode": 3, "action": "AbortJob"}, on("PodFailed", "RestartJob"))
    assert reaction(code_first, of(exit_code=3)).action is JobAction.ABORT_JOB


@pytest.mark.parametrize("event", ["PodPending", "*"])
def test_a_pending_pod_is_answered_only_by_a_policy_with_a_time_out(event):
    pending = of(JobEvent.POD_PENDING)
    assert reaction(job(on(event, "RestartJob")), pending) == SYNC
    timed = job(on(event, "RestartJob", timeout="10m"))
    assert reaction(timed, pending) == Reaction(JobAction.RESTART_JOB, 600.0)


def test_a_time_out_delays_the_action_of_any_event():
    timed = job(on("PodFailed", "RestartPod", timeout="1m30s"))
    assert reaction(timed, of()) == Reaction(JobAction.RESTART_POD, 90.0)


def test_what_admission_would_have_refused_does_nothing():
    assert reaction(job(on("PodFailed", "Restart")), of()) == SYNC
    untimed = job(on("PodFailed", "RestartJob", timeout="soon"))
    assert reaction(untimed, of()) == Reaction(JobAction.RESTART_JOB, 0.0)

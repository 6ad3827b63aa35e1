"""The life of a job: phases, what leads from one to the next, and what ends pods on the way.

Drawn in docs/states/volcano-job.md. Two things make a step: an action, of a policy or a command,
and the sum of the pods. Source of the rules: Volcano v1.15, pkg/controllers/job/state/*.go.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from shoal.api.volcano.job import Job, JobPhase
from shoal.api.volcano.lifecycle import JobAction
from shoal.base.transitions import follow
from shoal.controllers.volcano.job_defaults import total_min_available, total_replicas

FINISHED = frozenset({JobPhase.COMPLETED, JobPhase.FAILED, JobPhase.TERMINATED})
ALIVE = frozenset({JobPhase.PENDING, JobPhase.RUNNING})
"""Phases in which pods are made."""

TARGETED = frozenset({JobAction.RESTART_POD, JobAction.RESTART_TASK, JobAction.RESTART_PARTITION})
"""Actions that end some of the pods and keep the PodGroup."""
RESTARTS = TARGETED | {JobAction.RESTART_JOB}


class JobStep(StrEnum):
    """What can happen to a job as a whole."""

    RESTART = "Restart"
    ABORT = "Abort"
    COMPLETE = "Complete"
    TERMINATE = "Terminate"
    RESUME = "Resume"
    START = "Start"
    """As many pods as it needs have begun."""
    FALL_BACK = "FallBack"
    """So many pods wait again that it has too few."""
    SUCCEED = "Succeed"
    FAIL = "Fail"
    EXHAUST = "Exhaust"
    """It was to be restarted once too often."""
    RECOVER = "Recover"
    """Enough pods of the attempt before are gone."""
    EMPTY = "Empty"
    """No pod of it is alive any more."""


_TRANSITIONS: dict[tuple[JobPhase, JobStep], JobPhase] = {
    (JobPhase.PENDING, JobStep.RESTART): JobPhase.RESTARTING,
    (JobPhase.PENDING, JobStep.ABORT): JobPhase.ABORTING,
    (JobPhase.PENDING, JobStep.COMPLETE): JobPhase.COMPLETING,
    (JobPhase.PENDING, JobStep.TERMINATE): JobPhase.TERMINATING,
    (JobPhase.PENDING, JobStep.START): JobPhase.RUNNING,
    (JobPhase.RUNNING, JobStep.RESTART): JobPhase.RESTARTING,
    (JobPhase.RUNNING, JobStep.ABORT): JobPhase.ABORTING,
    (JobPhase.RUNNING, JobStep.COMPLETE): JobPhase.COMPLETING,
    (JobPhase.RUNNING, JobStep.TERMINATE): JobPhase.TERMINATING,
    (JobPhase.RUNNING, JobStep.FALL_BACK): JobPhase.PENDING,
    (JobPhase.RUNNING, JobStep.SUCCEED): JobPhase.COMPLETED,
    (JobPhase.RUNNING, JobStep.FAIL): JobPhase.FAILED,
    (JobPhase.RESTARTING, JobStep.EXHAUST): JobPhase.FAILED,
    (JobPhase.RESTARTING, JobStep.RECOVER): JobPhase.PENDING,
    (JobPhase.ABORTING, JobStep.RESUME): JobPhase.RESTARTING,
    (JobPhase.ABORTING, JobStep.EMPTY): JobPhase.ABORTED,
    (JobPhase.ABORTED, JobStep.RESUME): JobPhase.RESTARTING,
    (JobPhase.COMPLETING, JobStep.EMPTY): JobPhase.COMPLETED,
    (JobPhase.TERMINATING, JobStep.EMPTY): JobPhase.TERMINATED,
}


def next_state(phase: JobPhase, step: JobStep) -> JobPhase:
    """Total; raises IllegalTransition for a step that the phase cannot have."""
    return follow(_TRANSITIONS, phase, step, "a job")


_STEPS: dict[JobAction, JobStep] = {
    JobAction.RESTART_JOB: JobStep.RESTART,
    JobAction.RESTART_TASK: JobStep.RESTART,
    JobAction.RESTART_POD: JobStep.RESTART,
    JobAction.RESTART_PARTITION: JobStep.RESTART,
    JobAction.ABORT_JOB: JobStep.ABORT,
    JobAction.COMPLETE_JOB: JobStep.COMPLETE,
    JobAction.TERMINATE_JOB: JobStep.TERMINATE,
    JobAction.RESUME_JOB: JobStep.RESUME,
}


def step_of_action(phase: JobPhase, action: JobAction) -> JobStep | None:
    """Where an action leads; None where it does not change the phase."""
    step = _STEPS.get(action)
    return step if step is not None and (phase, step) in _TRANSITIONS else None


class JobTally(msgspec.Struct, frozen=True, kw_only=True):
    """A job's pods, counted. Those that are being ended count as terminating only."""

    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    unknown: int = 0
    terminating: int = 0
    by_task: Mapping[str, Mapping[str, int]] = {}
    """Task -> phase -> pods."""

    @property
    def alive(self) -> int:
        return self.pending + self.running + self.terminating


def step_of_sync(job: Job, tally: JobTally) -> JobStep | None:
    """Where the pods themselves lead; None where the phase stays."""
    match job.phase:
        case JobPhase.PENDING:
            begun = tally.running + tally.succeeded + tally.failed
            return JobStep.START if job.spec.min_available <= begun else None
        case JobPhase.RUNNING:
            return _step_of_running(job, tally)
        case JobPhase.RESTARTING:
            return _step_of_restarting(job, tally)
        case JobPhase.ABORTING | JobPhase.COMPLETING | JobPhase.TERMINATING:
            return JobStep.EMPTY if tally.alive == 0 else None
        case _:
            return None


def _step_of_running(job: Job, tally: JobTally) -> JobStep | None:
    spec, total = job.spec, total_replicas(job)
    if total == 0:
        return None
    if spec.min_success is not None and tally.succeeded >= spec.min_success:
        return JobStep.SUCCEED
    if tally.succeeded + tally.failed == total:
        return JobStep.SUCCEED if _is_success(job, tally) else JobStep.FAIL
    if tally.pending > total - spec.min_available:
        return JobStep.FALL_BACK
    return None


def _is_success(job: Job, tally: JobTally) -> bool:
    """Whether enough of a job's pods have succeeded, now that all are finished."""
    spec = job.spec
    if spec.min_available >= total_min_available(job):
        for task in spec.tasks:
            if task.min_available is None or task.name not in tally.by_task:
                continue
            if tally.by_task[task.name].get("Succeeded", 0) < task.min_available:
                return False
    # More than minSuccess would not have come this far.
    return spec.min_success is None and tally.succeeded >= spec.min_available


def _step_of_restarting(job: Job, tally: JobTally) -> JobStep | None:
    if is_exhausted(job):
        return JobStep.EXHAUST
    room = total_replicas(job) - tally.terminating
    return JobStep.RECOVER if room >= job.status.min_available else None


def is_exhausted(job: Job) -> bool:
    """Whether it has been restarted as often as it may be: its finished pods are then kept for
    people to look at."""
    return job.status.retry_count >= job.spec.max_retry

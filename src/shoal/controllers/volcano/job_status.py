"""What the status of a job says, and how it comes from the one before.

Pure: statuses are values, and what is written is the difference of two. Source of the fields:
Volcano v1.15, pkg/controllers/job/job_controller_actions.go.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from shoal.api.duration import format_duration
from shoal.api.merge_patch import merge_patch
from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job, JobCondition, JobPhase, JobState, JobStatus, TaskState
from shoal.api.volcano.lifecycle import JobAction
from shoal.controllers.volcano.job_state import (
    FINISHED,
    TARGETED,
    JobStep,
    JobTally,
    next_state,
    step_of_action,
    step_of_sync,
)

_MOST_STEPS = 3
"""A job whose pods all finished between two looks goes Pending, Running, Completed."""

_ENDS = FINISHED | {JobPhase.ABORTING, JobPhase.COMPLETING, JobPhase.TERMINATING}
_EXHAUSTED = "RetriesExhausted"
_WAITING = "Waiting"
"""Reasons of this module; others are the actions that led to the phase."""


def begun(job: Job, now: datetime) -> Job:
    """A job that nobody has looked at becomes Pending."""
    if job.status.state.phase:
        return job
    return _in_phase(job, JobPhase.PENDING, now)


def counted(job: Job, tally: JobTally) -> Job:
    """With the pods as they are."""
    return _with_status(
        job,
        min_available=job.spec.min_available,
        pending=tally.pending,
        running=tally.running,
        succeeded=tally.succeeded,
        failed=tally.failed,
        unknown=tally.unknown,
        terminating=tally.terminating,
        task_status_count={
            task: TaskState(phase=dict(phases)) for task, phases in sorted(tally.by_task.items())
        },
    )


def advanced(job: Job, tally: JobTally, now: datetime, *, may_finish: bool = True) -> Job:
    """As far as the pods lead. `may_finish` is false while one of them may yet be restarted."""
    for _ in range(_MOST_STEPS):
        step = step_of_sync(job, tally)
        if step is None or (step in {JobStep.SUCCEED, JobStep.FAIL} and not may_finish):
            break
        reason, message = _explanation(job, step)
        job = _in_phase(job, next_state(job.phase, step), now, reason, message)
    return job


def _explanation(job: Job, step: JobStep) -> tuple[str, str]:
    if step is not JobStep.EXHAUST:
        return "", ""
    return _EXHAUSTED, (
        f"restarted {job.status.retry_count} times, and maxRetry is {job.spec.max_retry}"
    )


def acted(job: Job, action: JobAction, why: str, now: datetime) -> Job:
    """After an action. One that ends all pods makes them outdated by a new version."""
    step = step_of_action(job.phase, action)
    if action in TARGETED and step is None:
        return job
    if action not in TARGETED:
        job = _with_status(job, version=job.status.version + 1)
    if step is None:
        # Being restarted already: what was to be restarted in part is restarted as a whole.
        state = msgspec.structs.replace(job.status.state, reason=action.value, message=why)
        return _with_status(job, state=state)
    if step in {JobStep.RESTART, JobStep.RESUME}:
        job = _with_status(job, retry_count=job.status.retry_count + 1)
    return _in_phase(job, next_state(job.phase, step), now, action.value, why)


def waiting(job: Job, why: str) -> Job:
    """A Pending job says what it waits for besides its queue; empty for nothing."""
    state = job.status.state
    if job.phase is not JobPhase.PENDING or state.message == why:
        return job
    reason = _WAITING if why else ""
    return _with_status(job, state=msgspec.structs.replace(state, reason=reason, message=why))


def is_waiting(job: Job) -> bool:
    """See `waiting`."""
    return job.phase is JobPhase.PENDING and job.status.state.reason == _WAITING


def controlling(job: Job, resources: Mapping[str, str]) -> Job:
    """With what was made for the job beside its pods."""
    return _with_status(job, controlled_resources=dict(sorted(resources.items())))


def expiry(job: Job) -> datetime | None:
    """When a finished job is removed; None where it is kept, or not finished."""
    ttl_s, since = job.spec.ttl_seconds_after_finished, job.status.state.last_transition_time
    if job.phase not in FINISHED or ttl_s is None or since is None:
        return None
    return since + timedelta(seconds=ttl_s)


def status_patch(before: JobStatus, after: JobStatus) -> JsonObject:
    """The merge patch from one to the other; empty where they are equal."""
    return merge_patch(msgspec.to_builtins(before), msgspec.to_builtins(after))


def _in_phase(job: Job, phase: JobPhase, now: datetime, reason: str = "", message: str = "") -> Job:
    now = now.replace(microsecond=0)
    state = JobState(phase=phase.value, reason=reason, message=message, last_transition_time=now)
    others = [each for each in job.status.conditions if each.status != phase]
    here = JobCondition(status=phase.value, last_transition_time=now)
    job = _with_status(job, state=state, conditions=[*others, here])
    created = job.metadata.creation_timestamp
    if phase in _ENDS and created is not None:
        length_s = max(0, int((now - created).total_seconds()))
        job = _with_status(job, running_duration=format_duration(length_s))
    return job


def _with_status(job: Job, **fields: object) -> Job:
    return msgspec.structs.replace(job, status=msgspec.structs.replace(job.status, **fields))

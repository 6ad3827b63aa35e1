"""The status of a JobFlow: its jobs by phase, and the history of each.

Source of the fields: Volcano v1.15, pkg/controllers/jobflow. Other than there, the lists follow
the order of the steps, times are those at which the jobs' phases changed, and the jobs are this
flow's own, not all that share its templates.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shoal.api.merge_patch import merge_patch
from shoal.api.resource import JsonObject
from shoal.api.volcano.flow import (
    FlowCondition,
    FlowJobStatus,
    FlowState,
    JobFlow,
    JobFlowStatus,
    JobRunningHistory,
)
from shoal.api.volcano.job import Job, JobPhase
from shoal.controllers.volcano.flow_plan import FlowStep
from shoal.controllers.volcano.job_state import FINISHED

_LISTS = {
    JobPhase.PENDING: "pending_jobs",
    JobPhase.RUNNING: "running_jobs",
    JobPhase.FAILED: "failed_jobs",
    JobPhase.COMPLETED: "completed_jobs",
    JobPhase.TERMINATED: "terminated_jobs",
}
_OTHERS = "un_know_jobs"


def status_of(
    flow: JobFlow, steps: Sequence[FlowStep], state: FlowState, now: datetime
) -> JobFlowStatus:
    """The whole status. What is known of jobs that are gone is kept."""
    before = {each.name: each for each in flow.status.job_status_list}
    lists: dict[str, list[str]] = {}
    entries: list[FlowJobStatus] = []
    conditions: dict[str, FlowCondition] = {}
    for step in steps:
        entry = before.get(step.job_name)
        if step.job is not None:
            entry = _entry(step.job, entry, now)
            conditions[step.job_name] = _condition(step.job)
        elif entry is None:
            continue
        elif step.job_name in flow.status.conditions:
            conditions[step.job_name] = flow.status.conditions[step.job_name]
        entries.append(entry)
        lists.setdefault(_list_of(entry.state), []).append(step.job_name)
    return JobFlowStatus(**lists, job_status_list=entries, conditions=conditions, state=state)


def _list_of(state: str) -> str:
    return next((name for phase, name in _LISTS.items() if phase == state), _OTHERS)


def _entry(job: Job, before: FlowJobStatus | None, now: datetime) -> FlowJobStatus:
    phase = job.phase
    changed_at = job.status.state.last_transition_time or now.replace(microsecond=0)
    histories = list(before.running_histories) if before is not None else []
    if not histories or histories[-1].state != phase:
        if histories:
            histories[-1] = msgspec.structs.replace(histories[-1], end_timestamp=changed_at)
        histories.append(JobRunningHistory(start_timestamp=changed_at, state=phase))
    return FlowJobStatus(
        name=job.metadata.name,
        state=phase,
        start_timestamp=job.metadata.creation_timestamp,
        end_timestamp=histories[-1].start_timestamp if phase in FINISHED else None,
        restart_count=job.status.retry_count,
        running_histories=histories,
    )


def _condition(job: Job) -> FlowCondition:
    return FlowCondition(
        phase=job.phase,
        create_timestamp=job.metadata.creation_timestamp,
        running_duration=job.status.running_duration,
        task_status_count=msgspec.to_builtins(job.status.task_status_count),
    )


def status_patch(before: JobFlowStatus, after: JobFlowStatus) -> JsonObject:
    """A merge patch from one to the other; empty where they are the same."""
    if before == after:
        return {}
    return merge_patch(msgspec.to_builtins(before), msgspec.to_builtins(after))

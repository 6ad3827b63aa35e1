"""What `shoal explain` says of a job: where it stands, and what its gang or its queue waits for."""

from datetime import datetime

import msgspec

from shoal.api.pod import PodSpec
from shoal.api.volcano.job import DEFAULT_MAX_RETRY, Job, JobPhase
from shoal.api.volcano.queue import DEFAULT
from shoal.cli.phrases import lasting
from shoal.cli.volcano.group_story import group_story, queue_obstacles
from shoal.scheduler.explaining.gang_view import GangView
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import amounts_of
from shoal.scheduler.state import request
from shoal.scheduler.state.request import Amounts

_UNDER_WAY = (JobPhase.PENDING, JobPhase.RUNNING, JobPhase.RESTARTING)


def job_story(job: Job, group: Group | None, view: GangView, now: datetime) -> list[str]:
    """Sentences, the most telling first."""
    lines = job_lines(job, now)
    if job.phase not in _UNDER_WAY:
        return lines
    if group is None:
        return [*lines, *_without_group(job, view)]
    return [
        *lines,
        *_tasks_behind_others(job),
        *(f"  {each}" for each in group_story(group, view, now, _pods_to_come(job))),
    ]


def job_lines(job: Job, now: datetime) -> list[str]:
    """What the job itself tells."""
    state, status, name = job.status.state, job.status, job.metadata.name
    why = ": ".join(filter(None, (state.reason, state.message)))
    since = lasting(state.last_transition_time or job.metadata.creation_timestamp, now)
    lines = [f"Job {job.metadata.key} is {job.phase}{since}{f' ({why})' if why else ''}."]
    told = {
        "pending": status.pending,
        "running": status.running,
        "succeeded": status.succeeded,
        "failed": status.failed,
        "terminating": status.terminating,
    }
    counts = ", ".join(f"{count} {phase}" for phase, count in told.items() if count)
    if counts:
        lines.append(f"  Its pods: {counts}.")
    if status.retry_count:
        most = job.spec.max_retry or DEFAULT_MAX_RETRY
        lines.append(f"  It was restarted {status.retry_count} of {most} times.")
    if job.phase is JobPhase.ABORTED:
        lines.append(f"  It is suspended: `shoal job resume {name}` starts it anew.")
    return lines


def _pods_to_come(job: Job) -> dict[str, Amounts]:
    """What a pod of each task asks for."""
    specs = {
        f"A pod of task {task.name}": msgspec.convert(task.template.get("spec") or {}, PodSpec)
        for task in job.spec.tasks
    }
    return {name: amounts_of(request.of_pod(spec)) for name, spec in specs.items()}


def _without_group(job: Job, view: GangView) -> list[str]:
    obstacles = queue_obstacles(job.spec.queue or DEFAULT, view)
    return obstacles or ["  It has no PodGroup yet: the Job controller makes one; does it run?"]


def _tasks_behind_others(job: Job) -> list[str]:
    return [
        f"  Pods of task {task.name} are made after those of"
        f" {(' or ' if task.depends_on.iteration == 'any' else ', ').join(task.depends_on.name)}."
        for task in job.spec.tasks
        if task.depends_on is not None and task.depends_on.name
    ]

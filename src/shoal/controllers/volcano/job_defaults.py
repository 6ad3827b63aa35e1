"""A job as it is meant: what its author left out, filled in.

Admission fills most of it in before a job is stored; a cluster without that webhook has the same
jobs in the end. Source: Volcano v1.15, pkg/webhooks/admission/jobs/mutate/mutate_job.go.
"""

import msgspec

from shoal.api.volcano.job import DEFAULT_MAX_RETRY, SCHEDULER_NAME, Job, TaskSpec
from shoal.api.volcano.queue import DEFAULT


def with_defaults(job: Job) -> Job:
    """Only a minimum of 0 pods stays as it is: that is how a gang is made none."""
    spec = job.spec
    return msgspec.structs.replace(
        job,
        spec=msgspec.structs.replace(
            spec,
            tasks=[_task(task, index) for index, task in enumerate(spec.tasks)],
            queue=spec.queue or DEFAULT,
            scheduler_name=spec.scheduler_name or SCHEDULER_NAME,
            max_retry=spec.max_retry or DEFAULT_MAX_RETRY,
        ),
    )


def total_replicas(job: Job) -> int:
    return sum(task.replicas for task in job.spec.tasks)


def min_available(task: TaskSpec) -> int:
    """Of a task with its defaults."""
    return task.replicas if task.min_available is None else task.min_available


def total_min_available(job: Job) -> int:
    return sum(min_available(task) for task in job.spec.tasks)


def _task(task: TaskSpec, index: int) -> TaskSpec:
    least = task.min_available
    parts = task.partition_policy
    if least is None and parts is not None and parts.min_partitions > 0:
        least = parts.min_partitions * parts.partition_size
    return msgspec.structs.replace(
        task,
        name=task.name or f"default{index}",
        max_retry=task.max_retry or DEFAULT_MAX_RETRY,
        min_available=least,
    )

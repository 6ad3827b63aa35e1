"""The pods of a job: what each is called, says of itself and mounts.

Source of names, labels and annotations: Volcano v1.15, pkg/controllers/job/
job_controller_util.go (createJobPod).
"""

import copy

from shoal.api.meta import OwnerReference
from shoal.api.owners import controller_reference
from shoal.api.pod import Pod
from shoal.api.resource import JsonObject
from shoal.api.volcano import keys
from shoal.api.volcano.job import JOBS, Job, TaskSpec
from shoal.controllers.volcano.job_plugins.hosts import pod_name
from shoal.controllers.volcano.job_plugins.plugin import JobPlugin, PodContext
from shoal.controllers.volcano.job_volumes import add_volumes

_INHERITED_LABELS = (keys.PREEMPTABLE, keys.COOLDOWN_TIME)
_INHERITED_ANNOTATIONS = (
    keys.PREEMPTABLE,
    keys.COOLDOWN_TIME,
    keys.REVOCABLE_ZONE,
)
_DISRUPTION_ANNOTATIONS = (keys.JDB_MIN_AVAILABLE, keys.JDB_MAX_UNAVAILABLE)
"""The first that the job has counts."""


def owner_reference(job: Job) -> JsonObject:
    """What makes the job the controller of an object, which then goes with it."""
    return controller_reference(JOBS.api_version, JOBS.kind, job.metadata)


def is_job(owner: OwnerReference | None) -> bool:
    """Whether the controller of an object is a job of Volcano's kind."""
    return owner is not None and (owner.api_version, owner.kind) == (JOBS.api_version, JOBS.kind)


def version_of(pod: Pod) -> int:
    """`status.version` of the job when the pod was made."""
    return _number(pod.metadata.annotations.get(keys.JOB_VERSION))


def task_of(pod: Pod) -> str:
    return pod.metadata.annotations.get(keys.TASK_SPEC, "")


def index_of(pod: Pod) -> int:
    """Within its task."""
    return _number(pod.metadata.annotations.get(keys.TASK_INDEX))


def partition_of(pod: Pod) -> str:
    """Empty where its task has no partitions."""
    return pod.metadata.labels.get(keys.PARTITION_ID, "")


def manifest(
    job: Job, task: TaskSpec, index: int, group_name: str, plugins: list[JobPlugin]
) -> JsonObject:
    """The pod as it is created. `job` has its defaults."""
    template = task.template.get("metadata") or {}
    pod: JsonObject = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name(job.metadata.name, task.name, index),
            "namespace": job.metadata.namespace,
            "labels": {**(template.get("labels") or {}), **_labels(job, task, index)},
            "annotations": {
                **(template.get("annotations") or {}),
                **_annotations(job, task, index, group_name),
            },
            "ownerReferences": [owner_reference(job)],
        },
        "spec": _spec(job, task),
    }
    context = PodContext(job=job, task=task, task_index=index)
    for plugin in plugins:
        plugin.on_pod(pod, context)
    return pod


def _spec(job: Job, task: TaskSpec) -> JsonObject:
    spec: JsonObject = copy.deepcopy(task.template.get("spec") or {})
    if not spec.get("schedulerName"):
        spec["schedulerName"] = job.spec.scheduler_name
    if job.spec.priority_class_name and not spec.get("priorityClassName"):
        spec["priorityClassName"] = job.spec.priority_class_name
    add_volumes(spec, job)
    return spec


def _labels(job: Job, task: TaskSpec, index: int) -> dict[str, str]:
    own = {
        keys.TASK_INDEX: str(index),
        keys.JOB_NAME: job.metadata.name,
        keys.TASK_SPEC: task.name,
        keys.JOB_NAMESPACE: job.metadata.namespace,
        keys.JOB_QUEUE_NAME: job.spec.queue,
    }
    if task.partition_policy is not None and task.partition_policy.partition_size > 0:
        own[keys.PARTITION_ID] = str(index // task.partition_policy.partition_size)
    labels = job.metadata.labels
    return own | {name: labels[name] for name in _INHERITED_LABELS if name in labels}


def _annotations(job: Job, task: TaskSpec, index: int, group_name: str) -> dict[str, str]:
    own = {
        keys.TASK_INDEX: str(index),
        keys.TASK_SPEC: task.name,
        keys.GROUP_NAME: group_name,
        keys.JOB_NAME: job.metadata.name,
        keys.JOB_QUEUE_NAME: job.spec.queue,
        keys.JOB_VERSION: str(job.status.version),
        keys.TEMPLATE_UID: f"{job.metadata.name}-{task.name}",
        keys.JOB_RETRY_COUNT: str(job.status.retry_count),
    }
    if task.topology_policy:
        own[keys.NUMA_TOPOLOGY_POLICY] = task.topology_policy
    said = job.metadata.annotations
    inherited = [name for name in _INHERITED_ANNOTATIONS if name in said]
    inherited += [name for name in _DISRUPTION_ANNOTATIONS if name in said][:1]
    return own | {name: said[name] for name in inherited}


def _number(text: str | None) -> int:
    """-1 where the pod does not say, or says nonsense: users may edit annotations."""
    return int(text) if text is not None and text.isdecimal() else -1

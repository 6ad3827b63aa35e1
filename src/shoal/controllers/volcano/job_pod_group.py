"""The PodGroup of a job: how many of its pods belong together, and what its queue must have.

Source: Volcano v1.15, pkg/controllers/job/job_controller_actions.go (createOrUpdatePodGroup,
calcPGMinResources) and job_controller_util.go (TasksPriority).
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from shoal.api.pod import PodSpec
from shoal.api.quota.amounts import Usage, add, resource_list
from shoal.api.resource import JsonObject
from shoal.api.volcano import keys
from shoal.api.volcano.job import Job, TaskSpec
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup, PodGroupPhase
from shoal.controllers.volcano.job_defaults import min_available, total_min_available
from shoal.controllers.volcano.job_pods import owner_reference
from shoal.controllers.volcano.pod_quota import pod_usage

PriorityOf = Callable[[str], int]
"""The value of the PriorityClass of that name; 0 where there is none."""


def group_name(job: Job) -> str:
    """Of a new one."""
    return f"{job.metadata.name}-{job.metadata.uid}"


def is_admitted(group: PodGroup | None) -> bool:
    """Whether pods may be made: their queue has room for the gang."""
    return group is not None and group.phase is not PodGroupPhase.PENDING


def manifest(job: Job, priority_of: PriorityOf) -> JsonObject:
    """`job` has its defaults."""
    annotations = dict(job.metadata.annotations)
    if job.spec.running_estimate:
        annotations[keys.RUNNING_ESTIMATE] = job.spec.running_estimate
    return {
        "apiVersion": POD_GROUPS.api_version,
        "kind": POD_GROUPS.kind,
        "metadata": {
            "name": group_name(job),
            "namespace": job.metadata.namespace,
            "labels": dict(job.metadata.labels),
            "annotations": annotations,
            "ownerReferences": [owner_reference(job)],
        },
        "spec": group_spec(job, priority_of),
    }


def group_spec(job: Job, priority_of: PriorityOf) -> JsonObject:
    spec: JsonObject = {
        "minMember": job.spec.min_available,
        "minTaskMember": {task.name: min_available(task) for task in job.spec.tasks},
        "queue": job.spec.queue,
        "minResources": resource_list(min_resources(job, priority_of)),
    }
    if job.spec.priority_class_name:
        spec["priorityClassName"] = job.spec.priority_class_name
    if job.spec.network_topology is not None:
        spec["networkTopology"] = msgspec.to_builtins(job.spec.network_topology)
    policies = [policy for task in job.spec.tasks if (policy := _sub_group_policy(task))]
    if policies:
        spec["subGroupPolicy"] = policies
    return spec


def spec_patch(job: Job, group: PodGroup, priority_of: PriorityOf) -> JsonObject:
    """What of the group's spec follows the job and differs; empty where nothing does."""
    wanted, found = group_spec(job, priority_of), group.spec
    there: JsonObject = {
        "minMember": found.min_member,
        "minTaskMember": found.min_task_member,
        "minResources": {name: str(text) for name, text in (found.min_resources or {}).items()},
        "priorityClassName": found.priority_class_name,
    }
    changed = {name: wanted.get(name, "") for name in there if wanted.get(name, "") != there[name]}
    if "minResources" in changed:
        gone = dict.fromkeys(there["minResources"].keys() - changed["minResources"].keys())
        changed["minResources"] = {**changed["minResources"], **gone}
    return changed


def _sub_group_policy(task: TaskSpec) -> JsonObject | None:
    parts = task.partition_policy
    if parts is None:
        return None
    policy: JsonObject = {
        "name": task.name,
        "subGroupSize": parts.partition_size,
        "minSubGroups": parts.min_partitions,
        "labelSelector": {"matchLabels": {keys.TASK_SPEC: task.name}},
        "matchLabelKeys": [keys.PARTITION_ID],
    }
    if parts.network_topology is not None:
        policy["networkTopology"] = msgspec.to_builtins(parts.network_topology)
    return policy


def min_resources(job: Job, priority_of: PriorityOf) -> Usage:
    """What the pods take that must all be placed: those of tasks that matter more come first."""
    tasks = sorted(job.spec.tasks, key=lambda task: -_priority(task, priority_of))
    total: Usage = {}
    for task, count in _needed(job, tasks):
        if count > 0:
            add(total, pod_usage(pod_spec(task)), count)
    return total


def _needed(job: Job, tasks: list[TaskSpec]) -> Iterator[tuple[TaskSpec, int]]:
    left = job.spec.min_available
    if left < total_min_available(job):
        yield from _take(left, [(task, task.replicas) for task in tasks])
        return
    own = [(task, task.min_available or 0) for task in tasks]
    yield from _take(left, own)
    left -= sum(count for _, count in own)
    yield from _take(left, [(task, task.replicas - (task.min_available or 0)) for task in tasks])


def _take(left: int, offers: list[tuple[TaskSpec, int]]) -> Iterator[tuple[TaskSpec, int]]:
    """As many pods as are left to take, in order."""
    for task, offered in offers:
        count = min(left, offered)
        if count <= 0:
            continue
        yield task, count
        left -= count


def _priority(task: TaskSpec, priority_of: PriorityOf) -> int:
    name: str = (task.template.get("spec") or {}).get("priorityClassName") or ""
    return priority_of(name) if name else 0


def pod_spec(task: TaskSpec) -> PodSpec:
    spec: Mapping[str, object] = task.template.get("spec") or {}
    return msgspec.convert(spec, PodSpec)

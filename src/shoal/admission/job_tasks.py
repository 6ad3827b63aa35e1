"""What one task of a Job must be. Source of verdicts and texts: Volcano v1.15,
pkg/webhooks/admission/jobs/validate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from shoal.admission.policies import refuse_policies
from shoal.admission.texts import BOTH_TIERS, bracketed
from shoal.api.names import dns_label, qualified_name
from shoal.api.quality_of_service import qos_class
from shoal.api.quantity import parse
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.api.volcano.job import PartitionPolicy, TaskSpec

TemplateRules = Callable[[JsonObject], Sequence[Cause]]
"""What Kubernetes has against a pod template; fields are named `template.spec...`."""


def refuse_task(
    task: TaskSpec, index: int, job_name: str, template_rules: TemplateRules
) -> Iterator[str]:
    where = f"in task: {task.name}, job: {job_name}"
    if task.replicas < 0:
        yield f" 'replicas' < 0 {where};"
    if task.min_available is not None and task.min_available < 0:
        yield f" 'minAvailable' < 0 {where};"
    elif task.min_available is not None and task.min_available > task.replicas:
        yield f" 'minAvailable' is greater than 'replicas' {where};"
    faults = dns_label(task.name)
    if faults:
        yield f" {bracketed(faults)};"
    if task.partition_policy is not None:
        yield from _partition_faults(task, task.partition_policy, where)
    yield refuse_policies(task.policies, "spec.tasks.policies")
    pod_name = f"{job_name}-{task.name}-{index}"
    faults = qualified_name(pod_name)
    if faults:
        yield f"create pod with name {pod_name} validate failed {bracketed(faults)};"
    causes = template_rules(task.template)
    if causes:
        yield f"spec.task[{index}]." + "".join(f"{cause}. " for cause in causes)
    else:
        yield _topology_fault(task, index)


def _partition_faults(task: TaskSpec, policy: PartitionPolicy, where: str) -> Iterator[str]:
    if policy.total_partitions <= 0:
        yield f" 'TotalPartitions' must be greater than 0 {where};"
    if policy.partition_size <= 0:
        yield f" 'PartitionSize' must be greater than 0 {where};"
    if task.replicas != policy.total_partitions * policy.partition_size:
        yield f" 'Replicas' are not equal to TotalPartitions*PartitionSize {where};"
    minimum = policy.min_partitions * policy.partition_size
    if minimum > 0 and task.min_available not in (None, minimum):
        yield f" 'MinAvailable' is not equal to MinPartitions*PartitionSize {where};"
    if policy.network_topology is not None and policy.network_topology.is_contradictory:
        yield f" {BOTH_TIERS};"


def _topology_fault(task: TaskSpec, index: int) -> str:
    """A policy for NUMA nodes takes whole CPUs that nobody else has."""
    if task.topology_policy in ("", "none"):
        return ""
    spec: JsonObject = task.template.get("spec") or {}
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    resources = [_requests_and_limits(container) for container in containers]
    quality = qos_class(resources)
    if quality != "Guaranteed":
        return f"spec.task[{index}] isn't Guaranteed pod, kind={quality}"
    for number, (requests, _) in enumerate(resources):
        cpu = parse(requests.get("cpu", 0))
        if cpu == 0 or cpu != cpu.to_integral_value():
            return f"the cpu request isn't  an integer in spec.task[{index}] container[{number}]."
    return ""


def _requests_and_limits(container: JsonObject) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    resources: JsonObject = container.get("resources") or {}
    limits: JsonObject = resources.get("limits") or {}
    return resources.get("requests") or limits, limits

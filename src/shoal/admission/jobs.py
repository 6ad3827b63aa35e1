"""Which Jobs may be created, and what of them may change. Source of verdicts and texts:
Volcano v1.15, pkg/webhooks/admission/jobs/validate.

Findings are strung together as Volcano does it; a few that make the rest pointless stand alone.
What a task is checked for stands in `job_tasks`.
"""

from collections.abc import Iterator, Mapping

from shoal.admission.job_tasks import TemplateRules, refuse_task
from shoal.admission.lookup import Lookup, children_of, queue_missing, queue_named
from shoal.admission.ordering import has_order
from shoal.admission.policies import refuse_policies, unreadable_durations
from shoal.admission.texts import BOTH_TIERS, bracketed
from shoal.api.names import dns_subdomain, qualified_name
from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job, VolumeSpec
from shoal.api.volcano.plugin_flags import Flags
from shoal.api.volcano.queue import ROOT

PLUGINS = ("svc", "env", "ssh", "tensorflow", "pytorch", "mpi", "ray", "hcclrank")
"""What a job may name among its plugins."""

_MPI_MASTER = "master"
_ONLY_THESE = (
    "job updates may not change fields other than `minAvailable`, `tasks[*].replicas under spec`"
    " and `PriorityClassName`"
)
_EITHER_CLAIM = (
    "conflict: If you want to use an existing PVC, just specify VolumeClaimName.If you want to"
    " create a new PVC, you do not need to specify VolumeClaimName"
)
_NOT_ORDERED = (
    " job has dependencies between tasks, but doesn't form a directed acyclic graph(DAG);"
)


def refuse_job(job: Job, lookup: Lookup, template_rules: TemplateRules) -> str:
    """Why a job may not be created; empty where it may."""
    spec = job.spec
    for fault in unreadable_durations(spec):
        # Volcano stops there, too: it cannot decode the job.
        return fault
    if not spec.tasks:
        return "No task specified in job spec"
    if "mpi" in spec.plugins:
        master = Flags(spec.plugins["mpi"]).text("master", _MPI_MASTER)
        if all(task.name != master for task in spec.tasks):
            return "The specified mpi master task was not found"
    return "".join(_findings(job, lookup, template_rules)).strip()


def _findings(job: Job, lookup: Lookup, template_rules: TemplateRules) -> Iterator[str]:
    spec, name = job.spec, job.metadata.name
    if spec.network_topology is not None and spec.network_topology.is_contradictory:
        yield f" {BOTH_TIERS};"
    known: set[str] = set()
    total_replicas = 0
    for index, task in enumerate(spec.tasks):
        total_replicas += task.replicas
        if task.name in known:
            # As in Volcano: the tasks after it are not looked at, nor counted.
            yield f" duplicated task name {task.name};"
            break
        known.add(task.name)
        yield from refuse_task(task, index, name, template_rules)
    faults = qualified_name(name)
    if faults:
        yield f"create job with name {name} validate failed {bracketed(faults)}"
    if total_replicas < spec.min_available:
        yield " job 'minAvailable' should not be greater than total replicas in tasks;"
    yield refuse_policies(spec.policies, "spec.policies")
    for plugin in sorted(set(spec.plugins) - set(PLUGINS)):
        yield f" unable to find job plugin: {plugin};"
    yield _volume_fault(spec.volumes)
    yield from _queue_faults(spec.queue, lookup)
    dependencies = {task.name: task.depends_on for task in spec.tasks}
    if any(each is not None for each in dependencies.values()):
        names = {task: list(each.name) if each else [] for task, each in dependencies.items()}
        yield "" if has_order(names) else _NOT_ORDERED


def _volume_fault(volumes: list[VolumeSpec]) -> str:
    """The first volume that is wrong."""
    seen: set[str] = set()
    for volume in volumes:
        if not volume.mount_path:
            return " mountPath is required;"
        if volume.mount_path in seen:
            return f" duplicated mountPath: {volume.mount_path};"
        seen.add(volume.mount_path)
        if volume.volume_claim is None and not volume.volume_claim_name:
            return " either VolumeClaim or VolumeClaimName must be specified;"
        if volume.volume_claim is not None and volume.volume_claim_name:
            return _EITHER_CLAIM
        faults = dns_subdomain(volume.volume_claim_name) if volume.volume_claim_name else ()
        if faults:
            return f"invalid VolumeClaimName {volume.volume_claim_name} : {bracketed(faults)}"
    return ""


def _queue_faults(name: str, lookup: Lookup) -> Iterator[str]:
    queue = queue_named(lookup, name)
    if queue is None:
        yield f" unable to find job queue: {queue_missing(name)};"
        return
    if not queue.is_open:
        yield (
            f" can only submit job to queue with state `Open`, queue `{name}` status is"
            f" `{queue.status.state}`;"
        )
    if name == ROOT:
        yield " can not submit job to root queue;"
        return
    children = children_of(lookup, name)
    if children:
        yield (
            f" can only submit job to leaf queue, queue `{name}` has {len(children)} child queues;"
        )


def refuse_job_change(job: Job, old: Job, raw: JsonObject, old_raw: JsonObject) -> str:
    """Why a job may not become another one; empty where it may."""
    for task in job.spec.tasks:
        if task.replicas < 0:
            return f"'replicas' must be >= 0 in task: {task.name}"
        if task.min_available is not None and task.min_available < 0:
            return f"'minAvailable' must be >= 0 in task: {task.name}"
        if task.min_available is not None and task.min_available > task.replicas:
            return f"'minAvailable' must be <= 'replicas' in task: {task.name}"
    if job.spec.min_available > sum(task.replicas for task in job.spec.tasks):
        return "job 'minAvailable' must not be greater than total replicas"
    if job.spec.min_available < 0:
        return "job 'minAvailable' must be >= 0"
    if len(job.spec.tasks) != len(old.spec.tasks):
        return "job updates may not add or remove tasks"
    if _fixed_part(raw.get("spec") or {}) != _fixed_part(old_raw.get("spec") or {}):
        return _ONLY_THESE
    return ""


def _fixed_part(spec: JsonObject) -> object:
    """What of a spec must stay as it is."""
    fixed = {k: v for k, v in spec.items() if k not in ("minAvailable", "priorityClassName")}
    fixed["tasks"] = [
        {k: v for k, v in task.items() if k not in ("replicas", "minAvailable")}
        for task in spec.get("tasks") or []
    ]
    # The controller writes the names of the claims it has made.
    fixed["volumes"] = [
        {k: v for k, v in volume.items() if k != "volumeClaimName" or "volumeClaim" not in volume}
        for volume in spec.get("volumes") or []
    ]
    return _without_empty(fixed)


def _without_empty(value: object) -> object:
    """Absent and empty are the same to Go programs."""
    if isinstance(value, Mapping):
        kept = {key: _without_empty(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, "", {}, [])}
    if isinstance(value, list):
        return [_without_empty(each) for each in value]
    return value

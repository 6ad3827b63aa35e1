"""The pods of a Job: how each is made, and what it tells of its fate.

Pure. Source of names, annotations and rules: Kubernetes v1.36, pkg/controller/job
(indexed_job_utils.go, backoff_utils.go, job_controller.go).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from shoal.api.batch import (
    COMPLETION_INDEX,
    INDEX_FAILURE_COUNT,
    INDEX_IGNORED_FAILURE_COUNT,
    JOBS,
    TRACKING_FINALIZER,
    Job,
)
from shoal.api.meta import OwnerReference, find_condition
from shoal.api.owners import controller_reference
from shoal.api.pod import ContainerStatus, Pod
from shoal.api.resource import JsonObject

NO_INDEX = -1
_INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
_PREFIX_MAX = 58
"""Of a generated name: 63 characters without the five that are random."""
_COUNT_MAX = 2**31 - 1


def is_job(owner: OwnerReference | None) -> bool:
    """Whether the controller of an object is a Job of batch/v1."""
    return owner is not None and owner.kind == JOBS.kind and owner.api_version == JOBS.api_version


def is_tracked(pod: Pod) -> bool:
    return TRACKING_FINALIZER in pod.metadata.finalizers


def is_active(pod: Pod) -> bool:
    return not pod.is_finished and not pod.is_deleting


def is_terminating(pod: Pod) -> bool:
    return pod.is_deleting and not pod.is_finished


def is_failed(job: Job, pod: Pod) -> bool:
    """Whether it counts as failed: a pod that is being deleted does, unless its replacement waits
    for its end."""
    if pod.status.phase == "Failed":
        return True
    return not waits_for_end(job) and pod.is_deleting and pod.status.phase != "Succeeded"


def waits_for_end(job: Job) -> bool:
    """Whether a pod is replaced only when it has ended, not when it is being deleted."""
    is_policy = job.spec.pod_failure_policy is not None
    return is_policy or job.spec.pod_replacement_policy == "Failed"


def index_of(pod: Pod) -> int:
    """NO_INDEX where it has none."""
    text = pod.metadata.annotations.get(COMPLETION_INDEX, "")
    return int(text) if text.isascii() and text.isdigit() else NO_INDEX


def valid_index_of(job: Job, pod: Pod) -> int:
    """NO_INDEX where the job has no such index."""
    index = index_of(pod)
    return index if index < (job.spec.completions or 0) else NO_INDEX


def indexes_of(pods: Iterable[Pod]) -> set[int]:
    return {index for pod in pods if (index := index_of(pod)) != NO_INDEX}


def index_failures(pod: Pod) -> int:
    """Failures of its index before it that count."""
    return _count(pod, INDEX_FAILURE_COUNT)


def ignored_failures(pod: Pod) -> int:
    """Failures of its index before it that a rule ignores."""
    return _count(pod, INDEX_IGNORED_FAILURE_COUNT)


def _count(pod: Pod, annotation: str) -> int:
    text = pod.metadata.annotations.get(annotation, "")
    number = int(text) if text.isascii() and text.isdigit() else 0
    return number if number <= _COUNT_MAX else 0


def restarts(pods: Iterable[Pod]) -> int:
    """Of all containers of pods that have not ended."""
    return sum(
        status.restart_count
        for pod in pods
        if pod.status.phase in {"Running", "Pending"}
        for status in (*pod.status.init_container_statuses, *pod.status.container_statuses)
    )


def finished_at(pod: Pod) -> datetime | None:
    """When it ended: by its containers, else by its readiness, its deletion, its creation."""
    status = pod.status
    sidecars = {container.name for container in pod.spec.init_containers if container.is_sidecar}
    beside = [each for each in status.init_container_statuses if each.name in sidecars]
    ended = _ends([*status.container_statuses, *beside])
    if ended is not None:
        return ended
    ready = find_condition(status.conditions, "Ready")
    if ready is not None and ready.status == "False" and ready.last_transition_time is not None:
        return ready.last_transition_time
    if pod.metadata.deletion_timestamp is not None:
        grace = timedelta(seconds=pod.metadata.deletion_grace_period_seconds or 0)
        return pod.metadata.deletion_timestamp - grace
    return pod.metadata.creation_timestamp


def _ends(statuses: list[ContainerStatus]) -> datetime | None:
    """The last end, where all have ended."""
    ends = [
        status.state.terminated.finished_at if status.state.terminated else None
        for status in statuses
    ]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def pod_body(job: Job, index: int | None = None, failures: tuple[int, int] = (0, 0)) -> JsonObject:
    """A pod as the template says, owned and tracked by the job. With an index it knows it by
    label, annotation, hostname and environment; `failures` of the index before it, those that
    count and those that are ignored, matter where each index has a limit."""
    template = job.spec.template
    written: JsonObject = template.get("metadata") or {}
    finalizers: list[str] = written.get("finalizers") or []
    metadata: JsonObject = {
        "generateName": _prefix(job.metadata.name, index),
        "ownerReferences": [controller_reference(JOBS.api_version, JOBS.kind, job.metadata)],
        "finalizers": [*finalizers, *({TRACKING_FINALIZER} - set(finalizers))],
        "labels": written.get("labels") or {},
        "annotations": written.get("annotations") or {},
    }
    spec: JsonObject = template.get("spec") or {}
    if index is not None:
        mark = {COMPLETION_INDEX: str(index)}
        metadata["labels"] = {**metadata["labels"], **mark}
        metadata["annotations"] = {**metadata["annotations"], **mark}
        if job.spec.backoff_limit_per_index is not None:
            metadata["annotations"] |= _failure_marks(*failures)
        spec = _knowing_its_index(spec) | {"hostname": f"{job.metadata.name}-{index}"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _prefix(name: str, index: int | None) -> str:
    ending = "-" if index is None else f"-{index}-"
    return name[: _PREFIX_MAX - len(ending)] + ending


def _failure_marks(failures: int, ignored: int) -> dict[str, str]:
    marks = {INDEX_FAILURE_COUNT: str(failures)}
    return {**marks, INDEX_IGNORED_FAILURE_COUNT: str(ignored)} if ignored else marks


def _knowing_its_index(spec: JsonObject) -> JsonObject:
    path = f"metadata.labels['{COMPLETION_INDEX}']"
    variable = {"name": _INDEX_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": path}}}

    def told(container: JsonObject) -> JsonObject:
        variables: list[JsonObject] = container.get("env") or []
        if any(each.get("name") == _INDEX_VARIABLE for each in variables):
            return container
        return {**container, "env": [*variables, variable]}

    fields = ("containers", "initContainers")
    return {**spec, **{f: [told(c) for c in spec[f]] for f in fields if spec.get(f)}}

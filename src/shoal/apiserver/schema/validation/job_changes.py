"""What may change in the spec of a job.

Source of rules and texts: Kubernetes v1.36, pkg/apis/batch/validation, with the feature gates
that are on by default there.
"""

import copy
from collections.abc import Iterator

from shoal.api import causes
from shoal.api.resource import JsonObject
from shoal.api.status import Cause

_IMMUTABLE = (
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "managedBy",
    "successPolicy",
)
_SCHEDULING = ("nodeSelector", "tolerations", "schedulingGates")


def job_changes(spec: JsonObject, old: JsonObject) -> Iterator[Cause]:
    """What a changed spec changes that it may not; `old` is the whole job."""
    before: JsonObject = old.get("spec") or {}
    yield from _completions(spec, before)
    yield from causes.immutable("spec.selector", spec.get("selector"), before.get("selector"))
    template: JsonObject = spec.get("template") or {}
    allowed = before.get("template") or {}
    if _is_held(old):
        allowed = _with_mutable_part(allowed, template)
    yield from causes.immutable("spec.template", template, allowed)
    for field in _IMMUTABLE:
        yield from causes.immutable(f"spec.{field}", spec.get(field), before.get(field))


def _completions(spec: JsonObject, before: JsonObject) -> Iterator[Cause]:
    new, old = spec.get("completions"), before.get("completions")
    if spec.get("completionMode") != "Indexed":
        yield from causes.immutable("spec.completions", new, old)
    elif new not in {None, old, spec.get("parallelism")}:
        text = "can only be modified in tandem with spec.parallelism"
        yield causes.invalid("spec.completions", new, text)


def _is_held(old: JsonObject) -> bool:
    """Suspended, and nothing runs any more."""
    status: JsonObject = old.get("status") or {}
    if not (old.get("spec") or {}).get("suspend") or status.get("active"):
        return False
    return not status.get("startTime") or any(
        condition.get("type") == "Suspended" and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )


def _with_mutable_part(before: JsonObject, new: JsonObject) -> JsonObject:
    """The old template with what a held job may change taken from the new one."""
    allowed = copy.deepcopy(before)
    metadata: JsonObject = allowed.setdefault("metadata", {})
    pod: JsonObject = allowed.setdefault("spec", {})
    new_pod: JsonObject = new.get("spec") or {}
    _take(metadata, new.get("metadata") or {}, "annotations")
    _take(metadata, new.get("metadata") or {}, "labels")
    for field in _SCHEDULING:
        _take(pod, new_pod, field)
    affinity: JsonObject = pod.get("affinity") or {}
    _take(affinity, new_pod.get("affinity") or {}, "nodeAffinity")
    if affinity or "affinity" in new_pod:
        pod["affinity"] = affinity
    else:
        pod.pop("affinity", None)
    for field in ("containers", "initContainers"):
        old_ones, new_ones = pod.get(field) or [], new_pod.get(field) or []
        for container, changed in zip(old_ones, new_ones, strict=False):
            _take(container, changed, "resources")
    return allowed


def _take(into: JsonObject, source: JsonObject, field: str) -> None:
    if field in source:
        into[field] = source[field]
    else:
        into.pop(field, None)

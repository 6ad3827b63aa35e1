"""The jobs of a flow: what they are called and what they are made of.

A step's patch is merged into its template's spec as RFC 7386 says, but for lists of things that
have names (tasks, containers, environment): these are merged by name, as a patch for one task
would otherwise have to repeat the others. Labels and annotations are Volcano's (v1.15,
pkg/controllers/jobflow).
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from shoal.api.names import LABEL_BYTES_MAX
from shoal.api.resource import JsonObject
from shoal.api.volcano.flow import Flow, JobFlow, JobTemplate
from shoal.api.volcano.job import JOBS
from shoal.api.volcano.keys import CREATED_BY_JOB_FLOW, CREATED_BY_JOB_TEMPLATE


def flow_job_name(flow: str, step: str) -> str:
    """Of the job of a step."""
    return f"{flow}-{step}"


def template_mark(namespace: str, template: str) -> str:
    """How jobs name their template, and in the same way their flow."""
    return f"{namespace}.{template}"


def step_spec(template: JobTemplate, step: Flow) -> JsonObject:
    """The spec of the step's job."""
    return template.spec if step.patch is None else merge(template.spec, step.patch.job_spec)


def flow_job_body(
    flow: JobFlow, step: Flow, template: JobTemplate, owner: JsonObject
) -> JsonObject:
    """The job of a step, to be made; `owner` is the reference to the flow."""
    meta = flow.metadata
    marks = {
        CREATED_BY_JOB_TEMPLATE: template_mark(meta.namespace, step.name),
        CREATED_BY_JOB_FLOW: template_mark(meta.namespace, meta.name),
    }
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": {
            "name": flow_job_name(meta.name, step.name),
            # Names that are too long for labels make no job impossible.
            "labels": {key: mark for key, mark in marks.items() if len(mark) <= LABEL_BYTES_MAX},
            "annotations": marks,
            "ownerReferences": [owner],
        },
        "spec": step_spec(template, step),
    }


def merge(base: Mapping[str, Any], patch: Mapping[str, Any]) -> JsonObject:
    """A new object; null in the patch removes a field."""
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge_value(merged.get(key), value)
    return merged


def _merge_value(base: Any, patch: Any) -> Any:
    if isinstance(patch, dict):
        known = cast(JsonObject, base) if isinstance(base, dict) else JsonObject()
        return merge(known, cast(JsonObject, patch))
    if isinstance(base, list) and isinstance(patch, list):
        old, new = cast(list[Any], base), cast(list[Any], patch)
        if new and _are_named(old) and _are_named(new):
            return _merge_named(old, new)
    return patch


def _are_named(items: Sequence[Any]) -> bool:
    return all(isinstance(item, dict) and "name" in item for item in items)


def _merge_named(base: Sequence[JsonObject], patch: Sequence[JsonObject]) -> list[JsonObject]:
    """In the order of `base`; what is new comes after it."""
    merged = {item["name"]: item for item in base}
    for item in patch:
        merged[item["name"]] = merge(merged.get(item["name"], {}), item)
    return list(merged.values())

"""Rules for jobs, and for the specs of jobs that others make.

Source of rules and texts: Kubernetes v1.36, pkg/apis/batch/validation.
"""

from collections.abc import Iterator

import msgspec

from shoal.api import causes
from shoal.api.batch import (
    CONTROLLER_UID_LABEL,
    JOB_NAME_LABEL,
    LEGACY_CONTROLLER_UID_LABEL,
    LEGACY_JOB_NAME_LABEL,
)
from shoal.api.meta import LabelSelector
from shoal.api.names import dns_label
from shoal.api.resource import JsonObject
from shoal.api.selectors import from_label_selector
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.job_changes import job_changes
from shoal.apiserver.schema.validation.job_policies import policy_causes
from shoal.apiserver.schema.validation.job_status import job_status_causes
from shoal.apiserver.schema.validation.metadata import validate_metadata
from shoal.apiserver.schema.validation.pods import validate_pod_template
from shoal.apiserver.schema.validation.probes import non_negative
from shoal.apiserver.schema.validation.selectors import validate_label_selector

_NUMBERS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_MODES = ("NonIndexed", "Indexed")
_MANAGED_BY_MAX = 63
_INDEXED_MAX = 100_000
"""Most pods at a time and most failed indexes of an Indexed job; more completions than that have
tighter limits."""
_LARGE_MAX = 10_000


def validate_job(job: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(job, old)
    spec: JsonObject = job.get("spec") or {}
    if old is not None and spec == old.get("spec"):
        # A change of status: the controller makes several a job.
        return [*found, *job_status_causes(job, old)]
    if not spec.get("manualSelector") and spec.get("selector") is not None:
        found += _generated_selector(job, spec)
    found += job_spec_causes(spec, "spec")
    found += _selector(spec)
    found += _hostname(job, spec)
    return found if old is None else [*found, *job_changes(spec, old)]


def validate_job_template(template: JsonObject, path: str) -> Iterator[Cause]:
    """A template of jobs, as cron jobs have one."""
    spec: JsonObject = template.get("spec") or {}
    yield from job_spec_causes(spec, f"{path}.spec")
    if spec.get("selector") is not None:
        text = "`selector` will be auto-generated"
        yield causes.invalid(f"{path}.spec.selector", spec["selector"], text)
    if spec.get("manualSelector"):
        yield causes.unsupported(f"{path}.spec.manualSelector", True, ("nil", "false"))


def job_spec_causes(spec: JsonObject, path: str) -> Iterator[Cause]:
    """All but the selector."""
    for field in _NUMBERS:
        if spec.get(field) is not None:
            yield from non_negative(spec[field], f"{path}.{field}")
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        text = "when maxFailedIndexes is specified"
        yield causes.required(f"{path}.backoffLimitPerIndex", text)
    if spec.get("managedBy") is not None:
        yield from _managed_by(spec["managedBy"], f"{path}.managedBy")
    yield from _completion_mode(spec, path)
    yield from policy_causes(spec, path)
    template: JsonObject = spec.get("template") or {}
    yield from validate_pod_template(template, f"{path}.template")
    yield from _restart_policy(spec, template, f"{path}.template.spec.restartPolicy")


def _managed_by(name: str, path: str) -> Iterator[Cause]:
    domain, slash, rest = name.partition("/")
    if not name:
        yield causes.required(path)
    elif not slash or not domain or not rest:
        yield causes.invalid(path, name, 'must be a domain-prefixed path (such as "acme.io/foo")')
    if len(name) > _MANAGED_BY_MAX:
        yield causes.too_long(path, _MANAGED_BY_MAX)


def _completion_mode(spec: JsonObject, path: str) -> Iterator[Cause]:
    mode = spec.get("completionMode") or "NonIndexed"
    if mode not in _MODES:
        yield causes.unsupported(f"{path}.completionMode", mode, _MODES)
    elif mode == "Indexed":
        yield from _indexed(spec, path)
    else:
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(field) is not None:
                text = "requires indexed completion mode"
                yield causes.invalid(f"{path}.{field}", spec[field], text)


def _indexed(spec: JsonObject, path: str) -> Iterator[Cause]:
    completions, failed = spec.get("completions"), spec.get("maxFailedIndexes")
    parallelism = spec.get("parallelism", 1)
    if completions is None:
        yield causes.required(f"{path}.completions", "when completion mode is Indexed")
    if parallelism > _INDEXED_MAX:
        text = f"must be less than or equal to {_INDEXED_MAX} when completion mode is Indexed"
        yield causes.invalid(f"{path}.parallelism", parallelism, text)
    if completions is not None and failed is not None and failed > completions:
        text = "must be less than or equal to completions"
        yield causes.invalid(f"{path}.maxFailedIndexes", failed, text)
    if failed is not None and failed > _INDEXED_MAX:
        text = f"must be less than or equal to {_INDEXED_MAX}"
        yield causes.invalid(f"{path}.maxFailedIndexes", failed, text)
    if (completions or 0) > _INDEXED_MAX and spec.get("backoffLimitPerIndex") is not None:
        yield from _many_indexes(parallelism, failed, path)


def _many_indexes(parallelism: int, failed: int | None, path: str) -> Iterator[Cause]:
    text = (
        f"must be less than or equal to {_LARGE_MAX} when completions are above {_INDEXED_MAX}"
        " and used with backoff limit per index"
    )
    if failed is None:
        why = f"must be specified when completions is above {_INDEXED_MAX}"
        yield causes.required(f"{path}.maxFailedIndexes", why)
    if parallelism > _LARGE_MAX:
        yield causes.invalid(f"{path}.parallelism", parallelism, text)
    if failed is not None and failed > _LARGE_MAX:
        yield causes.invalid(f"{path}.maxFailedIndexes", failed, text)


def _restart_policy(spec: JsonObject, template: JsonObject, path: str) -> Iterator[Cause]:
    policy = (template.get("spec") or {}).get("restartPolicy", "")
    if policy in {"", "Always"}:
        yield causes.required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in {"OnFailure", "Never"}:
        yield causes.unsupported(path, policy, ("OnFailure", "Never"))
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        text = 'only "Never" is supported when podFailurePolicy is specified'
        yield causes.invalid(path, policy, text)


def _generated_selector(job: JsonObject, spec: JsonObject) -> Iterator[Cause]:
    metadata: JsonObject = job.get("metadata") or {}
    name, uid = metadata.get("name", ""), metadata.get("uid", "")
    expected = {
        CONTROLLER_UID_LABEL: uid,
        JOB_NAME_LABEL: name,
        LEGACY_CONTROLLER_UID_LABEL: uid,
        LEGACY_JOB_NAME_LABEL: name,
    }
    path = "spec.template.metadata.labels"
    labels: JsonObject = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    for label, value in expected.items():
        if label not in labels:
            yield causes.required(f"{path}[{label}]", f"must be '{value}'")
        elif labels[label] != value:
            yield causes.invalid(f"{path}[{label}]", labels[label], f"must be '{value}'")
    if not _selects(spec["selector"], expected):
        yield causes.invalid("spec.selector", spec["selector"], "`selector` not auto-generated")


def _selector(spec: JsonObject) -> Iterator[Cause]:
    selector = spec.get("selector")
    if selector is None:
        yield causes.required("spec.selector")
        return
    yield from validate_label_selector(selector, "spec.selector")
    labels: JsonObject = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if not _selects(selector, labels):
        text = "`selector` does not match template `labels`"
        yield causes.invalid("spec.template.metadata.labels", labels, text)


def _selects(selector: JsonObject, labels: JsonObject) -> bool:
    try:
        parsed = from_label_selector(msgspec.convert(selector, LabelSelector))
    except msgspec.ValidationError:
        # An incomplete expression has a cause of its own.
        return True
    return parsed is not None and parsed.matches(labels)


def _hostname(job: JsonObject, spec: JsonObject) -> Iterator[Cause]:
    """The pod of the last index has the longest hostname."""
    completions = spec.get("completions") or 0
    if spec.get("completionMode") != "Indexed" or completions <= 0:
        return
    name = (job.get("metadata") or {}).get("name", "")
    last = f"{name}-{completions - 1}"
    if any(dns_label(last)):
        text = f"will not able to create pod with invalid DNS label: {last}"
        yield causes.invalid("metadata.name", name, text)

"""Defaults of jobs. Source: Kubernetes v1.36, pkg/apis/batch/v1/defaults.go."""

from shoal.api.resource import JsonObject
from shoal.apiserver.schema.defaults.pods import default_pod_template

_BACKOFF_LIMIT = 6
_NO_BACKOFF_LIMIT = 2**31 - 1
"""Where each index has a limit of its own."""


def default_job(job: JsonObject) -> None:
    spec: JsonObject = job.setdefault("spec", {})
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    has_own_limits = spec.get("backoffLimitPerIndex") is not None
    spec.setdefault("backoffLimit", _NO_BACKOFF_LIMIT if has_own_limits else _BACKOFF_LIMIT)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    policy = spec.get("podFailurePolicy")
    spec.setdefault("podReplacementPolicy", "TerminatingOrFailed" if policy is None else "Failed")
    for rule in (policy or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            pattern.setdefault("status", "True")
    default_pod_template(spec.setdefault("template", {}))
    job.setdefault("status", {})

"""Rules for PodDisruptionBudgets: one of two bounds, a number or a share.

Source of rules and texts: Kubernetes v1.36, pkg/apis/policy/validation.
"""

from shoal.api import causes
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.metadata import validate_metadata
from shoal.apiserver.schema.validation.selectors import validate_label_selector
from shoal.apiserver.schema.validation.workloads import int_or_percent

_BOUNDS = ("minAvailable", "maxUnavailable")
_UNHEALTHY_POLICIES = ("AlwaysAllow", "IfHealthyBudget")


def validate_disruption_budget(budget: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(budget, old)
    spec: JsonObject = budget.get("spec") or {}
    bounds = {field: spec[field] for field in _BOUNDS if spec.get(field) is not None}
    if len(bounds) > 1:
        text = "minAvailable and maxUnavailable cannot be both set"
        found.append(causes.invalid("spec", spec, text))
    for field, value in bounds.items():
        path = f"spec.{field}"
        found += int_or_percent(value, path)
        if isinstance(value, str) and value[:-1].isdigit() and int(value[:-1]) > 100:
            found.append(causes.invalid(path, value, "must not be greater than 100%"))
    found += validate_label_selector(spec.get("selector") or {}, "spec.selector")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _UNHEALTHY_POLICIES:
        path = "spec.unhealthyPodEvictionPolicy"
        found.append(causes.unsupported(path, policy, _UNHEALTHY_POLICIES))
    return found

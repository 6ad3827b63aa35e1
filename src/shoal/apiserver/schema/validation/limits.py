"""Rules for ResourceQuotas and LimitRanges.

Source of rules and texts: Kubernetes v1.36, pkg/apis/core/validation and pkg/apis/core/helper.
"""

from collections.abc import Iterator, Mapping

from shoal.api import causes
from shoal.api.names import qualified_name
from shoal.api.quantity import RawQuantity, canonical, parse
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.metadata import validate_metadata

_COMPUTE = frozenset(
    ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
)
_EPHEMERAL = ("ephemeral-storage", "requests.ephemeral-storage", "limits.ephemeral-storage")
_NUMBERS = frozenset(
    (
        "pods", "services", "services.nodeports", "services.loadbalancers", "configmaps",
        "secrets", "persistentvolumeclaims", "replicationcontrollers", "resourcequotas",
    )
)  # fmt: skip
_QUOTA_NAMES = _COMPUTE | _NUMBERS | {*_EPHEMERAL, "requests.storage"}
_STANDARD_NAMES = _QUOTA_NAMES | {"storage"}
_CONTAINER_NAMES = ("cpu", "memory", "ephemeral-storage")
_HUGE_PAGES = ("hugepages-", "requests.hugepages-")
_NOT_STANDARD = "must be a standard resource type or fully qualified"

_POD_NAMES = _COMPUTE | {"pods"}
_NAMES_BY_SCOPE: Mapping[str, frozenset[str]] = {
    "Terminating": _POD_NAMES,
    "NotTerminating": _POD_NAMES,
    "NotBestEffort": _POD_NAMES,
    "PriorityClass": _POD_NAMES,
    "CrossNamespacePodAffinity": _POD_NAMES,
    "BestEffort": frozenset(("pods",)),
    "VolumeAttributesClass": frozenset(("persistentvolumeclaims", "requests.storage")),
}
"""Standard names that a quota of a scope may have."""
_OPPOSITES = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_EXISTS_ONLY = ("BestEffort", "NotBestEffort", "Terminating", "NotTerminating")
_EXISTS_TEXT = (
    "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating,"
    " ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort,"
    " ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)

_TYPES = ("Pod", "Container", "PersistentVolumeClaim")
_RANGE_FIELDS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def validate_resource_quota(quota: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(quota, old)
    spec, status = quota.get("spec") or {}, quota.get("status") or {}
    for name, amount in (spec.get("hard") or {}).items():
        found += _quota_amount(name, amount, f"spec.hard[{name}]")
    found += _scopes(spec)
    found += _scope_selector(spec)
    for field in ("hard", "used"):
        for name, amount in (status.get(field) or {}).items():
            found += _quota_amount(name, amount, f"status.{field}[{name}]")
    if old is not None:
        before: list[str] = (old.get("spec") or {}).get("scopes") or []
        scopes: list[str] = spec.get("scopes") or []
        if set(scopes) != set(before):
            found.append(causes.invalid("spec.scopes", scopes, causes.IMMUTABLE))
    return found


def _quota_amount(name: str, amount: RawQuantity, path: str) -> Iterator[Cause]:
    form = causes.of_form(path, name, qualified_name)
    yield from form
    if "/" not in name and not _is_huge_pages(name):
        if not form and name not in _STANDARD_NAMES:
            yield causes.invalid(path, name, _NOT_STANDARD)
        if name not in _QUOTA_NAMES:
            yield causes.invalid(path, name, "must be a standard resource for quota")
    number = parse(amount)
    if number < 0:
        yield causes.invalid(path, str(amount), "must be greater than or equal to 0")
    is_whole_only = name in _NUMBERS or _is_extended(name)
    if is_whole_only and number != number.to_integral_value():
        yield causes.invalid(path, str(amount), "must be an integer")


def _is_huge_pages(name: str) -> bool:
    return name.startswith(_HUGE_PAGES)


def _is_extended(name: str) -> bool:
    return "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")


def _scopes(spec: JsonObject) -> Iterator[Cause]:
    scopes: list[str] = spec.get("scopes") or []
    for scope in scopes:
        if scope not in _NAMES_BY_SCOPE:
            yield causes.invalid("spec.scopes", scopes, "unsupported scope")
        for _ in _misplaced(scope, spec):
            yield causes.invalid("spec.scopes", scopes, "unsupported scope applied to resource")
    if _has_opposites(scopes):
        yield causes.invalid("spec.scopes", scopes, "conflicting scopes")


def _scope_selector(spec: JsonObject) -> Iterator[Cause]:
    selector: JsonObject = spec.get("scopeSelector") or {}
    expressions: list[JsonObject] = selector.get("matchExpressions") or []
    path = "spec.scopeSelector.matchExpressions"
    for each in expressions:
        scope, operator = each.get("scopeName", ""), each.get("operator", "")
        values: list[str] = each.get("values") or []
        if scope not in _NAMES_BY_SCOPE:
            yield causes.invalid(f"{path}.scopeName", scope, "unsupported scope")
        for _ in _misplaced(scope, spec):
            yield causes.invalid(path, selector, "unsupported scope applied to resource")
        if scope in (*_EXISTS_ONLY, "CrossNamespacePodAffinity") and operator != "Exists":
            yield causes.invalid(f"{path}.operator", operator, _EXISTS_TEXT)
        if operator in ("In", "NotIn"):
            if not values:
                text = "must be at least one value when `operator` is 'In' or 'NotIn' for scope"
                yield causes.required(f"{path}.values", f"{text} selector")
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                text = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope"
                yield causes.invalid(f"{path}.values", values, f"{text} selector")
        else:
            yield causes.invalid(f"{path}.operator", operator, "not a valid selector operator")
    if _has_opposites([each.get("scopeName", "") for each in expressions]):
        yield causes.invalid(path, spec.get("scopes") or [], "conflicting scopes")


def _misplaced(scope: str, spec: JsonObject) -> list[str]:
    """Standard names that the scope says nothing about."""
    allowed = _NAMES_BY_SCOPE.get(scope, _QUOTA_NAMES)
    return [n for n in sorted(spec.get("hard") or {}) if n in _QUOTA_NAMES and n not in allowed]


def _has_opposites(scopes: list[str]) -> bool:
    return any(one in scopes and other in scopes for one, other in _OPPOSITES)


def validate_limit_range(limit_range: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(limit_range, old)
    seen: set[str] = set()
    for index, item in enumerate((limit_range.get("spec") or {}).get("limits") or ()):
        path, kind = f"spec.limits[{index}]", item.get("type", "")
        form = causes.of_form(f"{path}.type", kind, qualified_name)
        found += form
        if not form and "/" not in kind and kind not in _TYPES:
            text = "must be a standard limit type or fully qualified"
            found.append(causes.invalid(f"{path}.type", kind, text))
        if kind in seen:
            found.append(causes.duplicate(f"{path}.type", kind))
        seen.add(kind)
        found += _range_item(item, kind, path)
    return found


def _range_item(item: JsonObject, kind: str, path: str) -> Iterator[Cause]:
    names: set[str] = set()
    for field in _RANGE_FIELDS:
        amounts: JsonObject = item.get(field) or {}
        if kind == "Pod" and field.startswith("default"):
            if amounts:
                text = "may not be specified when `type` is 'Pod'"
                yield causes.forbidden(f"{path}.{field}", text)
            continue
        for name in amounts:
            names.add(name)
            yield from _range_name(name, kind, f"{path}.{field}[{name}]")
    is_bounded = any("storage" in (item.get(field) or {}) for field in ("min", "max"))
    if kind == "PersistentVolumeClaim" and not is_bounded:
        text = "either minimum or maximum storage value is required, but neither was provided"
        yield causes.required(f"{path}.limits", text)
    for name in sorted(names):
        stated = {f: item[f][name] for f in _RANGE_FIELDS if name in (item.get(f) or {})}
        yield from _order(stated, name, path)
        yield from _ratio(stated, name, path)


def _range_name(name: str, kind: str, path: str) -> Iterator[Cause]:
    form = causes.of_form(path, name, qualified_name)
    yield from form
    if form or "/" in name or _is_huge_pages(name):
        return
    if name not in _STANDARD_NAMES:
        yield causes.invalid(path, name, _NOT_STANDARD)
    if kind in ("Pod", "Container") and name not in _CONTAINER_NAMES:
        yield causes.invalid(path, name, "must be a standard resource for containers")


_ORDERED = (
    ("min", "max", "min", "min value {} is greater than max value {}"),
    (
        "min", "defaultRequest", "defaultRequest",
        "min value {} is greater than default request value {}",
    ),
    (
        "defaultRequest", "max", "defaultRequest",
        "default request value {} is greater than max value {}",
    ),
    (
        "defaultRequest", "default", "defaultRequest",
        "default request value {} is greater than default limit value {}",
    ),
    ("min", "default", "default", "min value {} is greater than default value {}"),
    ("default", "max", "default", "default value {} is greater than max value {}"),
)  # fmt: skip
"""The smaller one, the larger one, the field that is told, and how."""


def _order(stated: Mapping[str, RawQuantity], name: str, path: str) -> Iterator[Cause]:
    for smaller, larger, field, text in _ORDERED:
        if (
            smaller in stated
            and larger in stated
            and parse(stated[smaller]) > parse(stated[larger])
        ):
            detail = text.format(canonical(stated[smaller]), canonical(stated[larger]))
            yield causes.invalid(f"{path}.{field}[{name}]", canonical(stated[field]), detail)


def _ratio(stated: Mapping[str, RawQuantity], name: str, path: str) -> Iterator[Cause]:
    if "maxLimitRequestRatio" not in stated:
        return
    raw = canonical(stated["maxLimitRequestRatio"])
    place = f"{path}.maxLimitRequestRatio[{name}]"
    if parse(raw) < 1:
        yield causes.invalid(place, raw, f"ratio {raw} is less than 1")
    least = parse(stated.get("min", 0))
    if "max" in stated and least:
        most = parse(stated["max"]) / least
        if parse(raw) > most:
            text = f"ratio {raw} is greater than max/min = {float(most):f}"
            yield causes.invalid(place, raw, text)

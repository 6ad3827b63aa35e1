"""Rules for StatefulSets, DaemonSets and the revisions of both.

Source of rules and texts: Kubernetes v1.36, pkg/apis/apps/validation.
"""

from collections.abc import Iterator

from shoal.api import causes
from shoal.api.names import dns_label
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.metadata import validate_labels, validate_metadata
from shoal.apiserver.schema.validation.pods import validate_pod_template
from shoal.apiserver.schema.validation.probes import non_negative
from shoal.apiserver.schema.validation.selectors import validate_label_selector
from shoal.apiserver.schema.validation.workloads import (
    at_most_all,
    int_or_percent,
    is_zero,
    selector_change,
    selects,
)

_RETENTION = ("Retain", "Delete")
_DAEMON_STRATEGIES = ("RollingUpdate", "OnDelete")
_MAY_CHANGE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def validate_stateful_set(stateful_set: JsonObject, old: JsonObject | None) -> list[Cause]:
    """A template's pods are validated when they are made: their volumes are not known before."""
    spec: JsonObject = stateful_set.get("spec") or {}
    found = validate_metadata(stateful_set, old)
    if old is not None and _settled(spec) != _settled(old.get("spec") or {}):
        *others, last = (f"'{field}'" for field in _MAY_CHANGE)
        text = (
            f"updates to statefulset spec for fields other than {', '.join(others)} and {last}"
            " are forbidden"
        )
        found.append(causes.forbidden("spec", text))
    found += _pod_management(spec)
    found += _stateful_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    for field, policy in (spec.get("persistentVolumeClaimRetentionPolicy") or {}).items():
        if policy not in _RETENTION:
            path = f"spec.persistentVolumeClaimRetentionPolicy.{field}"
            found.append(causes.unsupported(path, policy, _RETENTION))
    for field in ("replicas", "minReadySeconds"):
        found += non_negative(spec.get(field, 0), f"spec.{field}")
    found += non_negative((spec.get("ordinals") or {}).get("start", 0), "spec.ordinals.start")
    if spec.get("serviceName"):
        found += causes.of_form("spec.serviceName", spec["serviceName"], dns_label)
    if spec.get("selector") is None:
        found.append(causes.required("spec.selector"))
    else:
        found += _selector(spec, "statefulset")
    return [*found, *_stateful_template(spec.get("template") or {})]


def _settled(spec: JsonObject) -> JsonObject:
    return {key: value for key, value in spec.items() if key not in _MAY_CHANGE}


def _pod_management(spec: JsonObject) -> Iterator[Cause]:
    policy = spec.get("podManagementPolicy", "")
    if policy not in {"OrderedReady", "Parallel"}:
        text = "must be 'OrderedReady' or 'Parallel'"
        yield causes.invalid("spec.podManagementPolicy", policy, text)


def _stateful_strategy(strategy: JsonObject, path: str) -> Iterator[Cause]:
    rolling: JsonObject | None = strategy.get("rollingUpdate")
    match strategy.get("type"):
        case "OnDelete":
            if rolling is not None:
                text = "only allowed for updateStrategy 'RollingUpdate'"
                yield causes.invalid(f"{path}.rollingUpdate", rolling, text)
        case "RollingUpdate":
            if rolling is not None:
                yield from _stateful_rolling_update(rolling, f"{path}.rollingUpdate")
        case _:
            yield causes.invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")


def _stateful_rolling_update(rolling: JsonObject, path: str) -> Iterator[Cause]:
    yield from non_negative(rolling.get("partition", 0), f"{path}.partition")
    unavailable: int | str | None = rolling.get("maxUnavailable")
    if unavailable is not None:
        field = f"{path}.maxUnavailable"
        yield from int_or_percent(unavailable, field)
        if is_zero(unavailable):
            yield causes.invalid(field, unavailable, "cannot be 0")
        yield from at_most_all(unavailable, field)


def _stateful_template(template: JsonObject) -> Iterator[Cause]:
    path = "spec.template"
    labels: JsonObject = (template.get("metadata") or {}).get("labels") or {}
    if labels:
        yield from validate_labels(labels, f"{path}.labels")
    yield from _long_running(template, path, "StatefulSet")


def validate_daemon_set(daemon_set: JsonObject, old: JsonObject | None) -> list[Cause]:
    spec: JsonObject = daemon_set.get("spec") or {}
    template: JsonObject = spec.get("template") or {}
    found = validate_metadata(daemon_set, old)
    if spec.get("selector") is None:
        found.append(causes.required("spec.selector"))
    else:
        found += _selector(spec, "daemonset")
    found += validate_pod_template(template, "spec.template")
    found += _long_running(template, "spec.template", "DaemonSet")
    found += _daemon_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    for field in ("minReadySeconds", "revisionHistoryLimit"):
        found += non_negative(spec.get(field, 0), f"spec.{field}")
    return [*found, *selector_change(spec, old)]


def _daemon_strategy(strategy: JsonObject, path: str) -> Iterator[Cause]:
    match strategy.get("type"):
        case "OnDelete":
            pass
        case "RollingUpdate":
            rolling: JsonObject = strategy.get("rollingUpdate") or {}
            yield from _daemon_rolling_update(rolling, f"{path}.rollingUpdate")
        case _:
            yield causes.unsupported(path, strategy, _DAEMON_STRATEGIES)


def _daemon_rolling_update(rolling: JsonObject, path: str) -> Iterator[Cause]:
    unavailable: int | str = rolling.get("maxUnavailable", 0)
    surge: int | str = rolling.get("maxSurge", 0)
    for field, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        yield from int_or_percent(value, f"{path}.{field}")
        yield from at_most_all(value, f"{path}.{field}")
    if not is_zero(unavailable) and not is_zero(surge):
        text = "may not be set when maxUnavailable is non-zero"
        yield causes.invalid(f"{path}.maxSurge", surge, text)
    elif is_zero(unavailable) and is_zero(surge):
        text = "cannot be 0 when maxSurge is 0"
        yield causes.required(f"{path}.maxUnavailable", text)


def validate_controller_revision(revision: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(revision, old)
    if revision.get("data") is None:
        found.append(causes.required("data", "data is mandatory"))
    found += non_negative(revision.get("revision", 0), "revision")
    if old is not None:
        found += causes.immutable("data", revision.get("data"), old.get("data"))
    return found


def _selector(spec: JsonObject, kind: str) -> Iterator[Cause]:
    selector: JsonObject = spec["selector"]
    template: JsonObject = spec.get("template") or {}
    labels: JsonObject = (template.get("metadata") or {}).get("labels") or {}
    yield from validate_label_selector(selector, "spec.selector")
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield causes.invalid("spec.selector", selector, f"empty selector is invalid for {kind}")
    elif not selects(selector, labels):
        text = "`selector` does not match template `labels`"
        yield causes.invalid("spec.template.metadata.labels", labels, text)


def _long_running(template: JsonObject, path: str, kind: str) -> Iterator[Cause]:
    """Pods that are to run for ever."""
    pod: JsonObject = template.get("spec") or {}
    restart_policy = pod.get("restartPolicy", "Always")
    if restart_policy != "Always":
        yield causes.unsupported(f"{path}.spec.restartPolicy", restart_policy, ("Always",))
    if pod.get("activeDeadlineSeconds") is not None:
        text = f"activeDeadlineSeconds in {kind} is not Supported"
        yield causes.forbidden(f"{path}.spec.activeDeadlineSeconds", text)

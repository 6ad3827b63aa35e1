"""Rules for the apps/v1 kinds.

Source of rules and texts: Kubernetes v1.36, pkg/apis/apps/validation.
"""

import re
from collections.abc import Iterator

import msgspec

from shoal.api import causes
from shoal.api.meta import LabelSelector
from shoal.api.names import regex_text
from shoal.api.resource import JsonObject
from shoal.api.selectors import from_label_selector
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.metadata import validate_metadata
from shoal.apiserver.schema.validation.pods import validate_pod_template
from shoal.apiserver.schema.validation.probes import non_negative
from shoal.apiserver.schema.validation.selectors import validate_label_selector

_PERCENT = re.compile(r"[0-9]+%")
_STRATEGIES = ("Recreate", "RollingUpdate")


def validate_deployment(deployment: JsonObject, old: JsonObject | None) -> list[Cause]:
    spec: JsonObject = deployment.get("spec") or {}
    found = validate_metadata(deployment, old)
    found += _selector_and_template(spec, "deployment")
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit"):
        found += non_negative(spec.get(field, 0), f"spec.{field}")
    found += _strategy(spec.get("strategy") or {})
    deadline_s, ready_s = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds", 0)
    if deadline_s is not None:
        path = "spec.progressDeadlineSeconds"
        found += non_negative(deadline_s, path)
        if deadline_s <= ready_s:
            text = "must be greater than minReadySeconds"
            found.append(causes.invalid(path, deadline_s, text))
    return [*found, *selector_change(spec, old)]


def validate_replica_set(replica_set: JsonObject, old: JsonObject | None) -> list[Cause]:
    spec: JsonObject = replica_set.get("spec") or {}
    found = validate_metadata(replica_set, old)
    for field in ("replicas", "minReadySeconds"):
        found += non_negative(spec.get(field, 0), f"spec.{field}")
    found += _selector_and_template(spec, "replicaset")
    return [*found, *selector_change(spec, old)]


def selector_change(spec: JsonObject, old: JsonObject | None) -> list[Cause]:
    """A selector stays as it was made."""
    if old is None:
        return []
    before: JsonObject = old.get("spec") or {}
    return causes.immutable("spec.selector", spec.get("selector"), before.get("selector"))


def _selector_and_template(spec: JsonObject, kind: str) -> Iterator[Cause]:
    selector = spec.get("selector")
    template: JsonObject = spec.get("template") or {}
    labels: JsonObject = (template.get("metadata") or {}).get("labels") or {}
    if selector is None:
        yield causes.required("spec.selector")
    else:
        yield from validate_label_selector(selector, "spec.selector")
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            text = f"empty selector is invalid for {kind}"
            yield causes.invalid("spec.selector", selector, text)
        elif not selects(selector, labels):
            text = "`selector` does not match template `labels`"
            yield causes.invalid("spec.template.metadata.labels", labels, text)
    yield from validate_pod_template(template, "spec.template")
    pod: JsonObject = template.get("spec") or {}
    restart_policy = pod.get("restartPolicy", "Always")
    if restart_policy != "Always":
        yield causes.unsupported("spec.template.spec.restartPolicy", restart_policy, ("Always",))
    if pod.get("activeDeadlineSeconds") is not None:
        text = "activeDeadlineSeconds in ReplicaSet is not Supported"
        yield causes.forbidden("spec.template.spec.activeDeadlineSeconds", text)


def selects(selector: JsonObject, labels: JsonObject) -> bool:
    """Whether a label selector matches a template's labels."""
    try:
        parsed = from_label_selector(msgspec.convert(selector, LabelSelector))
    except msgspec.ValidationError:
        # An incomplete expression has a cause of its own.
        return True
    return parsed is not None and parsed.matches(labels)


def _strategy(strategy: JsonObject) -> Iterator[Cause]:
    path = "spec.strategy"
    name = strategy.get("type", "RollingUpdate")
    rolling = strategy.get("rollingUpdate")
    if name not in _STRATEGIES:
        yield causes.unsupported(f"{path}.type", name, _STRATEGIES)
    elif name == "Recreate":
        if rolling is not None:
            text = "may not be specified when strategy `type` is 'Recreate'"
            yield causes.forbidden(f"{path}.rollingUpdate", text)
    elif rolling is None:
        yield causes.required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")
    else:
        yield from _rolling_update(rolling, f"{path}.rollingUpdate")


def _rolling_update(rolling: JsonObject, path: str) -> Iterator[Cause]:
    unavailable: int | str = rolling.get("maxUnavailable", 0)
    surge: int | str = rolling.get("maxSurge", 0)
    for field, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        yield from int_or_percent(value, f"{path}.{field}")
    if is_zero(unavailable) and is_zero(surge):
        text = "may not be 0 when `maxSurge` is 0"
        yield causes.invalid(f"{path}.maxUnavailable", unavailable, text)
    yield from at_most_all(unavailable, f"{path}.maxUnavailable")


def at_most_all(value: int | str, path: str) -> Iterator[Cause]:
    """Refuse more than 100%."""
    if isinstance(value, str) and _percent(value) > 100:
        yield causes.invalid(path, value, "must not be greater than 100%")


def int_or_percent(value: int | str, path: str) -> Iterator[Cause]:
    """A number that is not negative, or a share."""
    """A number or a percentage, neither negative."""
    if isinstance(value, int):
        yield from non_negative(value, path)
    elif not _PERCENT.fullmatch(value):
        text = regex_text(
            "a valid percent string must be a numeric string followed by an ending '%'",
            _PERCENT.pattern,
            "1%",
            "93%",
        )
        yield causes.invalid(path, value, text)


def _percent(value: str) -> int:
    """-1 where it is none."""
    return int(value[:-1]) if _PERCENT.fullmatch(value) else -1


def is_zero(value: int | str) -> bool:
    """Also where it is 0%."""
    return (value if isinstance(value, int) else _percent(value)) == 0

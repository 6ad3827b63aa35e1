"""Rules for the small kinds.

Source of rules and texts: Kubernetes v1.36, pkg/apis/{core,scheduling,coordination}/validation.
"""

from collections.abc import Iterator, Mapping

from shoal.api import causes
from shoal.api.names import config_key, dns_label, qualified_name
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.metadata import validate_metadata
from shoal.apiserver.schema.validation.resources import validate_amount

_DATA_BYTES_MAX = 1024 * 1024
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_FROZEN_TEXT = "field is immutable when `immutable` is set"
_PREEMPTION_POLICIES = ("Never", "PreemptLowerPriority")
_USER_PRIORITY_MAX = 1_000_000_000
_SYSTEM_PREFIX = "system-"
SYSTEM_PRIORITIES: Mapping[str, int] = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}
"""Priority classes that exist on every server."""

_KEYS_BY_SECRET_TYPE: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_ACCOUNT_ANNOTATION = "kubernetes.io/service-account.name"


def validate_namespace(namespace: JsonObject, old: JsonObject | None) -> list[Cause]:
    return validate_metadata(namespace, old, dns_label)


def validate_node(node: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(node, old)
    spec, status = node.get("spec") or {}, node.get("status") or {}
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(spec.get("taints") or ()):
        path = f"metadata.taints[{index}]"
        found += _taint(taint, path)
        pair = (taint.get("key", ""), taint.get("effect", ""))
        if pair in seen:
            twice = causes.duplicate(path, taint)
            text = f"{twice.message}: taints must be unique by key and effect pair"
            found.append(Cause(path, text, twice.reason))
        seen.add(pair)
    for field in ("capacity", "allocatable"):
        for name, quantity in (status.get(field) or {}).items():
            found += validate_amount(name, quantity, f"status.{field}[{name}]")
    return found


def _taint(taint: JsonObject, path: str) -> Iterator[Cause]:
    key, effect = taint.get("key", ""), taint.get("effect", "")
    yield from causes.of_form(f"{path}.key", key, qualified_name)
    if not effect:
        yield causes.required(f"{path}.effect")
    elif effect not in _EFFECTS:
        yield causes.unsupported(f"{path}.effect", effect, _EFFECTS)


def validate_config_map(config_map: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(config_map, old)
    data: JsonObject = config_map.get("data") or {}
    binary: JsonObject = config_map.get("binaryData") or {}
    for field, entries in (("data", data), ("binaryData", binary)):
        for key in entries:
            path = f"{field}[{key}]"
            found += causes.of_form(path, key, config_key)
            if field == "data" and key in binary:
                text = "duplicate of key present in binaryData"
                found.append(causes.invalid(path, key, text))
    size = sum(len(value.encode()) for value in data.values())
    if size + sum(_decoded_size(value) for value in binary.values()) > _DATA_BYTES_MAX:
        found.append(causes.too_long("[]", _DATA_BYTES_MAX))
    return [*found, *_frozen(config_map, old, ("data", "binaryData"))]


def validate_secret(secret: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(secret, old)
    data: JsonObject = secret.get("data") or {}
    kind: str = secret.get("type", "")
    for key in data:
        found += causes.of_form(f"data[{key}]", key, config_key)
    if sum(_decoded_size(value) for value in data.values()) > _DATA_BYTES_MAX:
        found.append(causes.too_long("data", _DATA_BYTES_MAX))
    for key in _KEYS_BY_SECRET_TYPE.get(kind, ()):
        if key not in data:
            found.append(causes.required(f"data[{key}]"))
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        found += [causes.required("data[username]"), causes.required("data[password]")]
    annotations: JsonObject = (secret.get("metadata") or {}).get("annotations") or {}
    is_token = kind == "kubernetes.io/service-account-token"
    if is_token and not annotations.get(_ACCOUNT_ANNOTATION):
        found.append(causes.required(f"metadata.annotations[{_ACCOUNT_ANNOTATION}]"))
    if old is not None:
        found += causes.immutable("type", kind, old.get("type", ""))
    return [*found, *_frozen(secret, old, ("data",))]


def _frozen(obj: JsonObject, old: JsonObject | None, fields: tuple[str, ...]) -> Iterator[Cause]:
    if old is None or not old.get("immutable"):
        return
    if not obj.get("immutable"):
        yield causes.forbidden("immutable", _FROZEN_TEXT)
    for field in fields:
        if (obj.get(field) or {}) != (old.get(field) or {}):
            yield causes.forbidden(field, _FROZEN_TEXT)


def _decoded_size(base64_text: str) -> int:
    return len(base64_text) * 3 // 4 - base64_text[-2:].count("=")


def validate_priority_class(priority_class: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(priority_class, old)
    name: str = (priority_class.get("metadata") or {}).get("name", "")
    value: int = priority_class.get("value", 0)
    policy = priority_class.get("preemptionPolicy", "PreemptLowerPriority")
    if name.startswith(_SYSTEM_PREFIX):
        if SYSTEM_PRIORITIES.get(name) != value:
            why = f"{name} is not a known system priority class"
            if name in SYSTEM_PRIORITIES:
                why = f"value of {name} PriorityClass must be {SYSTEM_PRIORITIES[name]}"
            text = (
                "priority class names with 'system-' prefix are reserved for system use only. "
                f"error: {why}"
            )
            found.append(causes.forbidden("metadata.name", text))
    elif value > _USER_PRIORITY_MAX:
        text = f"maximum allowed value of a user defined priority is {_USER_PRIORITY_MAX}"
        found.append(causes.forbidden("value", text))
    if policy not in _PREEMPTION_POLICIES:
        found.append(causes.unsupported("preemptionPolicy", policy, _PREEMPTION_POLICIES))
    if old is not None:
        for field in ("value", "preemptionPolicy"):
            if priority_class.get(field) != old.get(field):
                found.append(causes.forbidden(field, "may not be changed in an update."))
    return found


def validate_lease(lease: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(lease, old)
    spec: JsonObject = lease.get("spec") or {}
    duration_s, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration_s is not None and duration_s <= 0:
        text = "must be greater than 0"
        found.append(causes.invalid("spec.leaseDurationSeconds", duration_s, text))
    if transitions is not None and transitions < 0:
        text = "must be greater than or equal to 0"
        found.append(causes.invalid("spec.leaseTransitions", transitions, text))
    return found


def validate_event(event: JsonObject, old: JsonObject | None) -> list[Cause]:
    """core/v1: an event stands in the namespace of what it is about."""
    found = validate_metadata(event, old)
    namespace: str = (event.get("metadata") or {}).get("namespace", "")
    about: str = (event.get("involvedObject") or {}).get("namespace", "")
    if namespace not in ((about,) if about else ("", "default")):
        text = "does not match event.namespace"
        found.append(causes.invalid("involvedObject.namespace", about, text))
    return found

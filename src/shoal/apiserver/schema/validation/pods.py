"""Rules for pods and pod templates, and for what may change in a pod.

Source of rules and texts: Kubernetes v1.36, pkg/apis/core/validation.
"""

from collections.abc import Iterator
from typing import Any

from shoal.api import causes
from shoal.api.names import NameRule, dns_label, dns_subdomain
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.containers import validate_containers
from shoal.apiserver.schema.validation.metadata import validate_labels, validate_metadata
from shoal.apiserver.schema.validation.placement import validate_placement
from shoal.apiserver.schema.validation.pod_resources import validate_pod_resources
from shoal.apiserver.schema.validation.volumes import validate_volumes

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_SECONDS_MAX = 2**31 - 1
_NAMES: tuple[tuple[str, NameRule], ...] = (
    ("serviceAccountName", dns_subdomain),
    ("nodeName", dns_subdomain),
    ("priorityClassName", dns_subdomain),
    ("hostname", dns_label),
    ("subdomain", dns_label),
)
_ONLY_THESE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was previously negative)"
)
# While gates stand, a pod may be narrowed to fewer nodes.
_MUTABLE_WHILE_GATED = ("nodeSelector", "affinity")


def validate_pod(pod: JsonObject, old: JsonObject | None) -> list[Cause]:
    spec: JsonObject = pod.get("spec") or {}
    found = validate_metadata(pod, old)
    if old is None:
        return [*found, *validate_pod_spec(spec, "spec")]
    before: JsonObject = old.get("spec") or {}
    if spec == before:
        return found
    changes = list(_changes(spec, before))
    return [*found, *(changes or validate_pod_spec(spec, "spec"))]


def validate_pod_template(template: JsonObject, path: str) -> Iterator[Cause]:
    metadata: JsonObject = template.get("metadata") or {}
    if metadata.get("labels"):
        yield from validate_labels(metadata["labels"], f"{path}.labels")
    yield from validate_pod_spec(template.get("spec") or {}, f"{path}.spec")


def validate_pod_spec(spec: JsonObject, path: str) -> Iterator[Cause]:
    if spec.get("volumes"):
        yield from validate_volumes(spec["volumes"], f"{path}.volumes")
    yield from validate_containers(spec, path)
    yield from validate_pod_resources(spec, path)
    restart_policy = spec.get("restartPolicy", "")
    if not restart_policy:
        yield causes.required(f"{path}.restartPolicy")
    elif restart_policy not in _RESTART_POLICIES:
        yield causes.unsupported(f"{path}.restartPolicy", restart_policy, _RESTART_POLICIES)
    dns_policy = spec.get("dnsPolicy", "")
    if not dns_policy:
        yield causes.required(f"{path}.dnsPolicy")
    elif dns_policy not in _DNS_POLICIES:
        yield causes.unsupported(f"{path}.dnsPolicy", dns_policy, _DNS_POLICIES)
    yield from validate_placement(spec, path)
    for field, rule in _NAMES:
        if spec.get(field):
            yield from causes.of_form(f"{path}.{field}", spec[field], rule)
    deadline_s = spec.get("activeDeadlineSeconds")
    if deadline_s is not None and not 1 <= deadline_s <= _SECONDS_MAX:
        text = f"must be between 1 and {_SECONDS_MAX}, inclusive"
        yield causes.invalid(f"{path}.activeDeadlineSeconds", deadline_s, text)


def _changes(spec: JsonObject, before: JsonObject) -> Iterator[Cause]:
    """What a changed spec changes that it may not."""
    for field in ("containers", "initContainers"):
        if len(spec.get(field) or ()) != len(before.get(field) or ()):
            text = f"pod updates may not add or remove {_CALLED[field]}"
            yield causes.forbidden(f"spec.{field}", text)
            return
    yield from _deadline_change(spec, before)
    yield from _toleration_changes(spec.get("tolerations"), before.get("tolerations"))
    yield from _gate_changes(spec, before)
    if _frozen(spec, before) != _frozen(before, before):
        yield causes.forbidden("spec", _ONLY_THESE)


_CALLED = {"containers": "containers", "initContainers": "init containers"}


def _frozen(spec: JsonObject, before: JsonObject) -> JsonObject:
    """The spec without what may change."""
    rest = {k: v for k, v in spec.items() if k not in _CHECKED_APART}
    if before.get("schedulingGates"):
        rest = {k: v for k, v in rest.items() if k not in _MUTABLE_WHILE_GATED}
    grace_s = rest.get("terminationGracePeriodSeconds")
    if before.get("terminationGracePeriodSeconds", 0) < 0 and grace_s == 1:
        rest["terminationGracePeriodSeconds"] = before["terminationGracePeriodSeconds"]
    for field in ("containers", "initContainers"):
        rest[field] = [
            {k: v for k, v in container.items() if k != "image"}
            for container in spec.get(field) or ()
        ]
    return rest


_CHECKED_APART = frozenset(
    ("activeDeadlineSeconds", "tolerations", "schedulingGates", "ephemeralContainers")
)


def _deadline_change(spec: JsonObject, before: JsonObject) -> Iterator[Cause]:
    path = "spec.activeDeadlineSeconds"
    new, old = spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    if old is None or new == old:
        return
    if new is None:
        text = "must not update from a positive integer to nil value"
        yield causes.invalid(path, None, text)
    elif new > old:
        text = "must be less than or equal to previous value"
        yield causes.invalid(path, new, text)


def _toleration_changes(new: Any, old: Any) -> Iterator[Cause]:
    """Tolerations may come, and change how long they last; none may go."""
    remaining = [_without_seconds(toleration) for toleration in new or ()]
    for toleration in old or ():
        if _without_seconds(toleration) not in remaining:
            text = "existing toleration can not be modified except its tolerationSeconds"
            yield causes.forbidden("spec.tolerations", text)
            return


def _without_seconds(toleration: JsonObject) -> JsonObject:
    return {k: v for k, v in toleration.items() if k != "tolerationSeconds"}


def _gate_changes(spec: JsonObject, before: JsonObject) -> Iterator[Cause]:
    known = {gate.get("name") for gate in before.get("schedulingGates") or ()}
    for gate in spec.get("schedulingGates") or ():
        if gate.get("name") not in known:
            text = f"only deletion is allowed, but found new scheduling gate '{gate.get('name')}'"
            yield causes.forbidden("spec.schedulingGates", text)

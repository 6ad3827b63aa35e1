"""Rules for volume claims: access modes, size, what may change.

Source of rules and texts: Kubernetes v1.36, pkg/apis/core/validation.
"""

from collections.abc import Iterator

from shoal.api import causes
from shoal.api.quantity import RawQuantity, parse
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.metadata import validate_labels, validate_metadata

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_TEMPLATE_METADATA = ("labels", "annotations")
_MAY_CHANGE = frozenset(("resources", "volumeAttributesClassName", "volumeName"))


def validate_claim(claim: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(claim, old)
    spec: JsonObject = claim.get("spec") or {}
    found += claim_spec_causes(spec, "spec")
    storage = _requested(spec)
    if old is not None and storage is not None and _shrinks(storage, old):
        field, text = "spec.resources.requests.storage", "field can not be less than"
        found.append(causes.forbidden(field, f"{text} status.capacity"))
    if old is not None and _settled(spec, spec) != _settled(old.get("spec") or {}, spec):
        text = (
            "spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims"
        )
        found.append(causes.forbidden("spec", text))
    return found


def claim_spec_causes(spec: JsonObject, path: str) -> Iterator[Cause]:
    """What no claim may ask for, be it one or the template of one."""
    modes: list[str] = spec.get("accessModes") or []
    if not modes:
        yield causes.required(f"{path}.accessModes", "at least 1 access mode is required")
    for mode in modes:
        if mode not in ACCESS_MODES:
            yield causes.unsupported(f"{path}.accessModes", mode, ACCESS_MODES)
    storage = _requested(spec)
    if storage is None:
        yield causes.required(f"{path}.resources[storage]")
    elif parse(storage) <= 0:
        yield causes.invalid(f"{path}.resources[storage]", storage, "must be greater than zero")


def claim_template_causes(template: JsonObject, path: str) -> Iterator[Cause]:
    """Of a claim that is made for a volume of a pod, and named after both."""
    metadata: JsonObject = template.get("metadata") or {}
    yield from validate_labels(metadata.get("labels") or {}, f"{path}.metadata.labels")
    for field, value in metadata.items():
        if value and field not in _TEMPLATE_METADATA:
            text = "cannot be set for an ephemeral volume"
            yield causes.forbidden(f"{path}.metadata.{field}", text)
    yield from claim_spec_causes(template.get("spec") or {}, f"{path}.spec")


def _requested(spec: JsonObject) -> RawQuantity | None:
    return ((spec.get("resources") or {}).get("requests") or {}).get("storage")


def _shrinks(storage: RawQuantity, old: JsonObject) -> bool:
    """Whether less is asked for than before, and not more than there is: only a growth that has
    not come may be taken back."""
    requests: JsonObject = ((old.get("spec") or {}).get("resources") or {}).get("requests") or {}
    capacity: JsonObject = (old.get("status") or {}).get("capacity") or {}
    asked, had = parse(requests.get("storage", 0)), parse(capacity.get("storage", 0))
    return 0 < parse(storage) < asked and parse(storage) <= had


def _settled(spec: JsonObject, wanted: JsonObject) -> JsonObject:
    """What of a spec may not become otherwise. A claim that has no class yet may get one."""
    settled = {key: value for key, value in spec.items() if key not in _MAY_CHANGE}
    if spec.get("storageClassName") is None and not spec.get("volumeName"):
        settled["storageClassName"] = wanted.get("storageClassName")
    return settled

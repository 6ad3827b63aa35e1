"""Rules for volume claims: access modes, size, what may change.

Source of rules and texts: Kubernetes v1.36, pkg/apis/core/validation.
"""

from shoal.api import causes
from shoal.api.quantity import RawQuantity, parse
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.metadata import validate_metadata

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_MAY_CHANGE = frozenset(("resources", "volumeAttributesClassName", "volumeName"))


def validate_claim(claim: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(claim, old)
    spec: JsonObject = claim.get("spec") or {}
    modes: list[str] = spec.get("accessModes") or []
    if not modes:
        text = "at least 1 access mode is required"
        found.append(causes.required("spec.accessModes", text))
    for mode in modes:
        if mode not in ACCESS_MODES:
            found.append(causes.unsupported("spec.accessModes", mode, ACCESS_MODES))
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        found.append(causes.required("spec.resources[storage]"))
    elif parse(storage) <= 0:
        text = "must be greater than zero"
        found.append(causes.invalid("spec.resources[storage]", storage, text))
    elif old is not None and _shrinks(storage, old):
        field, text = "spec.resources.requests.storage", "field can not be less than"
        found.append(causes.forbidden(field, f"{text} status.capacity"))
    if old is not None and _settled(spec, spec) != _settled(old.get("spec") or {}, spec):
        text = (
            "spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims"
        )
        found.append(causes.forbidden("spec", text))
    return found


def _shrinks(storage: RawQuantity, old: JsonObject) -> bool:
    """Whether less is asked for than before, and not more than there is: only a growth that has
    not come may be taken back."""
    requests: JsonObject = ((old.get("spec") or {}).get("resources") or {}).get("requests") or {}
    capacity: JsonObject = (old.get("status") or {}).get("capacity") or {}
    asked, had = parse(requests.get("storage", 0)), parse(capacity.get("storage", 0))
    return parse(storage) < asked and parse(storage) <= had


def _settled(spec: JsonObject, wanted: JsonObject) -> JsonObject:
    """What of a spec may not become otherwise. A claim that has no class yet may get one."""
    settled = {key: value for key, value in spec.items() if key not in _MAY_CHANGE}
    if spec.get("storageClassName") is None and not spec.get("volumeName"):
        settled["storageClassName"] = wanted.get("storageClassName")
    return settled

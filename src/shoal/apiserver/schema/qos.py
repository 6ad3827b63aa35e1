"""Quality of service of a pod, which Kubernetes derives from requests and limits.

Source of the rules: Kubernetes v1.36, pkg/apis/core/v1/helper/qos.
"""

from decimal import Decimal

from shoal.api.quantity import QuantityError, parse
from shoal.api.resource import JsonObject

_RESOURCES = ("cpu", "memory")


def qos_class(spec: JsonObject) -> str:
    """`Guaranteed`, `Burstable` or `BestEffort` of a pod's spec."""
    pod_level = spec.get("resources")
    if pod_level:
        parts = [pod_level]
    else:
        containers = [*spec.get("containers", ()), *spec.get("initContainers", ())]
        parts = [container.get("resources") or {} for container in containers]
    requests = [_positive(part.get("requests")) for part in parts]
    limits = [_positive(part.get("limits")) for part in parts]
    if not any(requests) and not any(limits):
        return "BestEffort"
    is_guaranteed = all(
        len(limit) == len(_RESOURCES) and (not request or request == limit)
        for request, limit in zip(requests, limits, strict=True)
    )
    return "Guaranteed" if is_guaranteed else "Burstable"


def _positive(quantities: JsonObject | None) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    if quantities:
        for name in _RESOURCES:
            if name in quantities:
                try:
                    amount = parse(quantities[name])
                except QuantityError:
                    continue
                if amount > 0:
                    found[name] = amount
    return found

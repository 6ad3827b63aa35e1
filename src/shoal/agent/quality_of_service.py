"""A pod's quality-of-service class.

Source of the rule: Kubernetes v1.36, pkg/apis/core/helper/qos.
"""

from shoal.api import quantity
from shoal.api.pod import Pod, ResourceMap

_COUNTED = ("cpu", "memory")


def qos_class(pod: Pod) -> str:
    """Guaranteed where every container's limits are set and equal its requests, BestEffort where
    none has either, Burstable otherwise."""
    containers = [*pod.spec.init_containers, *pod.spec.containers]
    is_guaranteed = True
    is_best_effort = True
    for container in containers:
        limits = _positive(container.resources.limits)
        # A request that is not set is taken from the limit.
        requests = limits | _positive(container.resources.requests)
        is_best_effort = is_best_effort and not limits and not requests
        is_guaranteed = is_guaranteed and set(limits) == set(_COUNTED) and limits == requests
    if is_best_effort:
        return "BestEffort"
    return "Guaranteed" if is_guaranteed else "Burstable"


def _positive(amounts: ResourceMap) -> dict[str, int]:
    parsed = {name: quantity.millis(amounts[name]) for name in _COUNTED if name in amounts}
    return {name: millis for name, millis in parsed.items() if millis > 0}

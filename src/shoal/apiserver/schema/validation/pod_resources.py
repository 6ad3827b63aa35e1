"""Rules for what a pod asks for as a whole, and for its overhead.

Source of rules and texts: Kubernetes v1.36, pkg/apis/core/validation (validatePodResources,
validatePodResourceConsistency, validateOverhead).
"""

from collections.abc import Iterator, Mapping

from shoal.api import causes
from shoal.api.quantity import RawQuantity, parse
from shoal.api.quota.amounts import Usage
from shoal.api.quota.pods import HUGE_PAGES, is_for_whole_pods
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.pod_resources import limits_of_containers, requests_of_containers
from shoal.apiserver.schema.validation.resources import validate_requirements

_OF_PODS = ("cpu", HUGE_PAGES, "memory")


def validate_pod_resources(spec: JsonObject, path: str) -> Iterator[Cause]:
    """`path` is that of the spec; quantities are known to parse."""
    if spec.get("overhead"):
        yield from validate_requirements({"limits": spec["overhead"]}, f"{path}.overhead")
    whole: JsonObject = spec.get("resources") or {}
    if not whole:
        return
    place = f"{path}.resources"
    requests: Mapping[str, RawQuantity] = whole.get("requests") or {}
    limits: Mapping[str, RawQuantity] = whole.get("limits") or {}
    for field, amounts in (("limits", limits), ("requests", requests)):
        for name in amounts:
            if not is_for_whole_pods(name):
                yield causes.unsupported(f"{place}.{field}[{name}]", name, _OF_PODS)
    yield from validate_requirements(whole, place)
    yield from _too_little(requests, requests_of_containers(spec), f"{place}.requests")
    of_containers = limits_of_containers(spec)
    huge = {name: of_containers[name] for name in of_containers if name.startswith(HUGE_PAGES)}
    yield from _too_little(limits, huge, f"{place}.limits")
    containers: list[JsonObject] = spec.get("containers") or []
    for index, container in enumerate(containers):
        own: Mapping[str, RawQuantity] = (container.get("resources") or {}).get("limits") or {}
        for name, limit in own.items():
            if name in limits and parse(limit) > parse(limits[name]):
                text = f"must be less than or equal to pod limits of {limits[name]}"
                yield causes.invalid(f"{place}.containers[{index}][{name}].limits", limit, text)


def _too_little(whole: Mapping[str, RawQuantity], parts: Usage, path: str) -> Iterator[Cause]:
    """`path` ends with requests or limits, as the text does."""
    for name, amount in sorted(parts.items()):
        if name in whole and parse(whole[name]) < amount.number:
            kind = path.rpartition(".")[2]
            text = f"must be greater than or equal to aggregate container {kind} of {amount}"
            yield causes.invalid(f"{path}[{name}]", str(whole[name]), text)

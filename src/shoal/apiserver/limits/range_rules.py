"""What a LimitRange fills in, and what it has against a pod or a claim.

Source of rules and texts: Kubernetes v1.36, plugin/pkg/admission/limitranger.
"""

from collections.abc import Callable, Iterable, Iterator

from shoal.api.core import LimitRange, LimitRangeItem
from shoal.api.pod import Pod, ResourceMap
from shoal.api.quantity import canonical
from shoal.api.quota.amounts import NOTHING, Amount, Usage, read_amount, read_amounts
from shoal.api.quota.pods import container_limits, container_requests
from shoal.api.resource import JsonObject
from shoal.api.storage import PersistentVolumeClaim

ANNOTATION = "kubernetes.io/limit-ranger"

_Rule = Callable[[str, str, str, Usage, Usage], str]


def fill_in_pod(pod: JsonObject, limit_range: LimitRange) -> None:
    """Give containers what they do not ask for, and say so in an annotation."""
    requests: ResourceMap = {}
    limits: ResourceMap = {}
    for item in limit_range.spec.limits:
        if item.type == "Container":
            requests |= item.default_request
            limits |= item.default
    notes: list[str] = []
    spec = pod.get("spec") or {}
    for field, what in (("containers", "container"), ("initContainers", "init container")):
        for container in spec.get(field) or ():
            notes += _fill_in_container(container, what, requests, limits)
    if notes:
        annotations: JsonObject = pod["metadata"].setdefault("annotations", {})
        annotations[ANNOTATION] = f"LimitRanger plugin set: {'; '.join(notes)}"


def _fill_in_container(
    container: JsonObject, what: str, requests: ResourceMap, limits: ResourceMap
) -> Iterator[str]:
    for field, defaults in (("requests", requests), ("limits", limits)):
        stated: JsonObject = (container.get("resources") or {}).get(field) or {}
        added = {name: text for name, text in defaults.items() if name not in stated}
        if added:
            resources: JsonObject = container.setdefault("resources", {})
            resources[field] = stated | added
            yield f"{', '.join(sorted(added))} {field[:-1]} for {what} {container.get('name', '')}"


def against_pod(pod: Pod, limit_range: LimitRange) -> list[str]:
    """A sentence for each limit that is not kept."""
    found: list[str] = []
    for item in limit_range.spec.limits:
        if item.type == "Container":
            for container in (*pod.spec.containers, *pod.spec.init_containers):
                own = container.resources
                found += _against(item, read_amounts(own.requests), read_amounts(own.limits))
        elif item.type == "Pod":
            found += _against(item, container_requests(pod.spec), container_limits(pod.spec))
    return list(dict.fromkeys(found))


def against_claim(claim: PersistentVolumeClaim, limit_range: LimitRange) -> list[str]:
    """As `against_pod`."""
    requests = read_amounts(claim.spec.resources.requests)
    found: list[str] = []
    for item in limit_range.spec.limits:
        if item.type == "PersistentVolumeClaim":
            found += _each(_below_min, item.type, item.min, requests, {})
            found += _each(_request_above_max, item.type, item.max, requests, {})
    return found


def in_one(sentences: list[str]) -> str:
    """As several errors are written in one."""
    return sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"


def _against(item: LimitRangeItem, requests: Usage, limits: Usage) -> Iterable[str]:
    yield from _each(_below_min, item.type, item.min, requests, limits)
    yield from _each(_above_max, item.type, item.max, requests, limits)
    yield from _each(_above_ratio, item.type, item.max_limit_request_ratio, requests, limits)


def _each(
    rule: _Rule, kind: str, enforced: ResourceMap, requests: Usage, limits: Usage
) -> Iterator[str]:
    for name in sorted(enforced):
        text = rule(name, kind, canonical(enforced[name]), requests, limits)
        if text:
            yield text


def _below_min(name: str, kind: str, enforced: str, requests: Usage, limits: Usage) -> str:
    text = f"minimum {name} usage per {kind} is {enforced}"
    request, limit = requests.get(name), limits.get(name)
    least = read_amount(enforced).number
    if request is None:
        return f"{text}.  No request is specified"
    if request.number < least:
        return f"{text}, but request is {request}"
    if limit is not None and limit.number < least:
        return f"{text}, but limit is {limit}"
    return ""


def _above_max(name: str, kind: str, enforced: str, requests: Usage, limits: Usage) -> str:
    text = f"maximum {name} usage per {kind} is {enforced}"
    request, limit = requests.get(name), limits.get(name)
    most = read_amount(enforced).number
    if limit is None:
        return f"{text}.  No limit is specified"
    if limit.number > most:
        return f"{text}, but limit is {limit}"
    if request is not None and request.number > most:
        return f"{text}, but request is {request}"
    return ""


def _request_above_max(name: str, kind: str, enforced: str, requests: Usage, limits: Usage) -> str:
    del limits
    text = f"maximum {name} usage per {kind} is {enforced}"
    request = requests.get(name)
    if request is None:
        return f"{text}.  No request is specified"
    if request.number > read_amount(enforced).number:
        return f"{text}, but request is {request}"
    return ""


def _above_ratio(name: str, kind: str, enforced: str, requests: Usage, limits: Usage) -> str:
    text = f"{name} max limit to request ratio per {kind} is {enforced}, but"
    request, limit = _number(requests, name), _number(limits, name)
    if not request.number:
        return f"{text} no request is specified or request is 0"
    if not limit.number:
        return f"{text} no limit is specified or limit is 0"
    ratio = limit.number / request.number
    if ratio > read_amount(enforced).number:
        return f"{text} provided ratio is {float(ratio):f}"
    return ""


def _number(amounts: Usage, name: str) -> Amount:
    return amounts.get(name, NOTHING)

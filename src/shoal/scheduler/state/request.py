"""What a pod asks for, as exact integers.

While a pod is resized in place, it counts as the largest of what it asks for, what its node has set
aside and what it runs with; a resize that its node cannot do does not count. Source of the
arithmetic: Kubernetes v1.36, component-helpers/resource/helpers.go and
pkg/scheduler/framework/types.go.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import chain

import msgspec

from shoal.api import quantity
from shoal.api.meta import find_condition
from shoal.api.pod import Container, PodSpec, PodStatus, ResourceMap

CPU = "cpu"
MEMORY = "memory"
EPHEMERAL_STORAGE = "ephemeral-storage"

DEFAULT_CPU_MILLIS = 100
"""What a container without a cpu request is scored as."""
DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024
"""What a container without a memory request is scored as."""

MOST = 2**53
"""What is beyond counts as this much: nobody has it, and sums of such amounts over a node's pods
still fit into columns."""

_NATIVE = (CPU, MEMORY, EPHEMERAL_STORAGE)
_DEFAULTS = {CPU: DEFAULT_CPU_MILLIS, MEMORY: DEFAULT_MEMORY_BYTES}

Amounts = dict[str, int]
"""Resource name -> milli-cores of cpu, bytes or whole units of anything else."""


class ResourceRequest(msgspec.Struct, frozen=True, cache_hash=True):
    """A pod's request; equal requests are equal and hash alike."""

    amounts: tuple[tuple[str, int], ...]
    """Exact, without zeros: cpu in thousandths, bytes or whole units of anything else; cpu,
    memory and ephemeral storage first, then scalar resources by name."""
    non_zero_cpu_millis: int
    """With the default for each container that names none; what scores count."""
    non_zero_memory_bytes: int

    def amount(self, resource: str) -> int:
        return next((amount for name, amount in self.amounts if name == resource), 0)


def amount_of(resource: str, raw: quantity.RawQuantity) -> int:
    """A quantity in the unit that the resource is counted in, `MOST` at most."""
    return min(quantity.millis(raw) if resource == CPU else quantity.value(raw), MOST)


def is_counted(resource: str) -> bool:
    """Native resources and scalars: extended ones, huge pages, attachable volumes."""
    return (
        resource in _NATIVE
        or "/" in resource
        or resource.startswith(("hugepages-", "attachable-volumes-"))
    )


def of_pod(spec: PodSpec, status: PodStatus | None = None) -> ResourceRequest:
    """Containers, init containers, sidecars, pod-level requests and overhead. `status`: that of a
    placed pod, which may be about to be resized."""
    resized = _Resized(status) if status is not None and _is_resizable(status) else None
    if resized is None and _is_one_container(spec):
        return _of_one_container(tuple(spec.containers[0].resources.requests.items()))
    return _of_parts(spec, resized)


def _is_one_container(spec: PodSpec) -> bool:
    """And nothing besides: the most common kind."""
    is_one = len(spec.containers) == 1 and not spec.init_containers
    return is_one and spec.resources is None and not spec.overhead


@lru_cache(maxsize=2**12)
def _of_one_container(requests: tuple[tuple[str, quantity.RawQuantity], ...]) -> ResourceRequest:
    """Worked out once for all pods that are made of one template."""
    stated = _amounts(dict(requests))
    return _request(stated, {**_DEFAULTS, **stated})


def _of_parts(spec: PodSpec, resized: "_Resized | None") -> ResourceRequest:
    stated = _stated if resized is None else resized.stated
    has_pod_level = spec.resources is not None and bool(spec.resources.requests)
    pod_level = _amounts(spec.resources.requests) if spec.resources is not None else {}
    if resized is not None and has_pod_level:
        pod_level = resized.of_whole_pod(pod_level)
    exact = _with_pod_level(spec, _aggregate(spec, stated), pod_level)
    missing = {
        name: default
        for name, default in _DEFAULTS.items()
        if not (has_pod_level and name in exact)
    }
    # An explicit zero is a statement and stays zero.
    non_zero = _aggregate(spec, lambda container: {**missing, **stated(container)})
    return _request(exact, _with_pod_level(spec, non_zero, pod_level))


def of_containers(spec: PodSpec) -> ResourceRequest:
    """The same without pod-level requests, which LeastAllocated does not see."""
    exact = _with_pod_level(spec, _aggregate(spec, _stated), {})
    non_zero = _aggregate(spec, lambda container: {**_DEFAULTS, **_stated(container)})
    return _request(exact, _with_pod_level(spec, non_zero, {}))


def _request(exact: Amounts, non_zero: Amounts) -> ResourceRequest:
    scalars = sorted(name for name in exact if name not in _NATIVE and is_counted(name))
    amounts = tuple(
        (name, min(exact[name], MOST)) for name in (*_NATIVE, *scalars) if exact.get(name, 0) > 0
    )
    return ResourceRequest(
        amounts, min(non_zero.get(CPU, 0), MOST), min(non_zero.get(MEMORY, 0), MOST)
    )


def _stated(container: Container) -> Amounts:
    return _amounts(container.resources.requests)


class _Resized:
    """What a placed pod's containers count as, by their statuses."""

    def __init__(self, status: PodStatus) -> None:
        self._whole = status
        self._statuses = {
            each.name: each
            for each in (*status.init_container_statuses, *status.container_statuses)
            if each.resources is not None
        }
        pending = find_condition(status.conditions, "PodResizePending")
        self._is_infeasible = pending is not None and pending.reason == "Infeasible"

    def stated(self, container: Container) -> Amounts:
        own = _stated(container)
        status = self._statuses.get(container.name)
        if status is None or status.resources is None:
            return own
        return self._largest(own, status.resources.requests, status.allocated_resources)

    def of_whole_pod(self, own: Amounts) -> Amounts:
        """Of pod-level requests."""
        status = self._whole
        if status.resources is None:
            return own
        return self._largest(own, status.resources.requests, status.allocated_resources)

    def _largest(self, own: Amounts, actual: ResourceMap, allocated: ResourceMap) -> Amounts:
        parts = [_amounts(actual), _amounts(allocated)]
        if not self._is_infeasible:
            parts.append(own)
        return {
            name: max(part.get(name, 0) for part in parts) for name in dict.fromkeys(chain(*parts))
        }


def _is_resizable(status: PodStatus) -> bool:
    """Whether the node says what it gave."""
    return status.resources is not None or any(
        each.resources is not None
        for each in (*status.init_container_statuses, *status.container_statuses)
    )


def _amounts(raw: ResourceMap) -> Amounts:
    return {name: amount_of(name, text) for name, text in raw.items()}


def _aggregate(spec: PodSpec, request_of: Callable[[Container], Amounts]) -> Amounts:
    """The larger of what runs together and what starting up takes, per resource."""
    together: Amounts = {}
    for container in spec.containers:
        _add(together, request_of(container))
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in spec.init_containers:
        own = request_of(container)
        if container.is_sidecar:
            _add(together, own)
            _add(sidecars, own)
            now_needed = dict(sidecars)
        else:
            now_needed = dict(own)
            _add(now_needed, sidecars)
        for name, amount in now_needed.items():
            starting[name] = max(starting.get(name, 0), amount)
    return {
        name: max(together.get(name, 0), starting.get(name, 0)) for name in {**together, **starting}
    }


def _with_pod_level(spec: PodSpec, amounts: Amounts, pod_level: Amounts) -> Amounts:
    for name, amount in pod_level.items():
        if name in (CPU, MEMORY) or name.startswith("hugepages-"):
            amounts[name] = amount
    _add(amounts, _amounts(spec.overhead))
    return amounts


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount

"""What a pod asks for, as exact integers.

Source of the arithmetic: Kubernetes v1.36, component-helpers/resource/helpers.go and
pkg/scheduler/framework/types.go. In-place resizes (what a container status says it was given) are
not read.
"""

from collections.abc import Callable

import msgspec

from shoal.api import quantity
from shoal.api.pod import Container, PodSpec, ResourceMap

CPU = "cpu"
MEMORY = "memory"
EPHEMERAL_STORAGE = "ephemeral-storage"

DEFAULT_CPU_MILLIS = 100
"""What a container without a cpu request is scored as."""
DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024
"""What a container without a memory request is scored as."""

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
    """A quantity in the unit that the resource is counted in."""
    return quantity.millis(raw) if resource == CPU else quantity.value(raw)


def is_counted(resource: str) -> bool:
    """Native resources and scalars: extended ones, huge pages, attachable volumes."""
    return (
        resource in _NATIVE
        or "/" in resource
        or resource.startswith(("hugepages-", "attachable-volumes-"))
    )


def of_pod(spec: PodSpec) -> ResourceRequest:
    """Containers, init containers, sidecars, pod-level requests and overhead."""
    has_pod_level = spec.resources is not None and bool(spec.resources.requests)
    exact = _with_pod_level(spec, _aggregate(spec, _stated), has_pod_level)
    missing = {
        name: default
        for name, default in _DEFAULTS.items()
        if not (has_pod_level and name in exact)
    }
    non_zero = _with_pod_level(spec, _aggregate(spec, _filled(missing)), has_pod_level)
    return _request(exact, non_zero)


def of_containers(spec: PodSpec) -> ResourceRequest:
    """The same without pod-level requests, which LeastAllocated does not see."""
    exact = _with_pod_level(spec, _aggregate(spec, _stated), has_pod_level=False)
    non_zero = _with_pod_level(spec, _aggregate(spec, _filled(_DEFAULTS)), has_pod_level=False)
    return _request(exact, non_zero)


def _request(exact: Amounts, non_zero: Amounts) -> ResourceRequest:
    scalars = sorted(name for name in exact if name not in _NATIVE and is_counted(name))
    amounts = tuple((n, exact[n]) for n in (*_NATIVE, *scalars) if exact.get(n, 0) > 0)
    return ResourceRequest(amounts, non_zero.get(CPU, 0), non_zero.get(MEMORY, 0))


def _stated(container: Container) -> Amounts:
    return _amounts(container.resources.requests)


def _filled(defaults: Amounts) -> Callable[[Container], Amounts]:
    # An explicit zero is a statement and stays zero.
    return lambda container: {**defaults, **_stated(container)}


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


def _with_pod_level(spec: PodSpec, amounts: Amounts, has_pod_level: bool) -> Amounts:
    if has_pod_level and spec.resources is not None:
        for name, raw in spec.resources.requests.items():
            if name in (CPU, MEMORY) or name.startswith("hugepages-"):
                amounts[name] = amount_of(name, raw)
    _add(amounts, _amounts(spec.overhead))
    return amounts


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount

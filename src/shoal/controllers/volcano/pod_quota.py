"""What pods of a template count as in a quota: what their queue must have room for.

Keys are a ResourceQuota's (`cpu`, `requests.cpu`, `limits.cpu`, `pods`, `count/pods`, ...), with
extended resources also under their own names. Source: Kubernetes v1.36, pkg/quota/v1/evaluator/
core/pods.go (podComputeUsageHelper).
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec

from shoal.api import quantity
from shoal.api.pod import Container, PodSpec, ResourceMap

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_PODS = ("pods", "count/pods")
_BINARY_SUFFIXES = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


class Amount(msgspec.Struct, frozen=True):
    """An exact quantity that remembers whether it was written in powers of two."""

    number: Decimal
    is_binary: bool = False

    def __add__(self, more: "Amount") -> "Amount":
        return Amount(self.number + more.number, self.is_binary or more.is_binary)

    def __str__(self) -> str:
        whole = self.number == self.number.to_integral_value()
        if self.is_binary and whole:
            return quantity.format_bytes(int(self.number))
        return quantity.canonical(format(self.number, "f"))


Usage = dict[str, Amount]


def pod_usage(spec: PodSpec) -> Usage:
    """Of one pod."""
    requests = _of_pod(spec, lambda each: {**each.resources.limits, **each.resources.requests})
    limits = _of_pod(spec, lambda each: each.resources.limits)
    used: Usage = {name: Amount(Decimal(1)) for name in _PODS}
    for name, amount in requests.items():
        used[name] = amount
        used[f"requests.{name}"] = amount
    for name, amount in limits.items():
        if name in _COMPUTE:
            used[f"limits.{name}"] = amount
    return used


def add(total: Usage, more: Usage, times: int) -> None:
    """Add `more` so many times."""
    for name, amount in more.items():
        part = Amount(amount.number * times, amount.is_binary)
        total[name] = total[name] + part if name in total else part


def resource_list(usage: Usage) -> dict[str, str]:
    """As it stands in a manifest, by name."""
    return {name: str(usage[name]) for name in sorted(usage)}


def _of_pod(spec: PodSpec, amounts_of: Callable[[Container], ResourceMap]) -> Usage:
    """The larger of what runs together and what starting up takes."""
    together: Usage = {}
    starting: Usage = {}
    for container in spec.containers:
        add(together, dict(_read(amounts_of(container))), 1)
    sidecars: Usage = {}
    for container in spec.init_containers:
        own = dict(_read(amounts_of(container)))
        if container.is_sidecar:
            add(together, own, 1)
            add(sidecars, own, 1)
            own = dict(sidecars)
        else:
            add(own, sidecars, 1)
        for name, amount in own.items():
            starting[name] = _larger(starting.get(name), amount)
    most = {name: _larger(starting.get(name), amount) for name, amount in together.items()}
    most = {**starting, **most}
    add(most, dict(_read(spec.overhead)), 1)
    return most


def _read(amounts: ResourceMap) -> Iterator[tuple[str, Amount]]:
    for name, text in amounts.items():
        yield name, Amount(quantity.parse(text), str(text).endswith(_BINARY_SUFFIXES))


def _larger(one: Amount | None, other: Amount) -> Amount:
    return one if one is not None and one.number > other.number else other

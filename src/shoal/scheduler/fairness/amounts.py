"""Amounts of several resources at once: sums, and in which resources something is short.

A resource that is not named counts as zero where something is held or asked for, and as no limit
where something is allowed.
"""

from collections.abc import Iterable, Mapping

from shoal.api.volcano.resource_list import ResourceList
from shoal.scheduler.state.request import CPU, MEMORY, Amounts, amount_of, is_counted

PODS = "pods"
"""Each pod counts as one of them."""

_QUOTA_PREFIXES = ("requests.", "limits.", "count/")
_UNLIMITED_BELOW_ONE = (CPU, MEMORY)


def of_resource_list(raw: ResourceList) -> Amounts:
    """What queues count of it: `requests.cpu`, `limits.cpu`, `count/pods` and other names that only
    a ResourceQuota has are left out. Raises QuantityError."""
    return {
        name: amount_of(name, text)
        for name, text in raw.items()
        if name == PODS or (is_counted(name) and not name.startswith(_QUOTA_PREFIXES))
    }


def limits_of(raw: ResourceList) -> Amounts:
    """The same of a capability, in which a zero of cpu or memory is no limit."""
    return {
        name: amount
        for name, amount in of_resource_list(raw).items()
        if amount > 0 or name not in _UNLIMITED_BELOW_ONE
    }


def add(total: Amounts, more: Mapping[str, int]) -> None:
    """In place."""
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def subtract(total: Amounts, less: Mapping[str, int]) -> None:
    """In place."""
    for name, amount in less.items():
        total[name] = total.get(name, 0) - amount


def total_of(parts: Iterable[Mapping[str, int]]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        add(total, part)
    return total


def larger_of(one: Mapping[str, int], other: Mapping[str, int]) -> Amounts:
    """Of each resource."""
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}


def fits(held: Mapping[str, int], request: Mapping[str, int], limit: Mapping[str, int]) -> bool:
    """Whether both together stay within a limit that is zero where it names nothing."""
    for name, amount in request.items():
        if amount and held.get(name, 0) + amount > limit.get(name, 0):
            return False
    return True


def beyond(
    held: Mapping[str, int], request: Mapping[str, int], limit: Mapping[str, int]
) -> tuple[str, ...]:
    """Requested resources in which both together are more than the limit allows, sorted."""
    if not limit:
        return ()
    return tuple(
        sorted(
            name
            for name, amount in request.items()
            if amount and name in limit and held.get(name, 0) + amount > limit[name]
        )
    )

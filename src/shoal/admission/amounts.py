"""Resource lists as Volcano reckons with them, and as its texts show them.

Source of units and layout: Volcano v1.15, pkg/scheduler/api/resource_info.go.
"""

from collections.abc import Mapping
from typing import Any

from shoal.api.quantity import canonical, format_bytes, millis, parse, value

Amounts = dict[str, int]
"""By resource: thousandths of cpu, bytes of memory, a count of pods, thousandths of the rest."""

_CPU = "cpu"
_MEMORY = "memory"
_PODS = "pods"
_NATIVE_SCALARS = ("hugepages-", "attachable-volumes-")


def amounts(resources: Mapping[str, Any]) -> Amounts:
    """What Volcano counts of a resource list, cpu and memory first."""
    found = {_CPU: millis(resources.get(_CPU, 0)), _MEMORY: value(resources.get(_MEMORY, 0))}
    for name in sorted(set(resources) - {_CPU, _MEMORY}):
        if name == _PODS:
            found[name] = value(resources[name])
        elif name == "ephemeral-storage" or "/" in name or name.startswith(_NATIVE_SCALARS):
            found[name] = millis(resources[name])
    return found


def add(total: Amounts, more: Amounts) -> Amounts:
    return total | {name: total.get(name, 0) + amount for name, amount in more.items()}


def exceeds(total: Amounts, limit: Amounts) -> bool:
    """Whether in any dimension; what the limit does not name is none."""
    return any(amount > limit.get(name, 0) for name, amount in total.items())


def listed(all_amounts: Amounts) -> str:
    """`cpu 9000.00, memory 19327352832.00`."""
    return ", ".join(f"{name} {amount:.2f}" for name, amount in all_amounts.items())


def shown(name: str, amount: int) -> str:
    """One amount as a quantity; scalars as the bare number."""
    if name == _CPU:
        return canonical(f"{amount}m")
    if name == _MEMORY:
        return format_bytes(amount)
    return f"{amount:.2f}"


def is_equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two resource lists say the same, in whatever notation."""
    return {k: parse(v) for k, v in one.items()} == {k: parse(v) for k, v in other.items()}

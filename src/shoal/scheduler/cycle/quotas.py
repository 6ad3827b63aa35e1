"""Whether the ResourceQuotas of its namespace leave room for the pods of a group.

A group that is admitted although they do not has pods that the API server refuses to create. What
is in use stands in a quota's status; pods that admitted groups have yet to make are added to it, in
proportion: a group that has three of its four pods is promised a quarter of its minResources.
Source of the rule and the words: Volcano v1.15, pkg/scheduler/plugins/resourcequota. On purpose
different: Volcano forgets what it admitted before the pods are there, and counts pods that are
there already twice.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from shoal.api import quantity
from shoal.api.core import ResourceQuota
from shoal.api.pod import ResourceMap
from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.gangs.group import Group

Usage = dict[str, Decimal]
"""By the names that quotas have: `cpu`, `requests.cpu`, `limits.cpu`, `count/pods`, ..."""

_NOT_PROMISED = (PodGroupPhase.PENDING, PodGroupPhase.COMPLETED)
_BYTES = ("memory", "storage")


class Quotas:
    """Of all namespaces, in one round. `groups`: all that there are."""

    def __init__(self, quotas: Iterable[ResourceQuota], groups: Iterable[Group]) -> None:
        self._quotas: dict[str, list[ResourceQuota]] = {}
        for quota in quotas:
            self._quotas.setdefault(quota.metadata.namespace, []).append(quota)
        self._promised: dict[str, Usage] = {namespace: {} for namespace in self._quotas}
        for group in groups if self._quotas else ():
            if group.phase not in _NOT_PROMISED:
                self.admit(group)

    def objection(self, group: Group) -> str:
        """For people; empty where every quota has room. A resource that a quota does not name is
        not limited by it. Raises QuantityError."""
        promised = self._promised.get(group.key.namespace)
        if promised is None:
            return ""
        wanted = _of_missing_pods(group)
        for quota in self._quotas[group.key.namespace]:
            short = _short(quota, wanted, promised)
            if short:
                return _sentence(quota, short, wanted, promised)
        return ""

    def admit(self, group: Group) -> None:
        """The group may make its pods. Raises QuantityError."""
        promised = self._promised.get(group.key.namespace)
        if promised is not None:
            for name, amount in _of_missing_pods(group).items():
                promised[name] = promised.get(name, Decimal(0)) + amount


def _of_missing_pods(group: Group) -> Usage:
    """What pods that the group has yet to make will count as."""
    raw = group.object.spec.min_resources if group.object else None
    if not raw:
        return {}
    least = max(group.min_member, 1)
    missing = max(least - len(group.members), 0)
    return {name: quantity.parse(text) * missing / least for name, text in raw.items()}


def _short(quota: ResourceQuota, wanted: Usage, promised: Usage) -> list[str]:
    """The resources, sorted, of which the quota has too little."""
    hard, used = quota.status.hard, quota.status.used
    return sorted(
        name
        for name, amount in wanted.items()
        if amount and name in hard
        if quantity.parse(used.get(name, 0)) + promised.get(name, 0) + amount
        > quantity.parse(hard[name])
    )


def _sentence(quota: ResourceQuota, names: list[str], wanted: Usage, promised: Usage) -> str:
    status = quota.status
    parts = [
        f"requested: {_texts(names, wanted)}",
        f"used: {_raw_texts(names, status.used)}",
        f"limited: {_raw_texts(names, status.hard)}",
    ]
    if any(promised.get(name) for name in names):
        parts.insert(2, f"promised to others: {_texts(names, promised)}")
    return f"resource quota insufficient, {', '.join(parts)} (ResourceQuota {quota.metadata.name})"


def _texts(names: Iterable[str], amounts: Mapping[str, Decimal]) -> str:
    return ",".join(f"{name}={_text(name, amounts.get(name, Decimal(0)))}" for name in names)


def _raw_texts(names: Iterable[str], amounts: ResourceMap) -> str:
    return ",".join(f"{name}={amounts.get(name, 0)}" for name in names)


def _text(name: str, amount: Decimal) -> str:
    if name.endswith(_BYTES) and amount == amount.to_integral_value():
        return quantity.format_bytes(int(amount))
    return quantity.canonical(format(amount, "f"))

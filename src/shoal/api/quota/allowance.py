"""What a ResourceQuota allows, and the words in which a write is refused for it."""

from collections.abc import Mapping, Sequence

import msgspec

from shoal.api.core import ResourceQuota
from shoal.api.pod import Pod
from shoal.api.quota.amounts import (
    NOTHING,
    Amount,
    Usage,
    growth,
    listed,
    read_amounts,
)
from shoal.api.quota.objects import Counted, kind_counted_as
from shoal.api.quota.pods import unspecified
from shoal.api.selectors import Requirement


class Allowance(msgspec.Struct, frozen=True):
    """A quota's spec, read."""

    name: str
    hard: Usage
    scopes: tuple[Requirement, ...]
    """All must match. The key is the scope's name."""

    def for_kind(self, group_resource: str) -> "Allowance":
        """The same with only the names that are about one kind."""
        hard = {n: a for n, a in self.hard.items() if kind_counted_as(n) == group_resource}
        return Allowance(self.name, hard, self.scopes)

    def share_of(self, counted: Counted) -> Usage:
        """What an object takes of it; nothing where the scopes leave it out."""
        if not self.covers(counted):
            return {}
        return {name: counted.usage[name] for name in self.hard if name in counted.usage}

    def covers(self, counted: Counted) -> bool:
        """Whether the scopes let the object in."""
        for scope in self.scopes:
            # A kind that does not know a scope is out of it, whatever the operator.
            if scope.key not in counted.scopes:
                return False
            value = counted.scopes[scope.key]
            if not scope.matches({} if value is None else {scope.key: value}):
                return False
        return True


def allowance_of(quota: ResourceQuota) -> Allowance:
    """Raises QuantityError."""
    spec = quota.spec
    selected = spec.scope_selector.match_expressions if spec.scope_selector else []
    return Allowance(
        quota.metadata.name,
        read_amounts(spec.hard),
        (
            *(Requirement(scope, "Exists") for scope in spec.scopes),
            *(Requirement(e.scope_name, e.operator, frozenset(e.values)) for e in selected),
        ),
    )


def kinds_counted(allowance: Allowance) -> frozenset[str]:
    """The group resources that a quota is about."""
    return frozenset(map(kind_counted_as, allowance.hard))


def lack(quotas: Sequence[Allowance], pod: Pod, counted: Counted) -> str:
    """Why a new pod does not say enough about itself; empty where it does."""
    for allowance in quotas:
        if allowance.covers(counted):
            missing = unspecified(pod, allowance.hard)
            if missing:
                return f"failed quota: {allowance.name}: must specify {missing}"
    return ""


def wanted(quotas: Sequence[Allowance], new: Counted, old: Counted | None) -> Mapping[str, Usage]:
    """By quota, what a write takes more than before."""
    found: dict[str, Usage] = {}
    for allowance in quotas:
        before = allowance.share_of(old) if old is not None else {}
        more = growth(allowance.share_of(new), before)
        if more:
            found[allowance.name] = more
    return found


def excess(allowance: Allowance, more: Usage, used: Usage) -> str:
    """Why there is no room for so much more; empty where there is."""

    def total(name: str, amount: Amount) -> Amount:
        return used.get(name, NOTHING) + amount

    names = [n for n, a in more.items() if total(n, a).number > allowance.hard[n].number]
    if not names:
        return ""
    return (
        f"exceeded quota: {allowance.name}, requested: {listed(more, names)}, used:"
        f" {listed(used, names)}, limited: {listed(allowance.hard, names)}"
    )

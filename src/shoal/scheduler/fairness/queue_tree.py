"""Queues as a tree, and what each of them holds with everything below it.

A queue whose parent is unknown, and queues that are each other's ancestors, stand below the root.
The tree of a round is made anew; `allocate` and `release` keep it true within the round.
"""

from collections.abc import Iterator, Mapping

import msgspec

from shoal.api.volcano.queue import ROOT, Queue
from shoal.scheduler.fairness import amounts
from shoal.scheduler.fairness.queue_policy import QueueUsage
from shoal.scheduler.state.request import Amounts

STALE = -1.0
"""A share that has to be worked out."""


class Account(msgspec.Struct, eq=False):
    """What one queue may have, wants and holds. All that is held includes the queues below."""

    name: str
    created_s: float
    """Since the epoch."""
    weight: int = 1
    priority: int = 0
    is_open: bool = True
    is_reclaimable: bool = True
    capability: Amounts = msgspec.field(default_factory=dict[str, int])
    """Resources without a limit are not in it."""
    named: Amounts = msgspec.field(default_factory=dict[str, int])
    """`deserved` of the spec."""
    guarantee: Amounts = msgspec.field(default_factory=dict[str, int])
    """At least those of the queues below together."""
    parent: "Account | None" = None
    children: list["Account"] = msgspec.field(default_factory=list["Account"])
    chain: tuple["Account", ...] = ()
    """The queue itself, its parent, and so on; the root last."""
    has_groups: bool = False
    """Here or below."""
    allocated: Amounts = msgspec.field(default_factory=dict[str, int])
    request: Amounts = msgspec.field(default_factory=dict[str, int])
    inqueue: Amounts = msgspec.field(default_factory=dict[str, int])
    elastic: Amounts = msgspec.field(default_factory=dict[str, int])
    kept: Amounts = msgspec.field(default_factory=dict[str, int])
    """What is guaranteed here or below, and not yet taken by those whom it is kept for."""
    kept_for_children: Amounts = msgspec.field(default_factory=dict[str, int])
    """The sum over the children."""
    deserved: Amounts = msgspec.field(default_factory=dict[str, int])
    """What the queue is entitled to; the division writes it."""
    limit: Amounts = msgspec.field(default_factory=dict[str, int])
    """What the queue never exceeds; the division writes it."""
    share: float = STALE

    def promised(self) -> Amounts:
        """What is held or may still be taken by admitted groups, without what groups hold beyond
        what they were admitted with."""
        promised = dict(self.allocated)
        amounts.add(promised, self.inqueue)
        amounts.subtract(promised, self.elastic)
        return promised

    def limit_within(self, available: Mapping[str, int], guaranteed: Mapping[str, int]) -> Amounts:
        """What is not guaranteed to others, and no more than the capability: Volcano's
        `realCapability`. `guaranteed`: to all that share what is available, this one included."""
        limit = {
            name: amount - guaranteed.get(name, 0) + self.guarantee.get(name, 0)
            for name, amount in available.items()
        }
        for name, amount in self.capability.items():
            limit[name] = min(amount, limit.get(name, amount))
        return limit


class QueueTree:
    """`is_flat`: parents do not count, and there is no root."""

    def __init__(
        self,
        queues: Mapping[str, Queue],
        usage: Mapping[str, QueueUsage],
        *,
        is_flat: bool = False,
    ) -> None:
        self.accounts = {name: _account(name, queue) for name, queue in queues.items()}
        if is_flat:
            self.accounts.pop(ROOT, None)
            self.root = Account(ROOT, 0.0)
            for account in self.accounts.values():
                account.chain = (account,)
        else:
            self.root = self.accounts.setdefault(ROOT, Account(ROOT, 0.0))
            self._hang_up(queues)
        for name, used in usage.items():
            if name in self.accounts:
                _count(self.accounts[name], used)
        self.has_guarantees = False
        for account in self.from_below():
            self._sum_up_guarantees(account)

    def _hang_up(self, queues: Mapping[str, Queue]) -> None:
        parents = parents_of(queues)
        for name, account in self.accounts.items():
            if name != ROOT:
                account.parent = self.accounts[parents[name]]
                account.parent.children.append(account)
        self.root.chain = (self.root,)
        for account in self.from_above():
            for child in account.children:
                child.chain = (child, *account.chain)

    def from_above(self) -> Iterator[Account]:
        """Each queue before those below it."""
        waiting = [self.root]
        while waiting:
            account = waiting.pop()
            yield account
            waiting.extend(account.children)

    def from_below(self) -> list[Account]:
        """Each queue after those below it; of a flat tree, all."""
        if not self.root.children:
            return list(self.accounts.values())
        return list(self.from_above())[::-1]

    def _sum_up_guarantees(self, account: Account) -> None:
        """After those of the children."""
        if account.children:
            below = amounts.total_of(each.guarantee for each in account.children)
            account.guarantee = amounts.larger_of(account.guarantee, below)
        for name in account.guarantee:
            _renew_kept(account, name)
            self.has_guarantees = True

    def allocate(self, account: Account, request: Mapping[str, int], sign: int = 1) -> None:
        """Also of everything above. `sign`: -1 for what is given back."""
        for each in account.chain:
            allocated = each.allocated
            for name, amount in request.items():
                allocated[name] = allocated.get(name, 0) + sign * amount
            for name in each.guarantee:
                if name in request:
                    _renew_kept(each, name)
            each.share = STALE

    def admit(self, account: Account, min_resources: Mapping[str, int]) -> None:
        for each in account.chain:
            amounts.add(each.inqueue, min_resources)


def parents_of(queues: Mapping[str, Queue]) -> dict[str, str]:
    """Of every queue but the root."""
    named = {name: queue.parent for name, queue in queues.items() if queue.parent}
    parents = {name: above if above in named else ROOT for name, above in named.items()}
    is_settled = {ROOT}
    for start in parents:
        path: list[str] = []
        name = start
        while name not in is_settled and name not in path:
            path.append(name)
            name = parents[name]
        if name in path:
            for each in path[path.index(name) :]:
                parents[each] = ROOT
        is_settled.update(path)
    return parents


def below_common_ancestor(
    one: Account, other: Account
) -> tuple[tuple[Account, ...], tuple[Account, ...]]:
    """Each of the two queues with its ancestors that are not the other's, too."""
    mine, others = one.chain, other.chain
    shared = 0
    while shared < min(len(mine), len(others)) and mine[-1 - shared] is others[-1 - shared]:
        shared += 1
    return mine[: len(mine) - shared], others[: len(others) - shared]


def _account(name: str, queue: Queue) -> Account:
    spec, created = queue.spec, queue.metadata.creation_timestamp
    return Account(
        name,
        created.timestamp() if created else 0.0,
        weight=max(spec.weight, 1),
        priority=spec.priority,
        is_open=queue.is_open,
        is_reclaimable=spec.reclaimable is not False,
        capability=amounts.limits_of(spec.capability),
        named=amounts.of_resource_list(spec.deserved),
        guarantee=amounts.of_resource_list(spec.guarantee.resource),
    )


def _count(account: Account, used: QueueUsage) -> None:
    for each in account.chain:
        amounts.add(each.allocated, used.allocated)
        amounts.add(each.request, used.request)
        amounts.add(each.inqueue, used.inqueue)
        amounts.add(each.elastic, used.elastic)
        each.has_groups |= used.has_groups


def _renew_kept(account: Account, name: str) -> None:
    """What one child holds does not use up what is kept for another."""
    own = account.guarantee[name] - account.allocated.get(name, 0)
    kept = max(0, own, account.kept_for_children.get(name, 0))
    if account.parent is not None:
        above = account.parent.kept_for_children
        above[name] = above.get(name, 0) + kept - account.kept.get(name, 0)
    account.kept[name] = kept

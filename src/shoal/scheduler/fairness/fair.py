"""Shoal's own division: the tree is divided level by level, and what nobody uses may be borrowed.

What a queue deserves is what its spec names, as far as it asks for it; the others of its level
divide the rest by weight, each up to its request. Nobody is kept from what is free: a queue beyond
what it deserves borrows, comes last in order, and gives back when another asks for its own.

A queue reclaims what keeps it within its deserved in every resource that the pod asks for, and only
from a queue beyond its own in one of these. So each eviction brings the sum of what queues hold
beyond their deserved closer to zero, and the reclaimer adds nothing to it: nobody can take back
what was taken, and with nothing new to place reclaiming ends.

A job larger than what its queue deserves runs on borrowed room: it evicts nobody, waits until
others leave enough free (a reservation holds that room together for it), and is the first to go
when another queue asks for its own. With equal weights on 4 cpus and a job of 3 cpus in each of
two queues, one waits for the other to end.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

from shoal.api.volcano.queue import Queue
from shoal.scheduler.fairness import amounts
from shoal.scheduler.fairness.queue_policy import QueueClaim, QueueUsage, Shortage
from shoal.scheduler.fairness.queue_tree import Account, QueueTree, below_common_ancestor
from shoal.scheduler.fairness.round_policy import RoundPolicy
from shoal.scheduler.fairness.water_filling import Contender, divide
from shoal.scheduler.state.request import Amounts

_ALLOCATED: Callable[[Account], Amounts] = attrgetter("allocated")


class FairPolicy(RoundPolicy):
    def __init__(
        self, queues: Mapping[str, Queue], usage: Mapping[str, QueueUsage], total: Amounts
    ) -> None:
        super().__init__(QueueTree(queues, usage), total)
        for name, part in divide_tree(self._tree, total, _request_of).items():
            self._accounts[name].deserved = part
        self._claimable_by_name: dict[str, Amounts] | None = None

    def order_key(self, queue: str) -> tuple[Any, ...]:
        """Siblings by priority and share, from the root down; then by age and name."""
        account = self._accounts.get(queue)
        if account is None:
            return super().order_key(queue)
        levels = [(-each.priority, self._share(each)) for each in account.chain[-2::-1]]
        return 0, tuple(levels), account.created_s, queue

    def shortage(self, queue: str, request: Mapping[str, int]) -> Shortage | None:
        """A capability on the way up, or what is kept for the guarantees of others."""
        account = self._leaf(queue)
        if isinstance(account, Shortage):
            return account
        if self._tree.has_guarantees:
            return self._guarded_shortage(account, request, _ALLOCATED)
        for each in account.chain:
            if each.capability:
                short = amounts.beyond(each.allocated, request, each.capability)
                if short:
                    return Shortage(each.name, short)
        return None

    def admission_shortage(self, queue: str, min_resources: Mapping[str, int]) -> Shortage | None:
        """The same, with what admitted groups may still take."""
        account = self._leaf(queue)
        if isinstance(account, Shortage):
            return account
        return self._guarded_shortage(account, min_resources, Account.promised)

    def _guarded_shortage(
        self,
        account: Account,
        request: Mapping[str, int],
        held_by: Callable[[Account], Amounts],
    ) -> Shortage | None:
        """`kept` grows on the way up by what is kept for the siblings of each queue."""
        kept: Amounts = {}
        for each in account.chain:
            parent = each.parent
            limit = each.capability
            if parent is None:
                limit = {**self._physical_limit(kept), **limit}
            if limit:
                held = held_by(each)
                wanted = {
                    name: amount + kept.get(name, 0) for name, amount in request.items() if amount
                }
                short = amounts.beyond(held, wanted, limit)
                if short:
                    return Shortage(each.name, short)
            if parent is not None:
                for name, amount in parent.kept_for_children.items():
                    kept[name] = kept.get(name, 0) + amount - each.kept.get(name, 0)
        return None

    def _physical_limit(self, kept: Mapping[str, int]) -> Amounts:
        """Where nothing is kept for others, nodes alone say what is there."""
        return {name: self._total.get(name, 0) for name, amount in kept.items() if amount}

    def may_reclaim(self, queue: str, request: Mapping[str, int]) -> bool:
        """The queue stays within its deserved in every resource."""
        account = self._accounts.get(queue)
        return (
            account is not None
            and account.is_open
            and not account.children
            and amounts.fits(account.allocated, request, account.deserved)
        )

    def gives(self, victim: QueueClaim, reclaimer: QueueClaim) -> bool:
        """Up to the common ancestor, the victim's queues are all beyond their deserved in one
        resource of both pods, and the reclaimer's all stay within theirs."""
        giver = self._accounts.get(victim.queue)
        taker = self._accounts.get(reclaimer.queue)
        if giver is None or taker is None or giver is taker or not giver.is_reclaimable:
            return False
        givers, takers = below_common_ancestor(giver, taker)
        shared = (
            name
            for name, amount in victim.request.items()
            if amount and reclaimer.request.get(name, 0)
        )
        return (
            any(all(_is_beyond(each, name) for each in givers) for name in shared)
            and all(_keeps_guarantee(each, victim.request) for each in givers)
            and all(
                amounts.fits(each.allocated, reclaimer.request, each.deserved) for each in takers
            )
        )

    def victim_order_key(self, queue: str, reclaimer_queue: str) -> tuple[Any, ...]:
        """The nearest relatives of the reclaimer give first; then the order turned round."""
        account = self._accounts.get(queue)
        other = self._accounts.get(reclaimer_queue)
        if account is None or other is None:
            return super().victim_order_key(queue, reclaimer_queue)
        own, _ = below_common_ancestor(account, other)
        levels = [(each.priority, -self._share(each)) for each in own[::-1]]
        return -(len(account.chain) - len(own)), tuple(levels), -account.created_s, queue

    def _work_out_share(self, account: Account) -> float:
        """What is held of a resource that is not deserved at all is borrowed, like what is beyond
        the deserved of others: more than 1."""
        share = 0.0
        deserved = account.deserved
        for name, held in account.allocated.items():
            if held:
                own = deserved.get(name, 0)
                part = held / own if own else 1 + held / max(self._total.get(name, 0), 1)
                if part > share:
                    share = part
        return share

    def _claimable(self, account: Account) -> Mapping[str, int]:
        """With every queue that has groups asking for all it may have; worked out when needed."""
        if self._claimable_by_name is None:
            self._claimable_by_name = divide_tree(self._tree, self._total, self._all_of)
        return amounts.larger_of(account.deserved, self._claimable_by_name[account.name])

    def _all_of(self, account: Account) -> Amounts:
        return self._total if account.has_groups else {}


def divide_tree(
    tree: QueueTree, total: Amounts, wish_of: Callable[[Account], Amounts]
) -> dict[str, Amounts]:
    """What each queue deserves, by name. `wish_of`: what a queue without children asks for."""
    demands: dict[str, Amounts] = {}
    for account in tree.from_below():
        below = [demands[each.name] for each in account.children]
        wish = amounts.total_of(below) if below else wish_of(account)
        demands[account.name] = _capped(wish, account.capability)
    parts: dict[str, Amounts] = {tree.root.name: dict(total)}
    for account in tree.from_above():
        if account.children:
            parts.update(_divide_level(account, parts[account.name], demands))
    return parts


def _divide_level(
    parent: Account, available: Amounts, demands: Mapping[str, Amounts]
) -> dict[str, Amounts]:
    """Among the children of one queue."""
    line = sorted(parent.children, key=lambda each: (-each.priority, each.created_s, each.name))
    parts: dict[str, Amounts] = {each.name: {} for each in line}
    for resource, amount in available.items():
        named = [each for each in line if resource in each.named]
        others = [each for each in line if resource not in each.named]
        left = amount - sum(each.guarantee.get(resource, 0) for each in others)
        taken = 0
        for account, part in _divided(resource, max(left, 0), named, demands):
            parts[account.name][resource] = part
            taken += part
        for account, part in _divided(resource, amount - taken, others, demands):
            parts[account.name][resource] = part
    return parts


def _divided(
    resource: str, amount: int, accounts: list[Account], demands: Mapping[str, Amounts]
) -> Iterable[tuple[Account, int]]:
    contenders = [_contender(each, resource, demands[each.name]) for each in accounts]
    return zip(accounts, divide(amount, contenders), strict=True)


def _contender(account: Account, resource: str, demand: Mapping[str, int]) -> Contender:
    """Those with a named deserved weigh as much as they name, where there is not enough."""
    ceiling = demand.get(resource, 0)
    weight = account.weight
    named = account.named.get(resource)
    if named is not None:
        ceiling = min(ceiling, named)
        weight = max(named, 1)
    floor = account.guarantee.get(resource, 0)
    return Contender(weight, ceiling, floor, account.allocated.get(resource, 0))


def _request_of(account: Account) -> Amounts:
    return account.request


def _capped(wish: Amounts, capability: Amounts) -> Amounts:
    if not capability:
        return wish
    return {name: min(amount, capability.get(name, amount)) for name, amount in wish.items()}


def _is_beyond(account: Account, resource: str) -> bool:
    return account.allocated.get(resource, 0) > account.deserved.get(resource, 0)


def _keeps_guarantee(account: Account, lost: Mapping[str, int]) -> bool:
    """Whether the queue has its guarantee without this, in what it would lose."""
    return all(
        account.allocated.get(name, 0) - lost.get(name, 0) >= kept
        for name, kept in account.guarantee.items()
        if lost.get(name, 0)
    )

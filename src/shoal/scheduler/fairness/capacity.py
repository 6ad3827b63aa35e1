"""The division of Volcano's `capacity`: what a queue deserves is what its spec names.

A queue may borrow up to its capability and what the guarantees of others leave; a queue below its
deserved takes back from queues beyond theirs. With a hierarchy, limits hold along the tree, and
only queues without children hold pods. Source: Volcano v1.15,
pkg/scheduler/plugins/capacity/capacity.go.

A queue may reclaim if any one resource of the pod keeps it within its deserved, so in others it may
end beyond it, and what it takes can be taken from it again. Therefore, different on purpose: such a
queue takes only what leaves the other at or above its own deserved; what an ancestor deserves
entitles nobody to what another queue below the same ancestor holds; and `pods`, of which every pod
has one, is not a resource by which anybody is entitled or related.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from shoal.api.volcano.queue import Queue
from shoal.scheduler.fairness import amounts
from shoal.scheduler.fairness.amounts import PODS
from shoal.scheduler.fairness.queue_policy import QueueClaim, QueueUsage, Shortage
from shoal.scheduler.fairness.queue_tree import Account, QueueTree, below_common_ancestor
from shoal.scheduler.fairness.round_policy import RoundPolicy
from shoal.scheduler.state.request import Amounts


class CapacityPolicy(RoundPolicy):
    """`ancestor_reclaim_level`: how many levels up what ancestors deserve counts, too."""

    def __init__(
        self,
        queues: Mapping[str, Queue],
        usage: Mapping[str, QueueUsage],
        total: Amounts,
        *,
        is_flat: bool,
        ancestor_reclaim_level: int = 0,
    ) -> None:
        super().__init__(QueueTree(queues, usage, is_flat=is_flat), total)
        self._level = 0 if is_flat else ancestor_reclaim_level
        self._set_limits(self._tree.root, list(self._accounts.values()) if is_flat else None)

    def _set_limits(self, parent: Account, children: list[Account] | None = None) -> None:
        """Of everything below one queue."""
        below = parent.children if children is None else children
        available = parent.limit if parent.limit else self._total
        guaranteed = amounts.total_of(each.guarantee for each in below)
        for account in below:
            account.limit = account.limit_within(available, guaranteed)
            account.deserved = _deserved(account)
            self._set_limits(account)

    def order_key(self, queue: str) -> tuple[Any, ...]:
        """Its own priority, then shares from the root down; a queue that deserves something by
        name goes before one that does not."""
        account = self._accounts.get(queue)
        if account is None:
            return super().order_key(queue)
        return -account.priority, self._levels(account), account.created_s, queue

    def victim_order_key(self, queue: str, reclaimer_queue: str) -> tuple[Any, ...]:
        """The nearest relatives of the reclaimer give first; then the order turned round."""
        account = self._accounts.get(queue)
        other = self._accounts.get(reclaimer_queue)
        if account is None or other is None:
            return super().victim_order_key(queue, reclaimer_queue)
        own, _ = below_common_ancestor(account, other)
        levels = [(-self._share(each), bool(each.deserved)) for each in own[::-1]]
        nearness = len(account.chain) - len(own)
        return -nearness, account.priority, tuple(levels), -account.created_s, queue

    def shortage(self, queue: str, request: Mapping[str, int]) -> Shortage | None:
        """The limit of the queue, or of one above it."""
        account = self._leaf(queue)
        if isinstance(account, Shortage):
            return account
        for each in account.chain:
            short = amounts.beyond(each.allocated, request, each.limit)
            if short:
                return Shortage(each.name, short)
        return None

    def admission_shortage(self, queue: str, min_resources: Mapping[str, int]) -> Shortage | None:
        """The same, with what admitted groups may still take."""
        account = self._leaf(queue)
        if isinstance(account, Shortage):
            return account
        for each in account.chain:
            short = amounts.beyond(each.promised(), min_resources, each.limit)
            if short:
                return Shortage(each.name, short)
        return None

    def may_reclaim(self, queue: str, request: Mapping[str, int]) -> bool:
        """Within its limit, and in one of the resources within its deserved."""
        account = self._accounts.get(queue)
        if account is None or not account.is_open:
            return False
        if amounts.beyond(account.allocated, request, account.limit):
            return False
        return any(_deserves_some(each, request) for each in self._counting(account.chain))

    def gives(self, victim: QueueClaim, reclaimer: QueueClaim) -> bool:
        """The two pods have a resource in common, the queue keeps its guarantee, and it, with its
        ancestors that count, is beyond its deserved in something that the pod holds."""
        giver = self._accounts.get(victim.queue)
        taker = self._accounts.get(reclaimer.queue)
        if giver is None or taker is None or giver is taker or not giver.is_reclaimable:
            return False
        if not any(reclaimer.request.get(name, 0) for name in _resources(victim.request)):
            return False
        if not _keeps(giver, victim.request, giver.guarantee):
            return False
        givers, takers = below_common_ancestor(giver, taker)
        if not all(_may_be_taken(each, victim.request) for each in self._counting(givers)):
            return False
        if not self._is_entitled_apart(takers, reclaimer.request):
            return False
        could_lose_it = all(
            _may_be_taken(each, reclaimer.request, reclaimer.request)
            for each in self._counting(takers)
        )
        return not could_lose_it or all(
            _keeps(each, victim.request, each.deserved) for each in self._counting(givers)
        )

    def _is_entitled_apart(self, takers: tuple[Account, ...], request: Mapping[str, int]) -> bool:
        """Not by what a common ancestor deserves, which the victim's queue may claim as well."""
        if self._level == 0:
            return True
        return any(_deserves_some(each, request) for each in self._counting(takers))

    def _counting(self, queues: tuple[Account, ...]) -> tuple[Account, ...]:
        """Of a queue and its ancestors: those whose deserved decides."""
        return queues[: self._level + 1]

    def _levels(self, account: Account) -> tuple[tuple[float, bool], ...]:
        chain = account.chain if account.parent is None else account.chain[-2::-1]
        return tuple((self._share(each), not each.deserved) for each in chain)

    def _work_out_share(self, account: Account) -> float:
        """A queue that deserves nothing by name has all of it."""
        return super()._work_out_share(account) if account.deserved else 1.0


def _deserved(account: Account) -> Amounts:
    """What the spec names, within the limit, and the guarantee at least; a zero names nothing."""
    named = {
        name: min(amount, account.limit.get(name, amount)) for name, amount in account.named.items()
    }
    deserved = amounts.larger_of(named, account.guarantee)
    return {name: amount for name, amount in deserved.items() if amount > 0}


def _resources(request: Mapping[str, int]) -> Iterator[str]:
    return (name for name, amount in request.items() if amount and name != PODS)


def _deserves_some(account: Account, request: Mapping[str, int]) -> bool:
    return any(
        account.allocated.get(name, 0) + request[name] <= account.deserved.get(name, 0)
        for name in _resources(request)
    )


def _may_be_taken(
    account: Account, pod: Mapping[str, int], more: Mapping[str, int] | None = None
) -> bool:
    """Whether the queue is beyond its deserved in something that the pod holds and the queue
    deserves by name; a pod that holds nothing of that kind is borrowed. `more`: what the queue
    would hold besides."""
    named = [name for name, amount in pod.items() if amount and name in account.deserved]
    extra = more or {}
    return not named or any(
        account.allocated.get(name, 0) + extra.get(name, 0) > account.deserved[name]
        for name in named
    )


def _keeps(account: Account, lost: Mapping[str, int], least: Mapping[str, int]) -> bool:
    """Whether so much is left without this, in what it would lose."""
    return all(
        account.allocated.get(name, 0) - amount >= least.get(name, 0)
        for name, amount in lost.items()
        if amount and name in least
    )

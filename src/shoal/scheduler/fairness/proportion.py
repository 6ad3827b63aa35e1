"""The division of Volcano's `proportion`: by weight, up to the request; shares are hard limits.

Queues stand side by side. What a queue deserves is its part of the cluster by weight, between its
guarantee and the smallest of its request, its capability and what the guarantees of others leave;
it never holds more. Source: Volcano v1.15, pkg/scheduler/plugins/proportion/proportion.go.

Different on purpose: parts are whole units; what is guaranteed to queues without groups is kept
for them; and a queue gives only if it is beyond its deserved in a resource that both pods use, or
two queues that are each beyond theirs in something else could evict each other in turn.
"""

from collections.abc import Mapping

from shoal.api.volcano.queue import Queue
from shoal.scheduler.fairness import amounts
from shoal.scheduler.fairness.queue_policy import QueueClaim, QueueUsage, Shortage
from shoal.scheduler.fairness.queue_tree import Account, QueueTree
from shoal.scheduler.fairness.round_policy import RoundPolicy, closed
from shoal.scheduler.fairness.water_filling import Contender, divide
from shoal.scheduler.state.request import Amounts


class ProportionPolicy(RoundPolicy):
    def __init__(
        self, queues: Mapping[str, Queue], usage: Mapping[str, QueueUsage], total: Amounts
    ) -> None:
        super().__init__(QueueTree(queues, usage, is_flat=True), total)
        accounts = list(self._accounts.values())
        guaranteed = amounts.total_of(each.guarantee for each in accounts)
        for account in accounts:
            account.limit = account.limit_within(total, guaranteed)
        self._divide(accounts)

    def _divide(self, accounts: list[Account]) -> None:
        line = sorted(accounts, key=lambda each: (-each.priority, each.created_s, each.name))
        for resource, amount in self._total.items():
            contenders = [_contender(each, resource) for each in line]
            for account, part in zip(line, divide(amount, contenders), strict=True):
                account.deserved[resource] = part

    def is_overused(self, queue: str) -> bool:
        """The queue holds all that it deserves, of every resource."""
        account = self._accounts.get(queue)
        return account is None or all(
            account.allocated.get(name, 0) >= amount for name, amount in account.deserved.items()
        )

    def shortage(self, queue: str, request: Mapping[str, int]) -> Shortage | None:
        """Nobody has more than it deserves."""
        account = self._accounts.get(queue)
        if account is None or not account.is_open:
            return closed(queue)
        if amounts.fits(account.allocated, request, account.deserved):
            return None
        short = (
            name
            for name, amount in request.items()
            if amount and account.allocated.get(name, 0) + amount > account.deserved.get(name, 0)
        )
        return Shortage(queue, tuple(sorted(short)))

    def admission_shortage(self, queue: str, min_resources: Mapping[str, int]) -> Shortage | None:
        """Against what the queue could ever have."""
        account = self._accounts.get(queue)
        if account is None or not account.is_open:
            return closed(queue)
        short = amounts.beyond(account.promised(), min_resources, account.limit)
        return Shortage(queue, short) if short else None

    def may_reclaim(self, queue: str, request: Mapping[str, int]) -> bool:
        """The queue stays within its deserved."""
        return self.shortage(queue, request) is None

    def gives(self, victim: QueueClaim, reclaimer: QueueClaim) -> bool:
        """The victim's queue is beyond its deserved in a resource of both pods."""
        giver = self._accounts.get(victim.queue)
        if giver is None or victim.queue == reclaimer.queue or not giver.is_reclaimable:
            return False
        return any(
            giver.allocated.get(name, 0) > giver.deserved.get(name, 0)
            for name, amount in victim.request.items()
            if amount and reclaimer.request.get(name, 0)
        )

    def _claimable(self, account: Account) -> Mapping[str, int]:
        """The share by weight of a queue that asks for all it may have, while others have what
        they deserve by their requests of now or the same share."""
        active = [each for each in self._accounts.values() if each.has_groups or each is account]
        weight = sum(each.weight for each in active)
        by_weight = {
            name: min(amount * account.weight // weight, account.limit.get(name, amount))
            for name, amount in self._total.items()
        }
        return amounts.larger_of(account.deserved, by_weight)


def _contender(account: Account, resource: str) -> Contender:
    wanted = account.request.get(resource, 0)
    return Contender(
        account.weight,
        min(wanted, account.limit.get(resource, wanted)),
        account.guarantee.get(resource, 0),
        account.allocated.get(resource, 0),
    )

"""What all divisions of the cluster have in common: accounts that are kept, and order by share.

A division says how much each queue deserves and may have at most, and which of that decides what.
"""

from collections.abc import Mapping
from typing import Any

from shoal.scheduler.fairness.queue_policy import QueueClaim, Shortage
from shoal.scheduler.fairness.queue_tree import STALE, Account, QueueTree
from shoal.scheduler.state.request import Amounts

_LAST: tuple[Any, ...] = (1,)
"""Where a queue that does not exist stands: behind every priority."""


class RoundPolicy:
    """Base of the divisions; by itself, queues without limits and without claims on each other."""

    def __init__(self, tree: QueueTree, total: Amounts) -> None:
        self._tree = tree
        self._accounts = tree.accounts
        self._total = total

    def order_key(self, queue: str) -> tuple[Any, ...]:
        """By priority, share, age and name."""
        account = self._accounts.get(queue)
        if account is None:
            return _LAST
        return -account.priority, self._share(account), account.created_s, queue

    def age_key(self, queue: str) -> tuple[Any, ...]:
        """The order where shares do not count."""
        account = self._accounts.get(queue)
        return _LAST if account is None else (0, account.created_s, queue)

    def is_overused(self, queue: str) -> bool:
        """Unless a division says so, what a queue holds does not keep it from more."""
        del queue
        return False

    def victim_order_key(self, queue: str, reclaimer_queue: str) -> tuple[Any, ...]:
        """The order turned round."""
        del reclaimer_queue
        account = self._accounts.get(queue)
        if account is None:
            return _LAST
        return account.priority, -self._share(account), -account.created_s, queue

    def victim_age_key(self, queue: str) -> tuple[Any, ...]:
        """The youngest gives first."""
        account = self._accounts.get(queue)
        return _LAST if account is None else (0, -account.created_s, queue)

    def shortage(self, queue: str, request: Mapping[str, int]) -> Shortage | None:
        """Only a queue that exists has pods placed."""
        del request
        return None if queue in self._accounts else closed(queue)

    def admission_shortage(self, queue: str, min_resources: Mapping[str, int]) -> Shortage | None:
        """Only a queue that exists has groups admitted."""
        del min_resources
        return None if queue in self._accounts else closed(queue)

    def may_reclaim(self, queue: str, request: Mapping[str, int]) -> bool:
        """Nobody has a claim on what others hold."""
        del queue, request
        return False

    def gives(self, victim: QueueClaim, reclaimer: QueueClaim) -> bool:
        """Nobody has to."""
        del victim, reclaimer
        return False

    def allocate(self, queue: str, request: Mapping[str, int]) -> None:
        """A pod was placed."""
        account = self._accounts.get(queue)
        if account is not None:
            self._tree.allocate(account, request)

    def release(self, queue: str, request: Mapping[str, int]) -> None:
        """Undoes `allocate`."""
        account = self._accounts.get(queue)
        if account is not None:
            self._tree.allocate(account, request, -1)

    def admit(self, queue: str, min_resources: Mapping[str, int]) -> None:
        """A group was admitted."""
        account = self._accounts.get(queue)
        if account is not None:
            self._tree.admit(account, min_resources)

    def share(self, queue: str) -> float:
        """The largest part of what it deserves of any resource; zero for an unknown queue."""
        account = self._accounts.get(queue)
        return 0.0 if account is None else self._share(account)

    def deserved(self, queue: str) -> Amounts:
        """Nothing for an unknown queue."""
        account = self._accounts.get(queue)
        return {} if account is None else dict(account.deserved)

    def is_within_share(self, queue: str, min_resources: Mapping[str, int]) -> bool:
        """Whether others would have to make room for the group: unknown queues never."""
        account = self._accounts.get(queue)
        if account is None:
            return False
        promised, claimable = account.promised(), self._claimable(account)
        return all(
            promised.get(name, 0) + amount <= claimable.get(name, 0)
            for name, amount in min_resources.items()
            if amount
        )

    def has(self, queue: str) -> bool:
        """Whether the queue exists."""
        return queue in self._accounts

    def is_reclaimable(self, queue: str) -> bool:
        """Whether anything of the queue may be taken; nothing of an unknown one."""
        account = self._accounts.get(queue)
        return account is not None and account.is_reclaimable

    def _leaf(self, queue: str) -> Account | Shortage:
        """The queue; or why it takes no pods whatever they ask for: it is closed, unknown, or has
        queues below it."""
        account = self._accounts.get(queue)
        if account is None or not account.is_open:
            return closed(queue)
        return Shortage(queue, (), has_children=True) if account.children else account

    def _share(self, account: Account) -> float:
        if account.share == STALE:
            account.share = self._work_out_share(account)
        return account.share

    def _work_out_share(self, account: Account) -> float:
        """As Volcano v1.15 does, pkg/scheduler/plugins/proportion: what is held of a resource that
        is not deserved at all counts as all of it."""
        share = 0.0
        allocated = account.allocated
        for name, amount in account.deserved.items():
            held = allocated.get(name, 0)
            part = held / amount if amount else float(held > 0)
            if part > share:
                share = part
        return share

    def _claimable(self, account: Account) -> Mapping[str, int]:
        """What a queue that asked for more would be entitled to."""
        return account.deserved


def closed(queue: str) -> Shortage:
    """Of a queue that is not open, or does not exist."""
    return Shortage(queue, (), is_closed=True)

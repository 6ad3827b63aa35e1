"""Groups in line: which queue is next, and which group in it.

The queue of the lowest share goes first, and in it the first group. Shares move with every
placement, so both are asked anew for each turn.
"""

import heapq
from collections import deque
from collections.abc import Iterable

from shoal.api.volcano.queue import DequeueStrategy
from shoal.scheduler.cycle.attempts import Attempt
from shoal.scheduler.cycle.round import Round
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.likeness import Likeness
from shoal.scheduler.gangs.member import Member
from shoal.scheduler.gangs.order import GroupKey, members_in_order


class Lines:
    """Groups in line, by queue."""

    def __init__(self, round: Round, groups: Iterable[Group]) -> None:
        self._round = round
        self._lines: dict[str, list[tuple[GroupKey, int, Group]]] = {}
        self._count = 0
        self._members: dict[str, deque[Member]] = {}
        self.known: dict[Likeness, Attempt] = {}
        """What was tried in vain: rooms only get fewer in a round."""
        begun: list[Group] = []
        for group in groups:
            if round.rules.gang_job_ready and group.is_begun:
                begun.append(group)
                self._lines.setdefault(group.queue, [])
            else:
                self._lines.setdefault(group.queue, []).append(self._entry(group))
        for line in self._lines.values():
            heapq.heapify(line)
        self._begun = deque(sorted(begun, key=round.order))
        """They have their first turn before all queues."""
        self._fifo = {name for name in self._lines if is_fifo(round, name)}
        if self._fifo:
            self._drop_overtakers()
        self._queues = [(round.policy.order_key(name), name) for name in self._lines]
        heapq.heapify(self._queues)

    def next_queue(self) -> str | None:
        """The one with the lowest order that has groups."""
        if self._begun:
            return self._begun[0].queue
        policy, queues = self._round.policy, self._queues
        while queues:
            known, name = queues[0]
            if not self._lines.get(name):
                heapq.heappop(queues)
                continue
            # Shares only grow in a round, so that a stale order is too low, never too high.
            now = policy.order_key(name)
            if now == known:
                return name
            heapq.heapreplace(queues, (now, name))
        return None

    def pop(self, queue: str) -> Group:
        """The first group in line."""
        if self._begun:
            return self._begun.popleft()
        _, _, group = heapq.heappop(self._lines[queue])
        return group

    def push(self, group: Group) -> None:
        """Again in line, where it belongs now."""
        heapq.heappush(self._lines.setdefault(group.queue, []), self._entry(group))

    def drop(self, queue: str) -> None:
        """Nobody of it has another turn."""
        # What keeps them out keeps out all that are equal to them.
        self._round.tried_in_vain.update(each.uid for *_, each in self._lines.pop(queue, ()))

    def is_fifo(self, queue: str) -> bool:
        return queue in self._fifo

    def members_of(self, group: Group, *, with_best_effort: bool) -> deque[Member]:
        """Those that have not had their chance, in order."""
        members = self._members.get(group.uid)
        if members is None:
            ordered = members_in_order(group, self._round.rules)
            wanted = (each for each in ordered if with_best_effort or not each.is_best_effort)
            members = self._members[group.uid] = deque(wanted)
        return members

    def _entry(self, group: Group) -> tuple[GroupKey, int, Group]:
        self._count += 1
        return self._round.order(group), self._count, group

    def _drop_overtakers(self) -> None:
        """In a fifo queue, nobody goes before a group that was tried in vain and comes first."""
        for group in self._round.book.waking.parked_heads():
            if group.queue not in self._fifo or not group.waiting_count:
                continue
            line = self._lines.get(group.queue)
            if line and self._round.order(group) < line[0][0]:
                self.drop(group.queue)


def is_fifo(round: Round, name: str) -> bool:
    """Whether nobody in the queue goes before its head."""
    queue = round.book.queue(name)
    return queue is not None and queue.spec.dequeue_strategy == DequeueStrategy.FIFO

"""Members of a group being placed: all of it can be taken back.

A transaction ends with `commit` or `take_back`; until then the queue's share, the nodes and what
plugins have reserved are as if its members were placed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from shoal.scheduler.cycle.gang_cycle import Placement, Rejection
from shoal.scheduler.cycle.round import MemberRefusal, Round, shortage_text
from shoal.scheduler.framework.signing import Fragments
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import Member
from shoal.scheduler.state.node_table import BoolArray
from shoal.scheduler.state.statement import Statement


class Transaction:
    """`rows`: the only nodes that may be used; None for all. `is_entitled`: the queue must not only
    be allowed to have what is placed, but entitled to it, even if others have to give."""

    def __init__(
        self,
        round: Round,
        group: Group,
        rows: BoolArray | None = None,
        *,
        is_entitled: bool = False,
    ) -> None:
        self._round = round
        self._group = group
        self.rows = rows
        self._is_entitled = is_entitled
        self._statement = Statement(round.cache)
        self.placements: list[Placement] = []
        self.members: list[Member] = []
        """In the order of `placements`."""
        self.roles: Counter[str] = Counter()

    def try_member(self, member: Member) -> MemberRefusal | None:
        """Place it; why not, where that is not possible."""
        queued = member.queued
        assert queued is not None
        policy, queue = self._round.policy, self._group.queue
        if shortage := policy.shortage(queue, member.amounts):
            return MemberRefusal(member, shortage_text(shortage))
        if self._is_entitled and not policy.may_reclaim(queue, member.amounts):
            return MemberRefusal(member, f"queue {queue} is not entitled to more")
        result = self._round.cycle.place(self._statement, queued, rows=self.rows)
        if isinstance(result, Rejection):
            return MemberRefusal(member, result.message, is_of_nodes=True)
        policy.allocate(queue, member.amounts)
        self.placements.append(result)
        self.members.append(member)
        self.roles[member.role] += 1
        return None

    def stands_within_limits(self) -> bool:
        """Whether the queue may have what the latest member took, as things are now."""
        member, policy, queue = self.members[-1], self._round.policy, self._group.queue
        policy.release(queue, member.amounts)
        try:
            if policy.shortage(queue, member.amounts) is not None:
                return False
            return not self._is_entitled or policy.may_reclaim(queue, member.amounts)
        finally:
            policy.allocate(queue, member.amounts)

    def commit(self) -> None:
        """Its placements are the round's."""
        self._statement.commit()
        for placement in self.placements:
            self._round.place(placement)
        self.placements, self.members = [], []

    def take_back(self, count: int = 0) -> list[tuple[Member, str]]:
        """As if no more than so many members had been placed. Gives where all of them would have
        gone."""
        plan = [
            (member, placement.node_name)
            for member, placement in zip(self.members, self.placements, strict=True)
        ]
        while len(self.placements) > count:
            self._round.cycle.take_back(self._statement, self.placements.pop())
            member = self.members.pop()
            self._round.policy.release(self._group.queue, member.amounts)
            self.roles[member.role] -= 1
        return plan

    def place_at(self, plan: Iterable[tuple[Member, str]]) -> None:
        """Again where `take_back` said that they were; nothing else may have changed since."""
        snapshot, rows = self._round.cache.snapshot, self.rows
        for member, node_name in plan:
            row = snapshot.row(node_name)
            assert row is not None
            self.rows = np.zeros_like(snapshot.is_present)
            self.rows[row] = True
            self.try_member(member)
        self.rows = rows


class Goal:
    """How many members have to be placed: the group's minimum, or one more where it has that."""

    def __init__(self, group: Group, *, is_gang: bool, counted: Iterable[Member] = ()) -> None:
        """`is_gang`: whether the minimum counts at all. `counted`: members that will have a place
        otherwise."""
        self._missing = 1
        self._missing_roles: dict[str, int] = {}
        if is_gang and not group.is_ready:
            others = list(counted)
            by_role = Counter(each.role for each in others)
            self._missing = group.min_member - group.ready_count - len(others)
            self._missing_roles = {
                role: least - group.ready_by_role[role] - by_role[role]
                for role, least in group.role_minimums.items()
                if least > group.ready_by_role[role] + by_role[role]
            }

    def is_met(self, transaction: Transaction) -> bool:
        return len(transaction.placements) >= max(self._missing, 0) and all(
            transaction.roles[role] >= least for role, least in self._missing_roles.items()
        )

    def can_be_met(self, transaction: Transaction, left: int) -> bool:
        """Whether `left` members more may be enough."""
        return len(transaction.placements) + left >= self._missing


def place_members(
    transaction: Transaction, members: Sequence[Member], goal: Goal
) -> list[MemberRefusal]:
    """Place members in this order until the goal is met. Members that were refused are tried again
    as long as others find places, because some need others of their gang nearby."""
    pending = list(members)
    while True:
        before = len(transaction.placements)
        refused = _one_pass(transaction, pending, goal)
        is_stuck = len(transaction.placements) == before
        if not refused or is_stuck or goal.is_met(transaction):
            return refused
        placed = {each.uid for each in transaction.members}
        pending = [each for each in pending if each.uid not in placed]
        if not goal.can_be_met(transaction, len(pending)):
            return refused


def _one_pass(
    transaction: Transaction, members: Sequence[Member], goal: Goal
) -> list[MemberRefusal]:
    refused: list[MemberRefusal] = []
    known: dict[Fragments, MemberRefusal] = {}
    for index, member in enumerate(members):
        if goal.is_met(transaction):
            break
        if not goal.can_be_met(transaction, len(members) - index):
            break
        like = member.queued.signature.whole if member.queued else None
        if like is not None and like in known:
            refused.append(replace(known[like], member=member))
            continue
        refusal = transaction.try_member(member)
        if refusal is None:
            continue
        refused.append(refusal)
        if like is not None:
            known[like] = refusal
    return refused

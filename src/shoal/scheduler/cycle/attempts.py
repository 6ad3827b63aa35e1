"""An attempt to place a group: in the closest part of the network that holds it, subgroup by
subgroup.

The first place where the goal is met wins. Nothing is left behind by places that do not do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shoal.scheduler.cycle.domains import Rows, sub_groups
from shoal.scheduler.cycle.round import MemberRefusal, Round
from shoal.scheduler.cycle.transaction import Goal, Transaction, place_members
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import READY, Member


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of it. Without success, nothing is placed any more."""

    transaction: Transaction
    refusals: Sequence[MemberRefusal]
    is_success: bool
    plan: Sequence[tuple[Member, str]] = ()
    """Where members would have gone, without success."""

    @property
    def lacks_nodes(self) -> bool:
        """Whether it is nodes that some member found too full, rather than its queue."""
        return any(each.is_of_nodes for each in self.refusals)


def try_group(round: Round, group: Group, members: Sequence[Member], goal: Goal) -> Attempt:
    """Place members of the group on what is free now."""
    failed: Attempt | None = None
    for rows in round.domains.of_group(group) if round.rules.network_topology else (None,):
        transaction = Transaction(round, group, rows)
        refusals = place_in(round, group, transaction, members, goal)
        if goal.is_met(transaction) and transaction.placements:
            return Attempt(transaction, refusals, is_success=True)
        plan = transaction.take_back()
        if failed is None or len(plan) >= len(failed.plan):
            failed = Attempt(transaction, refusals, is_success=False, plan=plan)
    if failed is not None:
        return failed
    nowhere = [
        MemberRefusal(each, "no HyperNode of an allowed tier holds its gang") for each in members
    ]
    return Attempt(Transaction(round, group), nowhere, is_success=False)


def place_in(
    round: Round, group: Group, transaction: Transaction, members: Sequence[Member], goal: Goal
) -> list[MemberRefusal]:
    """Onto the rows of the transaction: subgroups as wholes, then all others."""
    if not round.rules.sub_groups or group.object is None or not group.object.spec.sub_group_policy:
        return place_members(transaction, members, goal)
    refused: list[MemberRefusal] = []
    in_sub_groups: set[str] = set()
    placed_before = group.in_states(READY)
    within = transaction.rows
    for policy, own in sub_groups(group, members):
        in_sub_groups.update(each.uid for each in own)
        there = [
            each
            for _, known in sub_groups(group, [*own, *placed_before])
            for each in known
            if own[0] in known and each not in own
        ]
        size = policy.sub_group_size - len(there)
        places = round.domains.of_sub_group(policy.network_topology, there, own, within)
        refused += _place_whole(transaction, own, max(size, 1), list(places))
    transaction.rows = within
    rest = [each for each in members if each.uid not in in_sub_groups]
    return refused + place_members(transaction, rest, goal) if rest else refused


def _place_whole(
    transaction: Transaction, members: Sequence[Member], least: int, places: Sequence[Rows]
) -> list[MemberRefusal]:
    """So many of these members at least, in one of the places; else none."""
    refusals: list[MemberRefusal] = []
    begun = len(transaction.placements)
    for rows in places:
        transaction.rows = rows
        refusals = [each for each in map(transaction.try_member, members) if each is not None]
        if len(transaction.placements) - begun >= least:
            return refusals
        transaction.take_back(begun)
    return refusals or [MemberRefusal(each, "no HyperNode holds its subgroup") for each in members]

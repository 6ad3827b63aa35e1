"""A round: one pass of the configured actions over all groups that wait.

What the actions share: what they may look at, and what they leave behind. Nothing of it outlives
the round but what is placed in the cache and noted in the book.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shoal.api.volcano.queue import ROOT
from shoal.scheduler.cycle.domains import Domains
from shoal.scheduler.cycle.gang_cycle import GangCycle, Placement
from shoal.scheduler.fairness.queue_policy import QueuePolicy, Shortage
from shoal.scheduler.fairness.rules import Action, Rules
from shoal.scheduler.framework.nominations import Nominations
from shoal.scheduler.gangs.book import GangBook
from shoal.scheduler.gangs.group import Group, GroupVerdict
from shoal.scheduler.gangs.member import Member
from shoal.scheduler.gangs.order import GroupKey, group_order
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.request import Amounts

_SAME_VERDICT_S = 10.0
_NO_DIGITS = dict.fromkeys(map(ord, "0123456789"))


class Purpose(StrEnum):
    """Why a victim has to go."""

    RECLAIM = "reclaim"
    PREEMPT = "preempt"


@dataclass(frozen=True, slots=True)
class MemberRefusal:
    """Why a member has no node."""

    member: Member
    message: str
    possible_node: str = ""
    """Where it would go if the rest of its gang had nodes; empty for nowhere."""
    is_of_nodes: bool = False
    """Whether nodes were looked at."""


@dataclass(frozen=True, slots=True)
class Eviction:
    """A member that has to go for another group."""

    member: Member
    victim_group: Group
    beneficiary: Group
    purpose: Purpose


@dataclass(slots=True)
class RoundOutcome:
    placements: list[Placement] = field(default_factory=list[Placement])
    admitted: list[Group] = field(default_factory=list[Group])
    refusals: list[MemberRefusal] = field(default_factory=list[MemberRefusal])
    evictions: list[Eviction] = field(default_factory=list[Eviction])
    nominated: list[tuple[Member, str]] = field(default_factory=list[tuple[Member, str]])
    """Members that wait for room on a node which is about to become free."""
    held_back: list[tuple[Group, str]] = field(default_factory=list[tuple[Group, str]])
    """Groups that were not admitted, with what people are told."""
    took_s: dict[Action, float] = field(default_factory=dict[Action, float])
    """By action that was done; zero where time stands still."""


@dataclass(slots=True, kw_only=True)
class Round:
    """What every action of the round gets."""

    rules: Rules
    cache: Cache
    cycle: GangCycle
    """Places single members."""
    book: GangBook
    objects: Objects
    """What else the API server has told."""
    policy: QueuePolicy
    nominations: Nominations
    domains: Domains
    total: Amounts
    """What the cluster has for groups."""
    used: Amounts
    """Of that, what groups hold."""
    now: datetime
    violates_budget: Callable[[list[PodInfo]], list[bool]]
    """Of pods that go in this order, each: whether it is more than a disruption budget allows."""
    budget: int
    """How many members may still be placed."""
    forget_reservation: Callable[[str], None]
    """Of a pod that gets a better place."""
    has_reservation: Callable[[str], bool]
    """Whether the room that is kept for a pod is no more than reserved."""
    room_is_free: Callable[[PodInfo], None]
    """What was kept for this pod is not any more."""
    outcome: RoundOutcome = field(default_factory=RoundOutcome)
    tried_in_vain: set[str] = field(default_factory=set[str])
    """Uids of groups that got nothing by `allocate`."""
    promised: dict[str, list[Member]] = field(default_factory=dict[str, list[Member]])
    """By uid of their group: members that count as if their queue held what they wait for."""

    def order(self, group: Group) -> GroupKey:
        return group_order(group, self.rules, self.total)

    def refuse(self, group: Group, verdict: GroupVerdict) -> None:
        """The group waits, and this is why. What differs in numbers alone is news only now and
        then, or every change in the cluster would be written to all groups that wait."""
        before, since = group.verdict, group.verdict_at
        is_recent = since is not None and (self.now - since).total_seconds() < _SAME_VERDICT_S
        if before is not None and is_recent and _is_alike(before, verdict):
            return
        group.verdict = verdict
        group.verdict_at = self.now
        if before != verdict:
            self.book.note_verdict(group)

    def nominated(self, group: Group) -> list[Member]:
        """Members that wait for room which others are leaving."""
        if not self.nominations:
            return []
        return [
            each
            for each in group.waiting()
            if self.nominations.node_of(each.uid) and not self.has_reservation(each.uid)
        ]

    def end_promises(self) -> None:
        """To members that cannot be placed any more, whatever ends: their group is gone, or has
        too few of them."""
        for uid in self.nominations.uids():
            group, pod = self.book.group_of(uid), self.nominations.pod(uid)
            if group is None or pod is None:
                continue
            is_enough = group.valid_count >= group.min_member or not self.rules.gang_job_ready
            if not group.is_known or not is_enough:
                self.nominations.remove(uid)
                self.room_is_free(pod)

    def keep_promises(self) -> None:
        """Before anybody gets anything: no queue is entitled to more beside what its groups wait
        for."""
        for uid in self.nominations.uids():
            group = self.book.group_of(uid)
            if group is not None and group.uid not in self.promised:
                self.promise(group)

    def promise(self, group: Group) -> None:
        """Count what the group waits for."""
        self.lift_promise(group)
        members = self.nominated(group)
        if members:
            self.promised[group.uid] = members
        for member in members:
            self.policy.allocate(group.queue, member.amounts)

    def lift_promise(self, group: Group) -> None:
        """Before the group itself is tried."""
        for member in self.promised.pop(group.uid, ()):
            self.policy.release(group.queue, member.amounts)

    @contextmanager
    def shares_without_leaving(self) -> Generator[None]:
        """As if queues had lost the pods that are about to end."""
        held = [(self._queue_of(each), each.amounts) for each in self.book.leaving.values()]
        for queue, amounts in held:
            self.policy.release(queue, amounts)
        try:
            yield
        finally:
            for queue, amounts in held:
                self.policy.allocate(queue, amounts)

    @contextmanager
    def without_leaving(self) -> Generator[None]:
        """The same, and nodes have their room back."""
        leaving = [each.pod for each in self.book.leaving.values()]
        with self.shares_without_leaving(), self.cache.supposing(without=leaving):
            yield

    def _queue_of(self, member: Member) -> str:
        group = self.book.group_of(member.uid)
        return group.queue if group else ""

    def breaks_budget(self, pods: Sequence[PodInfo]) -> bool:
        """Whether these may not all go, for the sake of a disruption budget. What was evicted and
        is still there counts, too: nobody says when a budget's status has taken note of it."""
        going = [each.pod for each in self.book.leaving.values() if each.is_evicted]
        return any(self.violates_budget([*going, *pods])[len(going) :])

    def nominate(self, member: Member, node_name: str) -> None:
        """The member waits for room on this node, and others leave it that room."""
        self.forget_reservation(member.uid)
        self.nominations.set(member.pod, node_name)
        self.outcome.nominated.append((member, node_name))

    def place(self, placement: Placement) -> None:
        """A member that is committed."""
        self.outcome.placements.append(placement)
        self.book.place(placement.queued.pod.uid, placement.node_name)
        self.budget -= 1


def _is_alike(one: GroupVerdict, other: GroupVerdict) -> bool:
    return one.reason == other.reason and _without_digits(one) == _without_digits(other)


def _without_digits(verdict: GroupVerdict) -> str:
    return verdict.message.translate(_NO_DIGITS)


def shortage_text(shortage: Shortage) -> str:
    """For people; the words are Volcano's where it has any."""
    if shortage.is_closed:
        return f"queue {shortage.queue} is not open"
    if shortage.has_children:
        return f"queue {shortage.queue} has queues below it, and only those hold pods"
    missing = ", ".join(f"insufficient {each}" for each in shortage.dimensions)
    if shortage.queue == ROOT:
        return (
            "the cluster is too small, too full or guaranteed to others:"
            f" {missing or 'nothing left'} (queue {ROOT})"
        )
    return (
        f"queue resource quota insufficient: {missing or 'nothing left'} (queue {shortage.queue})"
    )

"""What is known of one PodGroup: its members by state, and what they hold and ask for.

Sums are kept as members change, so that asking costs nothing per member. Rules: Volcano v1.15,
pkg/scheduler/api/job_info.go and plugins/gang.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from shoal.api.meta import ObjectKey
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import PodGroup, PodGroupPhase
from shoal.api.volcano.queue import DEFAULT
from shoal.scheduler.fairness.amounts import of_resource_list
from shoal.scheduler.fairness.queue_policy import QueueUsage
from shoal.scheduler.gangs.member import HOLDING, READY, STAYING, Member, MemberState
from shoal.scheduler.state.request import Amounts


class Reason(StrEnum):
    """Of the condition Unschedulable."""

    NOT_ENOUGH_RESOURCES = "NotEnoughResources"
    NOT_ENOUGH_TASKS = "NotEnoughTasks"
    NOT_ENOUGH_PODS_OF_TASK = "NotEnoughPodsOfTask"


class GroupVerdict(msgspec.Struct, frozen=True):
    """Why a group waits."""

    reason: Reason
    message: str


class Group:
    """Mutable; `book.GangBook` alone changes it. A group may be known by its pods before its
    PodGroup is."""

    def __init__(self, key: ObjectKey, first_seen_at: datetime) -> None:
        self.key = key
        self.object: PodGroup | None = None
        self.uid = ""
        self.queue = ""
        self.min_member = 0
        self.role_minimums: Mapping[str, int] = {}
        """Of each task; empty where they do not bind, which is where minMember is less than their
        sum."""
        self.min_resources: Amounts | None = None
        self.created_at = first_seen_at
        self.age_key = first_seen_at.isoformat()
        """Orders groups by age."""
        self.priority = 0
        self.phase = PodGroupPhase.PENDING
        """What it is here; written to the API when it differs."""
        self.members: dict[str, Member] = {}
        self.counts: Counter[MemberState] = Counter()
        self.ready_count = 0
        """Members that count for the minimum."""
        self.ready_by_role: Counter[str] = Counter()
        self.holding: Amounts = {}
        self.wanting: Amounts = {}
        """Of members that wait."""
        self.retry_at: datetime | None = None
        """After a failure that is nobody's fault."""
        self.awaited: set[str] = set()
        """Uids of its victims that are still there."""
        self.verdict: GroupVerdict | None = None
        """Why it waits; None while it does not, or has not been looked at."""
        self.verdict_at: datetime | None = None
        self.told_verdict: GroupVerdict | None = None
        """Of its latest event."""
        self.contribution: QueueUsage | None = None
        """What its queue's usage contains of it."""
        self.contributes_to = ""
        """That queue."""

    def take_object(self, obj: PodGroup | None) -> None:
        """The PodGroup as it is now; None where it is gone. Raises QuantityError."""
        self.object = obj
        if obj is None:
            return
        spec, meta = obj.spec, obj.metadata
        self.uid = meta.uid
        self.queue = spec.queue or DEFAULT
        self.min_member = spec.min_member
        binds = spec.min_member >= sum(spec.min_task_member.values())
        self.role_minimums = spec.min_task_member if binds else {}
        raw = spec.min_resources
        self.min_resources = None if raw is None else of_resource_list(raw)
        if meta.creation_timestamp is not None:
            self.created_at = meta.creation_timestamp
            self.age_key = meta.creation_timestamp.isoformat()

    @property
    def is_known(self) -> bool:
        """Whether there is a PodGroup."""
        return self.object is not None

    @property
    def waiting_count(self) -> int:
        return self.counts[MemberState.WAITING]

    @property
    def valid_count(self) -> int:
        """Members that count for the minimum, and those that may yet."""
        return self.ready_count + self.waiting_count

    @property
    def is_ready(self) -> bool:
        """Whether its minimum is placed."""
        if self.ready_count < self.min_member:
            return False
        return not self.role_minimums or all(
            self.ready_by_role[role] >= least for role, least in self.role_minimums.items()
        )

    @property
    def is_begun(self) -> bool:
        """Whether members hold nodes that are of no use without the others."""
        if not self.holding or self.is_ready:
            return False
        return any(self.counts[state] for state in STAYING)

    @property
    def is_protected(self) -> bool:
        """Whether its owner forbids to evict it."""
        if self.object is None:
            return False
        meta = self.object.metadata
        return "false" in (
            meta.annotations.get(keys.PREEMPTABLE),
            meta.labels.get(keys.PREEMPTABLE),
        )

    def waiting(self) -> Iterator[Member]:
        return (each for each in self.members.values() if each.state is MemberState.WAITING)

    def in_states(self, states: Iterable[MemberState]) -> list[Member]:
        wanted = frozenset(states)
        return [each for each in self.members.values() if each.state in wanted]

    def add(self, member: Member) -> None:
        self.members[member.uid] = member
        self._count(member, 1)

    def remove(self, uid: str) -> Member | None:
        member = self.members.pop(uid, None)
        if member is not None:
            self._count(member, -1)
        return member

    def move(self, member: Member, state: MemberState, node_name: str) -> None:
        """The member is in another state now."""
        self._count(member, -1)
        member.state = state
        member.node_name = node_name
        self._count(member, 1)

    def usage(self) -> QueueUsage:
        """What it adds to its queue's usage."""
        reserved = self.min_resources or {}
        inqueue: Amounts = {}
        # A running group that is elastic may still take what it was admitted with.
        if self.phase is PodGroupPhase.INQUEUE or (
            self.phase is PodGroupPhase.RUNNING and self.ready_count >= self.min_member
        ):
            holding = self.holding
            inqueue = {
                name: amount - holding.get(name, 0)
                for name, amount in reserved.items()
                if amount > holding.get(name, 0)
            }
        elastic = {
            name: amount - reserved.get(name, 0)
            for name, amount in self.holding.items()
            if amount > reserved.get(name, 0) and self.min_resources is not None
        }
        request = dict(self.holding)
        for name in {**self.wanting, **inqueue}:
            more = max(self.wanting.get(name, 0), inqueue.get(name, 0))
            request[name] = request.get(name, 0) + more
        return QueueUsage(dict(self.holding), request, inqueue, elastic, has_groups=True)

    def _count(self, member: Member, sign: int) -> None:
        self.counts[member.state] += sign
        if member.state in READY:
            self.ready_count += sign
            self.ready_by_role[member.role] += sign
        if member.state in HOLDING:
            _add(self.holding, member.amounts, sign)
        elif member.state is MemberState.WAITING:
            _add(self.wanting, member.amounts, sign)


def _add(total: Amounts, more: Amounts, sign: int) -> None:
    for name, amount in more.items():
        left = total.get(name, 0) + sign * amount
        if left:
            total[name] = left
        else:
            total.pop(name, None)

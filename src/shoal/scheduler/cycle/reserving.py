"""A reservation: the first group that has to wait keeps the places where it will start.

Without it, small groups that fit into the gaps would keep a large one waiting for ever. The places
are found by letting pods end, on supposition, in the order in which they are expected to: those
with an estimate by their end, then the oldest. Others leave this room alone, unless they are
expected to be done before the reservation begins. Only one group holds a reservation, and none is
made where it would wait for pods that never end.

Source of the idea: EASY backfilling (D. Lifka, The ANL/IBM SP scheduling system, 1995).
"""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

from shoal.api.duration import duration
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.cycle.attempts import place_in
from shoal.scheduler.cycle.round import Round
from shoal.scheduler.cycle.transaction import Goal, Transaction
from shoal.scheduler.framework.nominations import Nominations
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import Member, MemberState
from shoal.scheduler.gangs.order import members_in_order

_RUNNING = (MemberState.PLACED, MemberState.BOUND, MemberState.RUNNING)


class Reservation:
    """Outlives rounds. Its places are nominations, of which the API server is not told."""

    def __init__(self, nominations: Nominations) -> None:
        self._nominations = nominations
        self.holder: Group | None = None
        self._places: dict[str, tuple[Member, str]] = {}
        """Uid of a member -> the member and its node."""
        self._starts_at: datetime | None = None
        """None where nobody can say."""
        self._is_outdated = False
        """Whether somebody else may have taken its places, or nodes have changed."""
        self._planned_for = -1
        """Generation of the nodes."""

    def has(self, uid: str) -> bool:
        """Whether a place is kept for this pod."""
        return uid in self._places

    def refresh(self, round: Round) -> None:
        """Give up what nobody waits for any more."""
        holder = self.holder
        if holder is None:
            return
        if not _may_hold(round, holder):
            self._give_up(round)
        elif round.cache.snapshot.node_generation != self._planned_for:
            self._is_outdated = True

    def forget(self, uid: str) -> None:
        """The pod is nominated for a better reason."""
        self._places.pop(uid, None)

    def consider(self, round: Round, group: Group, *, lacks_nodes: bool) -> None:
        """The group found no room. The first such group gets the reservation, and gives it up to
        one of higher priority, or where it is not for want of nodes that it waits."""
        # The holder may have started in this round.
        self.refresh(round)
        is_holder = self.holder is group
        if is_holder and (not lacks_nodes or not round.rules.reservation):
            self._give_up(round)
        if not lacks_nodes or not _may_hold(round, group):
            return
        if self.holder is not None and not is_holder and not self._yields_to(group):
            return
        if is_holder and self._is_whole() and not self._is_outdated:
            return
        self._lift()
        plan = _plan(round, group)
        if plan is None and not is_holder:
            self._keep()
            return
        former = self._places
        self.holder, self._places, self._is_outdated = None, {}, False
        if plan is not None:
            self.holder = group
            self._planned_for = round.cache.snapshot.node_generation
            places, self._starts_at = plan
            self._places = {member.uid: (member, node_name) for member, node_name in places}
            self._keep()
        for uid, (member, node_name) in former.items():
            if self._nominations.node_of(uid) != node_name:
                round.room_is_free(member.pod)

    @contextmanager
    def lifted_for(self, group: Group, now: datetime) -> Generator[bool]:
        """Without the reservation, if the group has higher priority or is expected to be done
        before it begins; whether that is so."""
        is_allowed = self._yields_to(group) or self._begins_after(group, now)
        if self.holder is None or self.holder is group or not is_allowed:
            yield False
            return
        self._is_outdated |= self._yields_to(group)
        self._lift()
        try:
            yield True
        finally:
            self._keep()

    def _yields_to(self, group: Group) -> bool:
        return self.holder is not None and group.priority > self.holder.priority

    def _begins_after(self, group: Group, now: datetime) -> bool:
        """Whether the group is done by then."""
        estimate = estimate_of(group)
        return (
            self._starts_at is not None
            and estimate is not None
            and now + estimate <= self._starts_at
        )

    def _give_up(self, round: Round) -> None:
        self._lift()
        for member, _ in self._places.values():
            round.room_is_free(member.pod)
        self.holder, self._places, self._is_outdated = None, {}, False

    def _lift(self) -> None:
        for uid in self._places:
            self._nominations.remove(uid)

    def _keep(self) -> None:
        for member, node_name in self._places.values():
            self._nominations.set(member.pod, node_name)

    def _is_whole(self) -> bool:
        """Whether every place is still kept."""
        return bool(self._places) and all(
            self._nominations.node_of(uid) == node_name
            for uid, (_, node_name) in self._places.items()
        )


def _may_hold(round: Round, group: Group) -> bool:
    """Whether nodes are all that the group needs to start."""
    return (
        round.rules.reservation
        and group.is_known
        and not group.is_ready
        and group.waiting_count > 0
        and group.valid_count >= group.min_member
        and group.phase is not PodGroupPhase.PENDING
    )


def estimate_of(group: Group) -> timedelta | None:
    """How long its pods are expected to run; a time that cannot be read counts as none."""
    annotations = group.object.metadata.annotations if group.object else {}
    text = annotations.get(keys.RUNNING_ESTIMATE)
    if not text:
        return None
    try:
        return timedelta(seconds=duration(text).seconds)
    except ValueError:
        return None


def _plan(round: Round, group: Group) -> tuple[list[tuple[Member, str]], datetime | None] | None:
    """Where the group will start, and when; None where it never would."""
    members = members_in_order(group, round.rules)
    goal = Goal(group, is_gang=True)
    for rows in round.domains.of_group(group) if round.rules.network_topology else (None,):
        starts_at: datetime | None = round.now
        transaction = Transaction(round, group, rows)
        with ExitStack() as supposed:
            supposed.enter_context(round.without_leaving())
            place_in(round, group, transaction, members, goal)
            for ends_at, running in _by_end(round, group):
                if goal.is_met(transaction):
                    break
                supposed.enter_context(round.cache.supposing(without=[running.pod]))
                placed = {each.uid for each in transaction.members}
                left = [each for each in members if each.uid not in placed]
                place_in(round, group, transaction, left, goal)
                starts_at = max(starts_at, ends_at) if starts_at and ends_at else None
            is_met = goal.is_met(transaction)
            places = transaction.take_back()
        if is_met:
            return places, starts_at
    return None


def _by_end(round: Round, group: Group) -> Iterator[tuple[datetime | None, Member]]:
    """Members of other groups that will end by themselves, the first to end first."""
    known: list[tuple[datetime, str, Member]] = []
    unknown: list[tuple[str, str, Member]] = []
    for other in round.book.holders():
        if other is group:
            continue
        estimate = estimate_of(other)
        for member in other.in_states(_RUNNING):
            pod = member.pod.object
            if pod.spec.restart_policy == "Always":
                continue
            started = pod.status.start_time or pod.metadata.creation_timestamp or round.now
            if estimate is not None:
                known.append((max(started + estimate, round.now), member.uid, member))
            else:
                unknown.append((started.isoformat(), member.uid, member))
    for ends_at, _, member in sorted(known, key=lambda each: each[:2]):
        yield ends_at, member
    for _, _, member in sorted(unknown, key=lambda each: each[:2]):
        yield None, member

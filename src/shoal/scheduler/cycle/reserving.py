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

    def has(self, uid: str) -> bool:
        """Whether a place is kept for this pod."""
        return uid in self._places

    def refresh(self) -> None:
        """Give up what nobody waits for any more."""
        holder = self.holder
        if holder is None or (holder.is_known and not holder.is_ready and holder.waiting_count):
            return
        for uid, (_, node_name) in self._places.items():
            if self._nominations.node_of(uid) == node_name:
                self._nominations.remove(uid)
        self.holder = None
        self._places = {}

    def forget(self, uid: str) -> None:
        """The pod is nominated for a better reason."""
        self._places.pop(uid, None)

    def consider(self, round: Round, group: Group) -> None:
        """The group found no room. The first such group gets the reservation."""
        if not round.rules.reservation or group.is_ready:
            return
        if self.holder is not None and self.holder is not group:
            return
        if self.holder is group and self._is_whole():
            return
        plan = _plan(round, group)
        if plan is None:
            return
        self.holder = group
        places, self._starts_at = plan
        self._places = {member.uid: (member, node_name) for member, node_name in places}
        self._keep()

    @contextmanager
    def lifted_for(self, group: Group, now: datetime) -> Generator[bool]:
        """Without the reservation, if the group is expected to be done before it begins; whether
        that is so."""
        estimate = estimate_of(group)
        is_short = (
            self.holder is not None
            and self.holder is not group
            and self._starts_at is not None
            and estimate is not None
            and now + estimate <= self._starts_at
        )
        if not is_short:
            yield False
            return
        for uid in self._places:
            self._nominations.remove(uid)
        try:
            yield True
        finally:
            self._keep()

    def _keep(self) -> None:
        for member, node_name in self._places.values():
            self._nominations.set(member.pod, node_name)

    def _is_whole(self) -> bool:
        """Whether every place is still kept."""
        return bool(self._places) and all(
            self._nominations.node_of(uid) == node_name
            for uid, (_, node_name) in self._places.items()
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
    starts_at: datetime | None = round.now
    for rows in round.domains.of_group(group) if round.rules.network_topology else (None,):
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

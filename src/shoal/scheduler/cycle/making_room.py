"""The actions `reclaim` and `preempt`: a group that has to wait takes room from others.

Victims are taken in order, on supposition, until the group's minimum finds places; then every
victim without which it would still fit is spared again, the most important first. Nobody is evicted
unless the whole minimum will fit. The group is nominated to the nodes, and bound when its victims
are gone.

A victim that comes back does not evict its evictor: in a queue only groups of higher priority
preempt, and between queues `QueuePolicy.gives` refuses what could be taken back. Source of the
rules: Volcano v1.15, actions/reclaim, actions/preempt, actions/gangpreempt; on purpose different:
docs/reference/volcano-differences.md.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.cycle.attempts import place_in
from shoal.scheduler.cycle.domains import Rows
from shoal.scheduler.cycle.lines import is_fifo
from shoal.scheduler.cycle.round import Eviction, Purpose, Round
from shoal.scheduler.cycle.transaction import Goal, Transaction
from shoal.scheduler.cycle.victims import (
    Bundle,
    Terms,
    bundles,
    does_drf_decide,
    givers,
    kind_order,
    leaves_as_much,
)
from shoal.scheduler.fairness.amounts import add, total_of
from shoal.scheduler.fairness.queue_policy import QueueClaim
from shoal.scheduler.fairness.rules import Division, Rules
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.likeness import Likeness, is_judged_by_room, likeness_of
from shoal.scheduler.gangs.member import Member, MemberState, amounts_of
from shoal.scheduler.gangs.order import members_in_order
from shoal.scheduler.state.request import Amounts

_MOST_MOVES = 2000
"""So many members of a group are placed anew at most, to see whether a victim can stay."""


@dataclass(slots=True)
class _Taken:
    """A bundle that is off its nodes on supposition."""

    bundle: Bundle
    supposed: ExitStack


def make_room(round: Round, groups: Iterable[Group], terms: Terms) -> None:
    """For those of the groups that are below their minimum, in order of queues and lines."""
    starving = [each for each in groups if _is_starving(round, each)]
    if not starving:
        return
    policy, is_reclaim = round.policy, terms.purpose is Purpose.RECLAIM
    starving.sort(key=lambda each: (policy.order_key(each.queue), round.order(each)))
    candidates = givers(round)
    heads = _fifo_heads(round, {each.queue for each in starving})
    in_vain: set[Likeness] = set()
    for group in starving:
        if not candidates or not _may_ask(round, group, is_reclaim=is_reclaim):
            continue
        if heads.get(group.queue, group) is not group:
            continue
        likeness = likeness_of(group)
        if likeness is not None and likeness in in_vain:
            continue
        if _find_room(round, group, terms, candidates):
            candidates = givers(round)
        elif likeness is not None:
            in_vain.add(likeness)
    if _are_being_bound(round) and any(_is_starving(round, each) for each in starving):
        round.book.waking.wake_when_bound()


def _are_being_bound(round: Round) -> bool:
    """Whether there are members that will be victims only after the API server knows of them."""
    return any(each.counts[MemberState.PLACED] for each in round.book.holders())


def _fifo_heads(round: Round, queues: Iterable[str]) -> dict[str, Group]:
    """Of those of the queues that are fifo, the only groups that would be placed if there was room
    for them."""
    heads: dict[str, Group] = {}
    fifo = {each for each in queues if is_fifo(round, each)}
    if not fifo:
        return heads
    for group in round.book:
        is_in_line = group.is_known and group.phase is not PodGroupPhase.PENDING
        if is_in_line and group.waiting_count and group.queue in fifo:
            first = heads.setdefault(group.queue, group)
            if round.order(group) < round.order(first):
                heads[group.queue] = group
    return heads


def _find_room(round: Round, group: Group, terms: Terms, candidates: Iterable[Group]) -> bool:
    """For its minimum at once; then, or where a minimum counts for nothing, for one member after
    another as long as it has too little. Whether there is any."""
    is_found = False
    round.lift_promise(group)
    while True:
        own = bundles(round, group, terms, candidates)
        places = round.domains.of_group(group) if round.rules.network_topology else (None,)
        searches = (
            _Search(round, group, terms, own, rows, is_first=not is_found) for rows in places
        )
        is_more_found = any(each.run() for each in searches)
        round.promise(group)
        if not is_more_found:
            return is_found
        is_found = True
        nominated = len(round.nominated(group))
        if not _has_too_little(round, group, group.ready_count + nominated < group.min_member):
            return True


def _may_ask(round: Round, group: Group, *, is_reclaim: bool) -> bool:
    """Whether the group's queue may have anything at the cost of others."""
    policy = round.policy
    queue = round.book.queue(group.queue)
    if queue is None or not queue.is_open:
        return False
    if not is_reclaim:
        return True
    if round.rules.overused and policy.is_overused(group.queue):
        return False
    with round.shares_without_leaving():
        return any(policy.may_reclaim(group.queue, each.amounts) for each in group.waiting())


def _is_starving(round: Round, group: Group) -> bool:
    if not group.is_known or not group.waiting_count or group.awaited:
        return False
    if group.phase is PodGroupPhase.PENDING:
        return False
    if round.rules.gang_job_ready and group.valid_count < group.min_member:
        return False  # Its pods are still being made.
    return _has_too_little(round, group, not group.is_ready)


def _has_too_little(round: Round, group: Group, is_below_minimum: bool) -> bool:
    """Every plugin that says anything must say so."""
    rules: Rules = round.rules
    votes: list[bool] = []
    if rules.gang_job_starving:
        votes.append(is_below_minimum)
    if rules.priority_job_starving:
        votes.append(len(round.nominated(group)) < group.waiting_count)
    return bool(votes) and all(votes)


class _Search:
    """For victims whose going lets one group in, in one part of the cluster. `is_first`: nothing
    was found for it yet."""

    def __init__(
        self,
        round: Round,
        group: Group,
        terms: Terms,
        candidates: Sequence[Bundle],
        rows: Rows,
        *,
        is_first: bool,
    ) -> None:
        self._round = round
        self._group = group
        self._terms = terms
        self._candidates = candidates
        self._is_reclaim = terms.purpose is Purpose.RECLAIM
        settled = [] if is_first else round.nominated(group)
        self._settled = [(each.pod, round.nominations.node_of(each.uid)) for each in settled]
        """Members for which room was found before, with their nodes."""
        self._members = [
            each
            for each in members_in_order(group, round.rules)
            if each.pod.spec.preemption_policy != "Never" and each not in settled
        ]
        self._transaction = Transaction(round, group, rows, is_entitled=self._is_reclaim)
        self._goal = Goal(group, is_gang=is_first and round.rules.gang_job_pipelined)
        self._taken: list[_Taken] = []
        self._all_taken = ExitStack()

    def run(self) -> bool:
        """Whether the group got room, or will have it."""
        beside = self._round.cache.supposing(plus=self._settled)
        with self._round.without_leaving(), beside, self._all_taken:
            is_enough = self._place()
            for candidate in self._in_turn():
                if is_enough:
                    break
                bundle = self._without_taken(candidate)
                if self._may_take(bundle):
                    self._take(bundle)
                    is_enough = self._place()
            if is_enough:
                self._spare_all()
                self._settle()
            else:
                self._give_up()
        return is_enough

    def _in_turn(self) -> Iterator[Bundle]:
        """The candidates, and always those of the queue that is to give first as things are by
        then."""
        lines: dict[str, deque[Bundle]] = {}
        for bundle in self._candidates:
            lines.setdefault(bundle.group.queue, deque()).append(bundle)
        keys: dict[str, tuple[Any, ...]] = {}
        count = -1
        while len(lines) > 1:
            if count != len(self._taken):
                count = len(self._taken)
                policy, own = self._round.policy, self._group.queue
                keys = {name: policy.victim_order_key(name, own) for name in lines}
            queue = min(lines, key=lambda name: (kind_order(lines[name][0]), keys[name]))
            yield lines[queue].popleft()
            if not lines[queue]:
                del lines[queue]
        for line in lines.values():
            yield from line

    def _place(self) -> bool:
        """Place what fits now; whether it is enough."""
        placed = {each.uid for each in self._transaction.members}
        left = [each for each in self._members if each.uid not in placed]
        if left and not self._goal.is_met(self._transaction):
            # Subgroups are placed as wholes, so a part that did not do is tried anew.
            place_in(self._round, self._group, self._transaction, left, self._goal)
        return self._goal.is_met(self._transaction) and bool(self._transaction.placements)

    def _without_taken(self, bundle: Bundle) -> Bundle:
        """What is left of a gang of which some members are taken already."""
        if not bundle.is_whole:
            return bundle
        taken = {m.uid for each in self._taken for m in each.bundle.members}
        return replace(bundle, members=tuple(m for m in bundle.members if m.uid not in taken))

    def _may_take(self, bundle: Bundle) -> bool:
        best_effort_only = all(each.is_best_effort for each in self._members)
        if best_effort_only and not all(each.is_best_effort for each in bundle.members):
            return False
        if self._round.rules.pdb:
            going = [m.pod for taken in self._taken for m in taken.bundle.members]
            going += [each.pod for each in bundle.members]
            if self._round.breaks_budget(going):
                return False
        if does_drf_decide(self._round.rules, self._terms):
            return self._leaves_as_much(bundle)
        rules = self._round.rules
        has_claims = rules.division is not Division.NONE and rules.reclaimable
        if not self._is_reclaim or (self._terms.is_of_gangs and not has_claims):
            return True
        return self._gives(bundle)

    def _leaves_as_much(self, bundle: Bundle) -> bool:
        gone = [each.bundle for each in self._taken if each.bundle.group is bundle.group]
        taken = total_of(member.amounts for each in gone for member in each.members)
        placed = [each.amounts for each in self._transaction.members]
        held = total_of((self._group.holding, *placed, self._next_claim().request))
        return leaves_as_much(bundle, taken, held, self._round.total)

    def _gives(self, bundle: Bundle) -> bool:
        """Whether the bundle's queue must give it. A gang that goes as a whole is one claim: its
        queue is above its share because of it, and comes below without it."""
        together: Amounts = {}
        for member in bundle.members:
            add(together, member.amounts)
        claim = QueueClaim(bundle.group.queue, together)
        return self._round.policy.gives(claim, self._next_claim())

    def _next_claim(self) -> QueueClaim:
        """Of the member for which room is being made."""
        placed = {each.uid for each in self._transaction.members}
        waiting = next((each for each in self._members if each.uid not in placed), None)
        return QueueClaim(self._group.queue, waiting.amounts if waiting else {})

    def _take(self, bundle: Bundle) -> None:
        taken = _Taken(bundle, self._all_taken.enter_context(ExitStack()))
        self._suppose_away(taken)
        self._taken.append(taken)

    def _spare_all(self) -> None:
        """Put back every bundle without which the group fits, the last one taken first."""
        spared = [each for each in reversed(self._taken[:]) if self._spare(each)]
        self._spare_by_moving()
        if not spared or all(is_judged_by_room(each.pod) for each in self._members):
            return
        # What members say of pods nearby is known only by placing them anew.
        self._transaction.take_back()
        if not self._place():
            for taken in spared:
                self._take(taken.bundle)
            self._transaction.take_back()
            self._place()

    def _spare_by_moving(self) -> None:
        """Room that was made later may hold those for whom the first victims had to go."""
        trials = _MOST_MOVES // max(len(self._transaction.members), 1)
        left = [each for each in reversed(self._taken) if not self._must_follow(each)]
        while left and len(self._taken) > 1 and trials > 0:
            trials -= 1
            if self._stays_if_others_move(left.pop(0)):
                left = [each for each in reversed(self._taken) if not self._must_follow(each)]

    def _stays_if_others_move(self, taken: _Taken) -> bool:
        plan = self._transaction.take_back()
        self._put_back(taken)
        if self._place():
            self._taken.remove(taken)
            return True
        self._transaction.take_back()
        self._suppose_away(taken)
        self._transaction.place_at(plan)
        return False

    def _must_follow(self, taken: _Taken) -> bool:
        """Whether it is a member that its gang can do without, and the gang goes: it does not stay
        alone."""
        group = taken.bundle.group
        return not taken.bundle.is_whole and any(
            each.bundle.is_whole and each.bundle.group is group for each in self._taken
        )

    def _put_back(self, taken: _Taken) -> None:
        policy, queue = self._round.policy, taken.bundle.group.queue
        for member in taken.bundle.members:
            policy.allocate(queue, member.amounts)
        taken.supposed.close()

    def _spare(self, taken: _Taken) -> bool:
        """Whether the bundle can stay where it is; if so, its queue holds it again."""
        if self._must_follow(taken):
            return False
        members = taken.bundle.members
        self._put_back(taken)
        if self._transaction.stands_within_limits() and all(map(self._is_within_node, members)):
            self._taken.remove(taken)
            return True
        self._suppose_away(taken)
        return False

    def _suppose_away(self, taken: _Taken) -> None:
        bundle = taken.bundle
        pods = [each.pod for each in bundle.members]
        taken.supposed.enter_context(self._round.cache.supposing(without=pods))
        for member in bundle.members:
            self._round.policy.release(bundle.group.queue, member.amounts)

    def _is_within_node(self, victim: Member) -> bool:
        """Whether the victim's node has no less than all its pods ask for, with those for which
        room is being made there."""
        snapshot = self._round.cache.snapshot
        row = snapshot.row(victim.node_name)
        if row is None:
            return True
        node = snapshot.node(row)
        heeded = self._round.nominations.heeded_by(self._members[0].pod, victim.node_name)
        promised = total_of(amounts_of(each.request) for each in heeded)
        return all(
            node.requested(name) + promised.get(name, 0) <= node.allocatable(name)
            for name in victim.amounts
        )

    def _settle(self) -> None:
        """Evict, and nominate the group to where it will go."""
        plan = self._transaction.take_back()
        for member, node_name in plan:
            self._round.nominate(member, node_name)
        for taken in self._taken:
            for victim in taken.bundle.members:
                self._round.policy.allocate(taken.bundle.group.queue, victim.amounts)
                self._round.outcome.evictions.append(
                    Eviction(victim, taken.bundle.group, self._group, self._terms.purpose)
                )
                self._round.book.evict(victim)
        uids = [each.uid for taken in self._taken for each in taken.bundle.members]
        self._round.book.waking.await_victims(self._group, uids)

    def _give_up(self) -> None:
        self._transaction.take_back()
        for taken in self._taken:
            for member in taken.bundle.members:
                self._round.policy.allocate(taken.bundle.group.queue, member.amounts)

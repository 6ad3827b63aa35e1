"""Rounds of scheduling: what is done, in which order, for the groups that wait.

A round begins with how the cluster is divided now, runs the configured actions, and leaves the
groups that were tried in vain parked. A round that has placed as many members as it may ends early;
the next one goes on, and only a round that came to its end makes room by evicting.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from shoal.scheduler.cycle import admitting, allocating, making_room
from shoal.scheduler.cycle.domains import Domains
from shoal.scheduler.cycle.gang_cycle import GangCycle
from shoal.scheduler.cycle.reserving import Reservation
from shoal.scheduler.cycle.round import Purpose, Round, RoundOutcome
from shoal.scheduler.cycle.victims import Terms
from shoal.scheduler.fairness.divisions import policy_of
from shoal.scheduler.fairness.queue_policy import QueuePolicy, QueuePolicyMaker
from shoal.scheduler.fairness.rules import Action, Rules
from shoal.scheduler.framework.nominations import Nominations
from shoal.scheduler.gangs.book import GangBook
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.request import Amounts

ViolatesBudget = Callable[[list[PodInfo]], list[bool]]


def _stands_still() -> float:
    return 0.0


class Rounds:
    def __init__(
        self,
        cache: Cache,
        cycle: GangCycle,
        book: GangBook,
        objects: Objects,
        nominations: Nominations,
        violates_budget: ViolatesBudget,
        room_is_free: Callable[[PodInfo, datetime], None],
        rules: Rules = Rules(),
    ) -> None:
        """`room_is_free`: what was kept for this pod is not any more."""
        self._cache = cache
        self._cycle = cycle
        self._book = book
        self._objects = objects
        self._nominations = nominations
        self._domains = Domains(cache.snapshot, objects)
        self._violates_budget = violates_budget
        self._room_is_free = room_is_free
        self.reservation = Reservation(nominations)
        self.stopwatch: Callable[[], float] = _stands_still
        """In seconds, for metrics alone: no decision looks at it."""
        self.set_rules(rules)
        self._tried: dict[str, Group] = {}
        """Groups that were tried in vain since the last complete round, by uid."""

    def set_rules(self, rules: Rules) -> None:
        """From the next round on."""
        self.rules = rules
        self._make_policy: QueuePolicyMaker = policy_of(rules)
        self._book.waking.wake_all()

    def run(self, budget: int, now: datetime) -> RoundOutcome:
        """One round, which places at most about so many members."""
        current = self.begin(budget, now)
        self.reservation.refresh(current)
        current.end_promises()
        groups = self._book.active()
        is_complete = True
        for action in self.rules.actions:
            if not is_complete and action is not Action.ENQUEUE:
                break
            if action is not Action.ENQUEUE:
                current.keep_promises()
            begun_s = self.stopwatch()
            is_complete = self._act(current, action, groups) and is_complete
            groups = self._book.waking.awake()
            current.outcome.took_s[action] = self.stopwatch() - begun_s
        if is_complete:
            self._tried.clear()
        for group in self._book.waking.awake():
            if is_complete or group.uid in self._tried:
                self._book.waking.park(group, is_special=self._is_special(group, current))
        self.reservation.refresh(current)
        return current.outcome

    def _is_special(self, group: Group, round: Round) -> bool:
        """Whether the group waits for something that equal groups do not: pods of its own, or room
        that is promised to it."""
        if group.uid not in round.tried_in_vain:
            return True
        return self.reservation.holder is group or any(
            self._nominations.node_of(each.uid) for each in group.waiting()
        )

    def begin(self, budget: int, now: datetime) -> Round:
        """How things stand at the beginning of a round."""
        policy, total, used = self.division()
        return Round(
            rules=self.rules,
            cache=self._cache,
            cycle=self._cycle,
            book=self._book,
            objects=self._objects,
            policy=policy,
            nominations=self._nominations,
            domains=self._domains,
            total=total,
            used=used,
            now=now,
            violates_budget=self._violates_budget,
            budget=budget,
            forget_reservation=self.reservation.forget,
            has_reservation=self.reservation.has,
            room_is_free=lambda pod: self._room_is_free(pod, now),
        )

    def division(self) -> tuple[QueuePolicy, Amounts, Amounts]:
        """How the cluster is divided now, what it has for groups, and what they hold of it."""
        total, used = self._totals()
        return self._make_policy(self._book.queues(), self._book.usage(), total), total, used

    def _act(self, round: Round, action: Action, groups: Sequence[Group]) -> bool:
        """Whether the action was done to its end."""
        starving = {each.uid: each for each in groups} | self._tried
        match action:
            case Action.ENQUEUE:
                admitting.admit(round, groups)
            case Action.ALLOCATE:
                is_complete = allocating.allocate(round, groups, self.reservation)
                self._tried.update(
                    (each.uid, each) for each in groups if each.uid in round.tried_in_vain
                )
                return is_complete
            case Action.BACKFILL:
                allocating.backfill(round, groups)
            case Action.RECLAIM:
                only_spare = self.rules.gang_reclaimable
                making_room.make_room(round, starving.values(), Terms(Purpose.RECLAIM, only_spare))
            case Action.PREEMPT:
                if self.rules.names_preemption_victims:
                    terms = Terms(Purpose.PREEMPT, self.rules.gang_preemptable)
                    making_room.make_room(round, starving.values(), terms)
            case Action.GANG_RECLAIM:
                terms = Terms(Purpose.RECLAIM, not self.rules.allow_whole_bundle, is_of_gangs=True)
                making_room.make_room(round, starving.values(), terms)
            case Action.GANG_PREEMPT:
                terms = Terms(Purpose.PREEMPT, not self.rules.allow_whole_bundle, is_of_gangs=True)
                making_room.make_room(round, starving.values(), terms)
        return True

    def _totals(self) -> tuple[Amounts, Amounts]:
        """What the cluster has for groups, and what they hold of it. What stands alone is out of
        their reach."""
        snapshot, held = self._cache.snapshot, self._book.held
        total: Amounts = {}
        usable = snapshot.is_present & ~snapshot.is_unschedulable
        for name, index in snapshot.resources.items():
            has = int(snapshot.allocatable[index][usable].sum())
            taken = int(snapshot.requested[index][usable].sum())
            if has:
                total[name] = max(has - max(taken - held.get(name, 0), 0), 0)
        return total, {name: held.get(name, 0) for name in total}

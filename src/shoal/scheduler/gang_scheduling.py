"""Gangs beside lone pods: when a round is due, and what its outcome leads to.

    intake -> GangBook -> Rounds -> placements -> Bindings
                                 -> conditions, events, evictions
              GangBook -> statuses of PodGroups and queues

Statuses are written a few times a second at most, each object's whole status at once: a gang of
hundreds that starts is not hundreds of writes. Only the admission of a job's group is told at once,
because its pods are made upon it.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES
from shoal.scheduler.cycle.gang_cycle import Placement
from shoal.scheduler.cycle.reserving import Reservation
from shoal.scheduler.cycle.rounds import Rounds
from shoal.scheduler.effects import Effect, PodRef, WriteStatus
from shoal.scheduler.fairness.rules import Rules
from shoal.scheduler.gang_effects import group_ref, of_round, told_to_wait, verdict_event
from shoal.scheduler.gang_tally import GangTally
from shoal.scheduler.gangs.book import GangBook
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.newcomers import Newcomers
from shoal.scheduler.gangs.statuses import group_patch, phase_of, queue_patches

GROUP_STATUS_PERIOD = timedelta(seconds=0.25)
QUEUE_STATUS_PERIOD = timedelta(seconds=1)
RETRY_DELAY = timedelta(seconds=1)
"""After a binding or an eviction that failed."""

Start = Callable[[Placement, datetime], list[Effect]]
"""Begins the binding of a placement."""


class GangScheduling:
    def __init__(self, book: GangBook, newcomers: Newcomers, rounds: Rounds, start: Start) -> None:
        self.book = book
        self._newcomers = newcomers
        self.rounds = rounds
        self.tally = GangTally()
        self._start = start
        self._decisions = 0
        self._groups_due_at: datetime | None = None
        self._queues_due_at: datetime | None = None

    @property
    def reservation(self) -> Reservation:
        """For a look at who holds it."""
        return self.rounds.reservation

    def set_rules(self, rules: Rules) -> None:
        """They hold from the next round on, in which every group is looked at again."""
        self.rounds.set_rules(rules)
        self.book.waking.wake_all()

    def next_wake(self, now: datetime) -> datetime | None:
        """When there is next something to do; None for never."""
        if self.book.waking.has_work():
            return now
        times = [self.book.waking.next_retry(), self._newcomers.next_due()]
        if self.book.has_unwritten():
            times.append(self._groups_due_at or now)
        if self.book.has_changed_queues:
            times.append(self._queues_due_at or now)
        return min((each for each in times if each is not None), default=None)

    def run(self, budget: int, now: datetime) -> list[Effect]:
        """A round, if one is due, and the statuses that are."""
        self.book.waking.wake_due(now)
        done: list[Effect] = []
        if self.book.waking.has_work():
            self._decisions += 1
            begun_s = self.rounds.stopwatch()
            outcome = self.rounds.run(budget, now)
            self.tally.note(outcome, self.book, self.rounds.stopwatch() - begun_s, now)
            for placement in outcome.placements:
                done += self._start(placement, now)
            done += of_round(outcome, now)
            done += self._tell_admissions(outcome.admitted, now)
        done += [told_to_wait(*each, now) for each in self._newcomers.take_due(now)]
        if self.book.has_unwritten() and _is_due(self._groups_due_at, now):
            self._groups_due_at = now + GROUP_STATUS_PERIOD
            done += self._write_groups(now)
        if self.book.has_changed_queues and _is_due(self._queues_due_at, now):
            self._queues_due_at = now + QUEUE_STATUS_PERIOD
            done += self._write_queues(now)
        return done

    def displaced(self, uid: str, now: datetime) -> bool:
        """A placement was taken back; whether it was one of a gang, which then backs off."""
        group = self.book.group_of(uid)
        if group is None:
            return False
        self.book.displace(uid)
        self.book.waking.back_off(group, now + RETRY_DELAY)
        return True

    def eviction_failed(self, uid: str, now: datetime) -> None:
        """A pod stays; groups that wait for its room back off."""
        self.book.eviction_failed(uid, now + RETRY_DELAY)

    def _tell_admissions(self, admitted: Iterable[Group], now: datetime) -> Iterator[Effect]:
        for group in admitted:
            if _is_awaited(group) and (write := self._write(group, now)):
                yield write

    def _write_groups(self, now: datetime) -> list[Effect]:
        done: list[Effect] = []
        for group in self.book.take_unwritten():
            if group.object is None:
                continue
            phase = phase_of(group)
            if phase is not group.phase:
                self.book.take_phase(group, phase)
            if (write := self._write(group, now)) is not None:
                done.append(write)
            done += self._events(group)
        return done

    def _events(self, group: Group) -> list[Effect]:
        verdict = None if group.is_ready else group.verdict
        if verdict == group.told_verdict or (verdict is None and not group.is_ready):
            return []
        group.told_verdict = verdict
        return [verdict_event(group)]

    def _write(self, group: Group, now: datetime) -> WriteStatus | None:
        patch = group_patch(group, self._decisions, now)
        if patch is None:
            return None
        return WriteStatus(group_ref(group), POD_GROUPS, patch, is_subresource=False)

    def _write_queues(self, now: datetime) -> list[Effect]:
        self.book.has_changed_queues = False
        queues = self.book.queues()
        policy = self.rounds.begin(0, now).policy
        patches = queue_patches(queues, self.book, self.book.usage(), policy)
        return [
            WriteStatus(
                PodRef("", name, queues[name].metadata.uid), QUEUES, patch, is_subresource=True
            )
            for name, patch in patches.items()
        ]


def _is_awaited(group: Group) -> bool:
    """Whether a controller, such as that of jobs, may make the group's pods upon its admission."""
    has_owner = group.object is not None and group.object.metadata.controller is not None
    return has_owner and len(group.members) < group.min_member


def _is_due(due_at: datetime | None, now: datetime) -> bool:
    return due_at is None or due_at <= now

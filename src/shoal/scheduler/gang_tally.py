"""What rounds have done so far, in numbers that only grow: what metrics cannot read off the state.

Counted once a round from its outcome, before bindings begin; a placement that comes to nothing, and
is made again, counts again.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from shoal.scheduler.cycle.round import Purpose, RoundOutcome
from shoal.scheduler.fairness.rules import Action
from shoal.scheduler.gangs.book import GangBook
from shoal.scheduler.gangs.group import Group

ROUND_BUCKETS_MS = tuple(5.0 * 2**step for step in range(15))
GANG_BUCKETS_MS = tuple(32.0 * 2**step for step in range(10))
"""Upper bounds, Volcano's (v1.15, pkg/scheduler/metrics)."""


class Histogram:
    """What is beyond the last bound has a bucket of its own."""

    def __init__(self, bounds_ms: Sequence[float]) -> None:
        self.bounds_ms = bounds_ms
        self.counts = [0] * (len(bounds_ms) + 1)
        """Not cumulative."""
        self.sum_ms = 0.0

    def add(self, duration_ms: float) -> None:
        self.counts[bisect_left(self.bounds_ms, duration_ms)] += 1
        self.sum_ms += duration_ms


class GangTally:
    """Since the start of the process."""

    def __init__(self) -> None:
        self.rounds = Histogram(ROUND_BUCKETS_MS)
        """How long they took."""
        self.actions = {action: Histogram(ROUND_BUCKETS_MS) for action in Action}
        self.pod_waits = Histogram(ROUND_BUCKETS_MS)
        """From the creation of a pod to its place."""
        self.gang_waits = Histogram(GANG_BUCKETS_MS)
        """From the creation of a PodGroup to the place of the last pod of its minimum."""
        self.pods_placed: Counter[str] = Counter()
        """By queue, as `gangs_placed`."""
        self.gangs_placed: Counter[str] = Counter()
        self.refusals = 0
        """Of members, each time that one was tried in vain."""
        self.evictions: Counter[tuple[Purpose, str]] = Counter()
        """By the victims' queue."""
        self.beneficiaries = 0
        """How often others were evicted for a group."""
        self.latest_victims = 0
        """Pods that went in the latest round in which any went."""

    def note(self, outcome: RoundOutcome, book: GangBook, took_s: float, now: datetime) -> None:
        """After a round. `took_s`: all of it."""
        self.rounds.add(took_s * 1000)
        for action, action_took_s in outcome.took_s.items():
            self.actions[action].add(action_took_s * 1000)
        self.refusals += len(outcome.refusals)
        self._note_placements(outcome, book, now)
        self._note_evictions(outcome)

    def _note_placements(self, outcome: RoundOutcome, book: GangBook, now: datetime) -> None:
        placed: Counter[str] = Counter()
        groups: dict[str, Group] = {}
        for placement in outcome.placements:
            pod = placement.queued.pod
            group = book.group_of(pod.uid)
            if group is None:
                continue
            groups[group.uid] = group
            placed[group.uid] += 1
            self.pods_placed[group.queue] += 1
            created_at = pod.object.metadata.creation_timestamp
            if created_at is not None:
                self.pod_waits.add(_milliseconds(created_at, now))
        for uid, count in placed.items():
            group = groups[uid]
            was_short = group.ready_count - count < max(group.min_member, 1)
            if group.is_ready and was_short:
                self.gangs_placed[group.queue] += 1
                self.gang_waits.add(_milliseconds(group.created_at, now))

    def _note_evictions(self, outcome: RoundOutcome) -> None:
        if not outcome.evictions:
            return
        self.latest_victims = len(outcome.evictions)
        self.beneficiaries += len({each.beneficiary.uid for each in outcome.evictions})
        for eviction in outcome.evictions:
            self.evictions[eviction.purpose, eviction.victim_group.queue] += 1


def _milliseconds(begun_at: datetime, now: datetime) -> float:
    """Clocks of others may be ahead."""
    return max((now - begun_at).total_seconds(), 0.0) * 1000

"""The action `enqueue`: groups are admitted, and their pods may be made.

A group without minResources is admitted at once. Any other is if its queue has room for them and
the cluster is not promised away already; one that waited longer than its `sla-waiting-time` is
admitted whatever is free. Where ResourceQuotas are to be heeded, nobody is admitted whose pods
they would keep from being made. A queue whose strategy is fifo admits nobody past its head. Source
of the rules and texts: Volcano v1.15, actions/enqueue and plugins overcommit, resourcequota, sla.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shoal.api.core import RESOURCE_QUOTAS
from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.cycle.lines import is_fifo
from shoal.scheduler.cycle.quotas import Quotas
from shoal.scheduler.cycle.round import Round, shortage_text
from shoal.scheduler.cycle.yielding import Yielding
from shoal.scheduler.fairness.overcommit import Overcommit
from shoal.scheduler.gangs.group import Group, GroupVerdict, Reason
from shoal.scheduler.gangs.likeness import likeness_of
from shoal.scheduler.gangs.order import GroupKey, sla_deadline
from shoal.scheduler.state.request import Amounts

_Entry = tuple[GroupKey, int, Group]


@dataclass(frozen=True, slots=True)
class _Limits:
    """What bounds admission beside queues; None where it does not."""

    overcommit: Overcommit | None
    quotas: Quotas | None
    yielding: Yielding

    def admit(self, group: Group, wanted: Amounts) -> None:
        if self.overcommit is not None:
            self.overcommit.admit(wanted)
        if self.quotas is not None:
            self.quotas.admit(group)


def admit(round: Round, groups: Iterable[Group]) -> None:
    """Of these groups, those that wait for it."""
    waiting = [each for each in groups if each.phase is PodGroupPhase.PENDING and each.is_known]
    if not waiting:
        return
    limits = _Limits(_overcommit(round), _quotas(round), Yielding(round))
    lines: dict[str, list[_Entry]] = {}
    for number, group in enumerate(waiting):
        lines.setdefault(group.queue, []).append((round.order(group), number, group))
    for name in sorted(lines, key=round.policy.order_key):
        _admit_line(round, limits, name, lines[name])


def _admit_line(round: Round, limits: _Limits, name: str, line: list[_Entry]) -> None:
    """Groups of one queue, in their order."""
    heapq.heapify(line)
    is_strict = is_fifo(round, name)
    if is_strict and any(order < line[0][0] for order in _orders_of_parked(round, name)):
        return
    while line:
        _, number, group = heapq.heappop(line)
        likeness = likeness_of(group)
        if reason := _objection(round, limits, group):
            _hold_back(round, group, reason)
            if is_strict:
                return
            continue
        _admit(round, limits, group)
        following = round.book.waking.wake_next(likeness) if likeness is not None else None
        if following is not None:
            heapq.heappush(line, (round.order(following), number, following))


def _orders_of_parked(round: Round, queue: str) -> Iterator[GroupKey]:
    """Of groups of the queue that were not admitted before."""
    for group in round.book.waking.parked_heads():
        if group.queue == queue and group.phase is PodGroupPhase.PENDING:
            yield round.order(group)


def _overcommit(round: Round) -> Overcommit | None:
    factor = round.rules.overcommit_factor
    if factor is None:
        return None
    inqueue: dict[str, int] = {}
    for usage in round.book.usage().values():
        for name, amount in usage.inqueue.items():
            inqueue[name] = inqueue.get(name, 0) + amount
    return Overcommit(factor, round.total, round.used, inqueue)


def _quotas(round: Round) -> Quotas | None:
    if not round.rules.resource_quota:
        return None
    return Quotas(round.objects.list(RESOURCE_QUOTAS), round.book)


def _objection(round: Round, limits: _Limits, group: Group) -> str:
    """Why the group is not admitted; empty where it is."""
    queue = round.book.queue(group.queue)
    if queue is None:
        return f"queue {group.queue} does not exist"
    if not queue.is_open:
        return f"queue {group.queue} is not open"
    wanted = group.min_resources
    if wanted is None:
        return ""
    if limits.quotas is not None and (text := limits.quotas.objection(group)):
        return text
    if round.rules.sla_job_enqueued:
        deadline = sla_deadline(group, round.rules)
        if deadline is not None and deadline <= round.now:
            return ""
    shortage = round.policy.admission_shortage(group.queue, wanted)
    if shortage is not None:
        left = limits.yielding.less(group, counts_elastic=False)
        if round.policy.admission_shortage(group.queue, left) is not None:
            return shortage_text(shortage)
    # Others have to make room for what a queue deserves, however full the cluster is.
    if limits.overcommit is None or round.policy.is_within_share(group.queue, wanted):
        return ""
    overused = limits.overcommit.overused(wanted)
    if not overused:
        return ""
    left = limits.yielding.less(group, counts_elastic=True)
    if not limits.overcommit.overused(left):
        return ""
    return f"resource in cluster is overused: {', '.join(f'overused {each}' for each in overused)}"


def _hold_back(round: Round, group: Group, reason: str) -> None:
    round.tried_in_vain.add(group.uid)
    if round.rules.sla_job_enqueued:
        deadline = sla_deadline(group, round.rules)
        if deadline is not None and deadline > round.now:
            round.book.waking.look_again(deadline)
    verdict = GroupVerdict(Reason.NOT_ENOUGH_RESOURCES, reason)
    if group.verdict != verdict:
        round.outcome.held_back.append((group, reason))
    round.refuse(group, verdict)


def _admit(round: Round, limits: _Limits, group: Group) -> None:
    round.tried_in_vain.discard(group.uid)
    round.outcome.admitted.append(group)
    if group.min_resources is not None:
        round.policy.admit(group.queue, group.min_resources)
        limits.admit(group, group.min_resources)
    group.verdict = None
    round.book.set_phase(group, PodGroupPhase.INQUEUE)

"""Who may have to go for a group, and in which order.

Victims go in bundles: a member that its gang has beyond its minimum goes alone, the rest of a gang
goes as a whole or not at all. What is left of a gang whose eviction was interrupted goes before all
others, spare members before whole gangs, and within each the lowest queue, the last group in line,
and its least important member first. Pods of the system, pods whose
owner forbids it, pods that are too young and pods that a disruption budget keeps are no victims.

Source of the rules: Volcano v1.15, plugins gang, priority, drf, conformance, pdb and cdp, and
actions/utils of gangpreempt.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cmp_to_key
from typing import Any

from shoal.api.duration import duration
from shoal.api.meta import is_condition_true
from shoal.api.volcano import keys
from shoal.scheduler.cycle.round import Purpose, Round
from shoal.scheduler.fairness.amounts import PODS, subtract, total_of
from shoal.scheduler.fairness.rules import Rules
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import Member, MemberState, task_order
from shoal.scheduler.gangs.order import dominant_share
from shoal.scheduler.state.request import Amounts

_SYSTEM_CLASSES = frozenset(("system-cluster-critical", "system-node-critical"))
_SYSTEM_NAMESPACE = "kube-system"
_SAME_SHARE = 1e-6
_VICTIM_STATES = (MemberState.RUNNING, MemberState.BOUND)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Members of one group that go together. Those of a whole gang are all of it, the members that
    it could do without included."""

    group: Group
    members: tuple[Member, ...]
    is_whole: bool
    """Whether the gang does not stand without them."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What limits the choice of victims in one action."""

    purpose: Purpose
    only_spare: bool
    """Gangs keep their minimum."""
    is_of_gangs: bool = False
    """Whether the action is `gangpreempt` or `gangreclaim`, for which plugins need not name
    victims."""


def givers(round: Round) -> list[Group]:
    """Groups of which anything runs."""
    return [
        each for each in round.book.holders() if any(each.counts[state] for state in _VICTIM_STATES)
    ]


def bundles(round: Round, group: Group, terms: Terms, candidates: Iterable[Group]) -> list[Bundle]:
    """Of groups that may give to this one, the first to go first."""
    found: list[Bundle] = []
    for other in candidates:
        if _may_give(round, other, group, terms):
            found += _bundles_of(round, other, group, terms)
    return sorted(found, key=lambda each: _bundle_order(round, each, group, terms))


def _may_give(round: Round, victim: Group, group: Group, terms: Terms) -> bool:
    if victim is group or not victim.is_known or victim.is_protected:
        return False
    if terms.purpose is Purpose.RECLAIM:
        queue = round.book.queue(victim.queue)
        is_reclaimable = queue is not None and queue.spec.reclaimable is not False
        return victim.queue != group.queue and is_reclaimable
    if victim.queue != group.queue:
        return False
    if does_drf_decide(round.rules, terms) and not round.rules.priority_preemptable:
        return True
    return victim.priority < group.priority


def does_drf_decide(rules: Rules, terms: Terms) -> bool:
    """Whether the group that gives must be left as much as the other gets."""
    is_preemption = terms.purpose is Purpose.PREEMPT and not terms.is_of_gangs
    return is_preemption and rules.drf_preemptable


def leaves_as_much(bundle: Bundle, taken: Amounts, held: Amounts, total: Amounts) -> bool:
    """Whether without the bundle its group has no lower share of the cluster than the other.
    `taken`: what goes of it besides; `held`: what the other has then."""
    left = dict(bundle.group.holding)
    subtract(left, taken)
    for member in bundle.members:
        subtract(left, member.amounts)
    return dominant_share(held, total) <= dominant_share(left, total) + _SAME_SHARE


def _bundles_of(round: Round, victim: Group, group: Group, terms: Terms) -> Iterator[Bundle]:
    running = victim.in_states(_VICTIM_STATES)
    candidates = [each for each in running if _is_victim(round, each, terms)]
    by_priority = round.rules.priority_task_order
    candidates.sort(key=lambda e: task_order(e.pod, by_priority=by_priority), reverse=True)
    is_useless = terms.is_of_gangs and victim.ready_count < victim.min_member
    spare = candidates if is_useless else _spare(victim, candidates)
    for member in spare:
        yield Bundle(victim, (member,), is_whole=False)
    rest = [each for each in candidates if each not in spare]
    is_all = len(candidates) == len(running) and not victim.counts[MemberState.PLACED]
    if rest and is_all and not terms.only_spare:
        yield Bundle(victim, (*rest, *spare), is_whole=True)


def _spare(victim: Group, candidates: Sequence[Member]) -> list[Member]:
    """Members that the gang can do without, in this order."""
    count = victim.ready_count - victim.min_member
    least = victim.role_minimums
    by_role = Counter(victim.ready_by_role)
    spare: list[Member] = []
    for member in candidates:
        if len(spare) >= count:
            break
        if by_role[member.role] > least.get(member.role, 0):
            by_role[member.role] -= 1
            spare.append(member)
    return spare


def _is_victim(round: Round, member: Member, terms: Terms) -> bool:
    rules, pod = round.rules, member.pod
    meta = pod.object.metadata
    if "false" in (meta.annotations.get(keys.PREEMPTABLE), meta.labels.get(keys.PREEMPTABLE)):
        return False
    is_reclaim = terms.purpose is Purpose.RECLAIM
    if rules.conformance_reclaimable if is_reclaim else rules.conformance_preemptable:
        if pod.namespace == _SYSTEM_NAMESPACE:
            return False
        if pod.spec.priority_class_name in _SYSTEM_CLASSES:
            return False
    if rules.cooldown and (until := _cools_down_until(member)) and until > round.now:
        round.book.waking.look_again(until)
        return False
    return not rules.pdb or not round.breaks_budget([pod])


def _cools_down_until(member: Member) -> datetime | None:
    """A pod that has just been placed is left alone for as long as it asks; a time that cannot be
    read counts as none."""
    meta, status = member.pod.object.metadata, member.pod.object.status
    text = meta.annotations.get(keys.COOLDOWN_TIME) or meta.labels.get(keys.COOLDOWN_TIME)
    started = status.start_time or meta.creation_timestamp
    if not text or started is None:
        return None
    try:
        return started + timedelta(seconds=duration(text).seconds)
    except ValueError:
        return None


def _bundle_order(round: Round, bundle: Bundle, group: Group, terms: Terms) -> Any:
    """Lowest goes first."""
    queue: tuple[Any, ...] = ()
    if terms.purpose is Purpose.RECLAIM:
        queue = round.policy.victim_order_key(bundle.group.queue, group.queue)
    last = bundle.members[0]
    by_priority = round.rules.priority_task_order
    return (
        kind_order(bundle),
        queue,
        -_use(bundle, group) if bundle.is_whole and terms.is_of_gangs and queue else 0.0,
        _backwards(round.order(bundle.group)),
        _backwards(task_order(last.pod, by_priority=by_priority)),
    )


def kind_order(bundle: Bundle) -> tuple[bool, bool]:
    """What is left of a gang goes first, then what gangs can do without, then whole gangs."""
    return not _is_broken(bundle), bundle.is_whole


def _is_broken(bundle: Bundle) -> bool:
    """Whether others of the gang were evicted, and this is left: a scheduler that was killed in
    between did not come to it. An intact gang would be broken, too, if it went instead."""
    group = bundle.group
    if not bundle.is_whole or group.is_ready:
        return False
    conditions = (each.pod.object.status.conditions for each in group.members.values())
    return any(is_condition_true(each, "DisruptionTarget") for each in conditions)


def _use(bundle: Bundle, group: Group) -> float:
    """How much of what would go is needed: 1 for all of it."""
    need = {name: amount for name, amount in group.wanting.items() if amount and name != PODS}
    going = total_of(each.amounts for each in bundle.members)
    needed = sum(min(going.get(name, 0), amount) / amount for name, amount in need.items())
    lost = sum(bundle.group.holding.get(name, 0) / amount for name, amount in need.items())
    return needed / lost if lost else 0.0


def _compare(left: Any, right: Any) -> int:
    return (left < right) - (left > right)


_backwards: Callable[[Any], Any] = cmp_to_key(_compare)
"""Turns the order around."""

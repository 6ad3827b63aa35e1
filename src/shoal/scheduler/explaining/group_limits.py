"""Which limit leaves a group no room, in which resource, and whose end would make some.

A group that is not admitted is measured by its minResources against what its queue, and each one
above, may have; one that is admitted also against what is free. What the scheduler itself said
stands in the group's conditions; here are the numbers behind it, under the same rules.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.api.volcano.queue import ROOT
from shoal.scheduler.explaining.gang_view import GangView
from shoal.scheduler.fairness import amounts
from shoal.scheduler.fairness.queue_policy import QueueClaim
from shoal.scheduler.fairness.rules import Action
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import MemberState
from shoal.scheduler.gangs.order import members_in_order
from shoal.scheduler.state.request import Amounts


class LimitKind(StrEnum):
    """What it is that is too little."""

    CAPABILITY = "capability"
    """Of a queue."""
    GUARANTEES = "guarantees"
    """Of other queues: what is left beside them."""
    SHARE = "share"
    """What a queue deserves, where the rules let none have more."""
    WHOLE = "whole"
    """The same at the top: the whole cluster, less what is held."""
    ADMISSION = "admission"
    """So much of the cluster is promised away at most."""
    TOTAL = "total"
    """What all nodes have together, whoever holds it."""
    CLUSTER = "cluster"
    """What is free on all nodes together."""
    NODE = "node"
    """What is free on the one node that has most, for one pod."""


_OF_ALL = (LimitKind.WHOLE, LimitKind.TOTAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Amounts in the units that the scheduler counts in."""

    kind: LimitKind
    place: str
    """The queue, or the node; empty for the cluster."""
    resource: str
    limit: int
    held: int = 0
    promised: int = 0
    """To groups that are admitted, and have not taken it yet."""
    wanted: int

    @property
    def short(self) -> int:
        """How much is missing; above zero."""
        return self.held + self.promised + self.wanted - self.limit


@dataclass(frozen=True, slots=True)
class Holder:
    """A group that holds some of what is short."""

    group: Group
    amount: int


def wanted_by(view: GangView, group: Group) -> Amounts:
    """What it needs on top of what it holds: to be admitted, or for its minimum to be placed."""
    reserved = group.min_resources or {}
    missing = {name: amount - group.holding.get(name, 0) for name, amount in reserved.items()}
    least = {name: amount for name, amount in missing.items() if amount > 0}
    if group.phase is PodGroupPhase.PENDING:
        return least
    count = max(0, group.min_member - group.ready_count)
    members = members_in_order(group, view.rules)[: count or None]
    return amounts.larger_of(least, amounts.total_of(each.amounts for each in members))


def limits_of(view: GangView, group: Group) -> list[Limit]:
    """Those that leave it no room, those of its queue first. Whether its queue may have more is
    what the division says."""
    is_pending = group.phase is PodGroupPhase.PENDING
    wanted = {name: amount for name, amount in wanted_by(view, group).items() if amount > 0}
    ask = view.policy.admission_shortage if is_pending else view.policy.shortage
    shortage, found = ask(group.queue, wanted), list[Limit]()
    if shortage is not None:
        found += [each for each in _of_queues(view, group, wanted) if each.short > 0]
        told = {each.resource for each in found}
        found += [
            replace(
                _queue_limit(view, group, shortage.queue, resource, wanted[resource]),
                kind=LimitKind.SHARE,
                limit=view.policy.deserved(shortage.queue).get(resource, 0),
            )
            for resource in shortage.dimensions
            if resource in wanted and resource not in told
        ]
    ask_nodes = _of_admission if is_pending else _of_nodes
    rest = [each for each in ask_nodes(view, group, wanted) if each.short > 0]
    told = {each.resource for each in rest if each.kind is not LimitKind.NODE}
    found = [_at_the_top(view, each) for each in found]
    return [*(e for e in found if e.kind not in _OF_ALL or e.resource not in told), *rest]


def _at_the_top(view: GangView, limit: Limit) -> Limit:
    """Root has no capability and no share of its own: it is the cluster that is too small or too
    full."""
    if limit.place != ROOT or limit.kind is LimitKind.GUARANTEES:
        return limit
    total = view.total.get(limit.resource, 0)
    if limit.wanted > total:
        return replace(limit, kind=LimitKind.TOTAL, place="", limit=total, held=0, promised=0)
    whole = replace(limit, kind=LimitKind.WHOLE, place="", limit=total)
    return whole if whole.short > 0 else limit


def is_too_large(view: GangView, request: Mapping[str, int]) -> bool:
    """Whether no node could take it, however empty. Without nodes nothing can be said."""
    sizes = view.sizes.values()
    return bool(sizes) and not any(
        all(amount <= size.get(name, 0) for name, amount in request.items()) for size in sizes
    )


def _of_queues(view: GangView, group: Group, wanted: Amounts) -> Iterator[Limit]:
    """Capabilities on the way up, less what is kept for the guarantees of others; at the top, all
    there is less that."""
    kept: Amounts = {}
    for queue in view.path(group.queue):
        amounts.add(kept, _kept_beside(view, queue))
        found = view.queues.get(queue)
        capability = amounts.limits_of(found.spec.capability) if found else {}
        for resource, amount in wanted.items():
            most = capability.get(resource)
            if most is None and queue == ROOT and kept.get(resource):
                most = view.total.get(resource, 0)
            if most is None:
                continue
            limit = _queue_limit(view, group, queue, resource, amount)
            limit = replace(limit, limit=most)
            if limit.short <= 0:  # What is kept for others is what binds, if anything.
                kept_here = kept.get(resource, 0)
                limit = replace(limit, kind=LimitKind.GUARANTEES, limit=most - kept_here)
            yield limit


def _queue_limit(view: GangView, group: Group, queue: str, resource: str, amount: int) -> Limit:
    """Without the limit itself. What is promised counts for groups that are to be admitted."""
    is_pending = group.phase is PodGroupPhase.PENDING
    return Limit(
        kind=LimitKind.CAPABILITY,
        place=queue,
        resource=resource,
        limit=0,
        held=view.held.get(queue, {}).get(resource, 0),
        promised=view.promised.get(queue, {}).get(resource, 0) if is_pending else 0,
        wanted=amount,
    )


def _kept_beside(view: GangView, queue: str) -> Amounts:
    """What other queues below the same parent are guaranteed, and do not hold."""
    parent = view.parents.get(queue)
    kept: Amounts = {}
    for name in view.children(parent) if parent is not None else ():
        held = view.held.get(name, {})
        guaranteed = amounts.of_resource_list(view.queues[name].spec.guarantee.resource)
        if name != queue:
            unused = {each: max(0, much - held.get(each, 0)) for each, much in guaranteed.items()}
            amounts.add(kept, unused)
    return kept


def _of_admission(view: GangView, group: Group, wanted: Amounts) -> Iterator[Limit]:
    """A queue that stays within what it deserves is admitted whatever is promised to others. What
    the cluster does not have is not worth admitting, though the factor might."""
    factor = view.rules.overcommit_factor
    if factor is None or is_entitled(view, group):
        return
    held = amounts.total_of(each.holding for each in view.groups.values())
    promised = amounts.total_of(each.usage().inqueue for each in view.groups.values())
    for resource, amount in wanted.items():
        total = view.total.get(resource, 0)
        if amount > total:
            yield Limit(
                kind=LimitKind.TOTAL, place="", resource=resource, limit=total, wanted=amount
            )
            continue
        yield Limit(
            kind=LimitKind.ADMISSION,
            place="",
            resource=resource,
            limit=int(total * factor),
            held=held.get(resource, 0),
            promised=promised.get(resource, 0),
            wanted=amount,
        )


def _of_nodes(view: GangView, group: Group, wanted: Amounts) -> Iterator[Limit]:
    free = {node: _above_zero(left) for node, left in view.free.items()}
    together = amounts.total_of(free.values())
    for resource, amount in wanted.items():
        left = together.get(resource, 0)
        if amount > left:
            yield Limit(
                kind=LimitKind.CLUSTER, place="", resource=resource, limit=left, wanted=amount
            )
            continue
        most = max((each.amounts.get(resource, 0) for each in group.waiting()), default=0)
        best = max(sorted(free), key=lambda node: free[node].get(resource, 0), default="")
        limit = free[best].get(resource, 0) if best else 0
        yield Limit(kind=LimitKind.NODE, place=best, resource=resource, limit=limit, wanted=most)


def _above_zero(left: Amounts) -> Amounts:
    """Nodes may hold more than they offer, when they have shrunk."""
    return {name: max(0, amount) for name, amount in left.items()}


def is_entitled(view: GangView, group: Group) -> bool:
    """Whether its queue would stay within what it deserves, so that others have to give."""
    wanted = wanted_by(view, group)
    if group.phase is PodGroupPhase.PENDING:
        return view.policy.is_within_share(group.queue, wanted)
    return view.policy.may_reclaim(group.queue, wanted)


def holders(view: GangView, limit: Limit) -> list[Holder]:
    """Groups that hold what the limit counts, the largest first."""
    resource = limit.resource
    is_of_queue = limit.kind in (LimitKind.CAPABILITY, LimitKind.GUARANTEES, LimitKind.SHARE)
    counted = set(view.below(limit.place)) if is_of_queue else None
    found = [
        Holder(group, group.holding.get(resource, 0))
        for group in view.groups.values()
        if (counted is None or group.queue in counted) and group.holding.get(resource)
    ]
    return sorted(found, key=lambda each: (-each.amount, each.group.key))


def surplus(view: GangView, resource: str) -> dict[str, int]:
    """By queue that has no others below it: what it holds above what it deserves, most first."""
    over: dict[str, int] = {}
    for name in view.queues:
        more = view.held.get(name, {}).get(resource, 0)
        more -= view.policy.deserved(name).get(resource, 0)
        if more > 0 and not view.children(name):
            over[name] = more
    return {name: over[name] for name in sorted(over, key=lambda each: (-over[each], each))}


def enough_of(found: Sequence[Holder], short: int) -> list[Holder]:
    """The fewest whose end frees so much; empty where all together do not."""
    freed = 0
    for count, each in enumerate(found, 1):
        freed += each.amount
        if freed >= short:
            return list(found[:count])
    return []


def gives_way(view: GangView, group: Group, other: Group) -> bool:
    """Whether the other has to go for this one, or can spare a member for it: by reclaim where it
    is in another queue, by preemption where it is not. What budgets and pods forbid is not asked.
    """
    queue, actions = view.queues.get(other.queue), view.rules.actions
    if queue is None or other is group or other.is_protected:
        return False
    if other.queue == group.queue:
        can_preempt = Action.PREEMPT in actions or Action.GANG_PREEMPT in actions
        return can_preempt and other.priority < group.priority
    if not (Action.RECLAIM in actions or Action.GANG_RECLAIM in actions):
        return False
    return queue.spec.reclaimable is not False and _is_reclaimed(view, group, other)


def _is_reclaimed(view: GangView, group: Group, other: Group) -> bool:
    """A gang that has no member to spare goes as a whole, which is one claim."""
    rules, policy = view.rules, view.policy
    first = next(iter(members_in_order(group, rules)), None)
    needed = QueueClaim(group.queue, first.amounts if first else wanted_by(view, group))
    running = [each.amounts for each in other.in_states((MemberState.RUNNING, MemberState.BOUND))]
    if not running:
        return False
    if other.ready_count > other.min_member:
        return any(policy.gives(QueueClaim(other.queue, each), needed) for each in running)
    if rules.gang_reclaimable and Action.GANG_RECLAIM not in rules.actions:
        return False  # Gangs keep their minimum.
    return policy.gives(QueueClaim(other.queue, amounts.total_of(running)), needed)

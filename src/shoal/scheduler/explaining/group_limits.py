"""Which limit leaves a group no room, in which resource, and whose end would make some.

A group that is not admitted is measured by its minResources against what its queue, and each one
above, may have; one that is admitted also against what is free. What the scheduler itself said
stands in the group's conditions; here are the numbers behind it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shoal.api.meta import ObjectKey
from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.explaining.gang_view import RULES, GangView
from shoal.scheduler.fairness import amounts
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.order import members_in_order
from shoal.scheduler.state.request import Amounts


class LimitKind(StrEnum):
    """What it is that is too little."""

    CAPABILITY = "capability"
    """Of a queue."""
    GUARANTEES = "guarantees"
    """Of other queues: what is left beside them."""
    ADMISSION = "admission"
    """So much of the cluster is promised away at most."""
    CLUSTER = "cluster"
    """What is free on all nodes together."""
    NODE = "node"
    """What is free on the one node that has most, for one pod."""


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

    key: ObjectKey
    queue: str
    amount: int


def wanted_by(group: Group) -> Amounts:
    """What it needs on top of what it holds: to be admitted, or for its minimum to be placed."""
    reserved = group.min_resources or {}
    missing = {name: amount - group.holding.get(name, 0) for name, amount in reserved.items()}
    least = {name: amount for name, amount in missing.items() if amount > 0}
    if group.phase is PodGroupPhase.PENDING:
        return least
    count = max(0, group.min_member - group.ready_count)
    members = members_in_order(group, RULES)[: count or None]
    return amounts.larger_of(least, amounts.total_of(each.amounts for each in members))


def limits_of(view: GangView, group: Group) -> list[Limit]:
    """Those that leave it no room, those of its queue first."""
    wanted = {name: amount for name, amount in wanted_by(group).items() if amount > 0}
    promised = {} if group.phase is PodGroupPhase.PENDING else group.usage().inqueue
    found = [
        *_of_queues(view, view.path(group.queue), wanted, promised),
        *(
            _of_admission(view, group, wanted)
            if group.phase is PodGroupPhase.PENDING
            else _of_nodes(view, group, wanted)
        ),
    ]
    return [each for each in found if each.short > 0]


def _of_queues(
    view: GangView, path: Sequence[str], wanted: Amounts, own: Mapping[str, int]
) -> Iterator[Limit]:
    """`own`: what the group is promised itself, which is not to be counted twice."""
    room = dict(view.total)
    for queue in reversed(path):
        kept = _guaranteed_beside(view, queue)
        for resource in wanted:
            if kept.get(resource):
                yield replace(
                    _queue_limit(view, queue, resource, wanted, own),
                    kind=LimitKind.GUARANTEES,
                    limit=room.get(resource, 0) - kept[resource],
                )
        amounts.subtract(room, kept)
    for queue in path:
        found = view.queues.get(queue)
        capability = amounts.limits_of(found.spec.capability) if found else {}
        for resource in wanted:
            if resource in capability:
                limit = _queue_limit(view, queue, resource, wanted, own)
                yield replace(limit, limit=capability[resource])


def _queue_limit(
    view: GangView, queue: str, resource: str, wanted: Amounts, own: Mapping[str, int]
) -> Limit:
    """Without the limit itself."""
    return Limit(
        kind=LimitKind.CAPABILITY,
        place=queue,
        resource=resource,
        limit=0,
        held=view.held.get(queue, {}).get(resource, 0),
        promised=view.promised.get(queue, {}).get(resource, 0) - own.get(resource, 0),
        wanted=wanted[resource],
    )


def _guaranteed_beside(view: GangView, queue: str) -> Amounts:
    """What other queues below the same parent are guaranteed."""
    parent = view.parents.get(queue)
    if parent is None:
        return {}
    beside = (name for name in view.children(parent) if name != queue)
    return amounts.total_of(
        amounts.of_resource_list(view.queues[name].spec.guarantee.resource) for name in beside
    )


def _of_admission(view: GangView, group: Group, wanted: Amounts) -> Iterator[Limit]:
    """A queue that stays within what it deserves is admitted whatever is promised to others."""
    factor = RULES.overcommit_factor
    if factor is None or is_entitled(view, group, wanted):
        return
    held = amounts.total_of(each.holding for each in view.groups.values())
    promised = amounts.total_of(each.usage().inqueue for each in view.groups.values())
    for resource, amount in wanted.items():
        yield Limit(
            kind=LimitKind.ADMISSION,
            place="",
            resource=resource,
            limit=int(view.total.get(resource, 0) * factor),
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


def is_entitled(view: GangView, group: Group, wanted: Mapping[str, int]) -> bool:
    """Whether its queue would stay within what it deserves, so that others have to give."""
    deserved = view.deserved(group.queue)
    held = view.held.get(group.queue, {})
    return bool(wanted) and all(
        held.get(name, 0) + amount <= deserved.get(name, 0)
        for name, amount in wanted.items()
        if name != amounts.PODS
    )


def holders(view: GangView, limit: Limit) -> list[Holder]:
    """Groups that hold what the limit counts, the largest first."""
    resource = limit.resource
    is_of_queue = limit.kind in (LimitKind.CAPABILITY, LimitKind.GUARANTEES)
    counted = set(view.below(limit.place)) if is_of_queue else None
    found = [
        Holder(group.key, group.queue, group.holding.get(resource, 0))
        for group in view.groups.values()
        if (counted is None or group.queue in counted) and group.holding.get(resource)
    ]
    return sorted(found, key=lambda each: (-each.amount, each.key))


def surplus(view: GangView, resource: str) -> dict[str, int]:
    """By queue that has groups of its own: what it holds above what it deserves, most first."""
    over: dict[str, int] = {}
    for name in view.queues:
        deserved = view.deserved(name)
        if deserved and not view.children(name):
            over[name] = view.held.get(name, {}).get(resource, 0) - deserved.get(resource, 0)
    return {
        name: over[name] for name in sorted(over, key=lambda each: -over[each]) if over[name] > 0
    }


def enough_of(found: Sequence[Holder], short: int) -> list[Holder]:
    """The fewest whose end frees so much; empty where all together do not."""
    freed = 0
    for count, each in enumerate(found, 1):
        freed += each.amount
        if freed >= short:
            return list(found[:count])
    return []

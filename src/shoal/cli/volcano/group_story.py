"""What `shoal explain` says of a PodGroup: who goes first, what is short, who holds it, what helps.

Everything here turns a `GangView` into sentences; the scheduler's own verdict stands in the group's
conditions and is told as it is.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from shoal.api.volcano.pod_group import PodGroup, PodGroupPhase
from shoal.api.volcano.queue import DequeueStrategy
from shoal.cli.phrases import counted, lasting
from shoal.cli.volcano.amounts import amount_text, amounts_text
from shoal.scheduler.explaining.gang_view import GangView, is_waiting
from shoal.scheduler.explaining.group_limits import (
    Holder,
    Limit,
    LimitKind,
    enough_of,
    holders,
    is_entitled,
    limits_of,
    surplus,
    wanted_by,
)
from shoal.scheduler.fairness.amounts import PODS
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import MemberState

SHOWN = 5
"""How many groups, holders or queues are named before the rest is counted."""
_MEANINGS = {
    PodGroupPhase.PENDING: ": it is not admitted to its queue",
    PodGroupPhase.INQUEUE: ": it is admitted, and its members are not placed",
    PodGroupPhase.RUNNING: "",
    PodGroupPhase.UNKNOWN: ": some members run, but fewer than it needs",
    PodGroupPhase.COMPLETED: "",
}


def group_story(group: Group, view: GangView, now: datetime) -> list[str]:
    """Sentences, the most telling first."""
    obj = group.object
    assert obj is not None
    since = lasting(obj.metadata.creation_timestamp, now) if is_waiting(group) else ""
    lines = [f"PodGroup {group.key} is {group.phase}{since}{_MEANINGS[group.phase]}."]
    lines += verdict_lines(obj, now)
    if not is_waiting(group):
        return [*lines, *members_lines(group)]
    obstacles = queue_obstacles(group.queue, view)
    lines += [*obstacles, *members_lines(group)]
    if obstacles:
        return lines
    limits = limits_of(view, group)
    lines += place_lines(group, view)
    lines += [limit_line(limit) for limit in limits]
    if not limits:
        lines.append(_no_limit(group))
    for limit in _one_each(limits):
        lines += holder_lines(limit, view)
    return [*lines, *_way_out(limits, group, view)]


def verdict_lines(obj: PodGroup, now: datetime) -> list[str]:
    """What the scheduler has written, as far as it holds."""
    return [
        f"  {each.reason}{lasting(each.last_transition_time, now)}: {each.message}"
        for each in obj.status.conditions
        if each.status == "True" and each.type == "Unschedulable"
    ]


def queue_obstacles(queue: str, view: GangView) -> list[str]:
    """Why nothing of the queue can be placed, whatever is free."""
    if queue not in view.queues:
        return [f"  There is no queue {queue}: `shoal queue create {queue}` makes it."]
    lines = [
        f"  Queue {name} is {view.queues[name].status.state}: `shoal queue open {name}` opens it."
        for name in view.path(queue)
        if name in view.queues and not view.queues[name].is_open
    ]
    children = view.children(queue)
    if children:
        lines.append(
            f"  Queue {queue} has {counted(len(children), 'queue')} below it"
            f" ({_some(children)}); only those take jobs."
        )
    return lines


def members_lines(group: Group) -> list[str]:
    """What it needs, and which of its pods are there."""
    least = group.min_member
    needs = counted(least, "member")
    wanted = {name: amount for name, amount in wanted_by(group).items() if name != PODS}
    more = f", for which {amounts_text(wanted)} is missing" if wanted and is_waiting(group) else ""
    states = {state: count for state, count in group.counts.items() if count}
    told = ", ".join(f"{count} {state.lower()}" for state, count in sorted(states.items()))
    there = len(group.members)
    lines = [f"  It needs {needs}{more}; it has {counted(there, 'pod')}{_in_brackets(told)}."]
    if group.phase is PodGroupPhase.INQUEUE and there < least:
        missing = counted(least - there, "pod")
        verb = "does" if least - there == 1 else "do"
        lines.append(
            f"  {missing} that it needs {verb} not exist: they are made by its owner, perhaps after"
            " other tasks; nothing is placed before."
        )
    for role, minimum in sorted(group.role_minimums.items()):
        have = group.ready_by_role[role]
        if 0 < have < minimum:
            lines.append(f"  Of task {role} {have} of {minimum} have a node.")
    gated = [each for each in group.members.values() if each.pod.spec.scheduling_gates]
    gated = [each for each in gated if each.state is MemberState.WAITING]
    if gated:
        verb = "is" if len(gated) == 1 else "are"
        lines.append(f"  {counted(len(gated), 'pod')} {verb} held back by scheduling gates.")
    return lines


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def place_lines(group: Group, view: GangView) -> list[str]:
    """Who goes before it: in its queue, and which other queues."""
    line = view.line(group.queue)
    ahead = line[: line.index(group)]
    lines: list[str] = []
    if ahead:
        names = _some([_named(each) for each in ahead])
        lines.append(
            f"  It is number {len(ahead) + 1} of {len(line)} that wait in queue {group.queue},"
            f" after {names}."
        )
        if view.queues[group.queue].spec.dequeue_strategy == DequeueStrategy.FIFO:
            lines.append(
                f"  The queue is fifo: nobody passes {ahead[0].key}, even where there is room."
            )
    elif len(line) > 1:
        lines.append(f"  It is the first of {len(line)} that wait in queue {group.queue}.")
    before = queues_before(group.queue, view)
    if before:
        lines.append(f"  Queues whose turn is before that of {group.queue}: {_some(before)}.")
    return lines


def _named(group: Group) -> str:
    priority = f"priority {group.priority}, " if group.priority else ""
    return f"{group.key} ({priority}{counted(group.min_member, 'member')})"


def queues_before(queue: str, view: GangView) -> list[str]:
    """Others in which something waits, of higher priority or with less of what they deserve."""
    own = view.queues[queue]
    mine = (-own.spec.priority, view.share(queue))
    found: list[tuple[int, float, str]] = []
    for name, other in view.queues.items():
        rank = (-other.spec.priority, view.share(name))
        if name != queue and other.is_open and rank < mine and view.line(name):
            found.append((*rank, name))
    return [_ranked(name, -rank, share) for rank, share, name in sorted(found)]


def _ranked(name: str, priority: int, share: float) -> str:
    told = f"priority {priority}, " if priority else ""
    return f"{name} ({told}holds {share:.0%} of what it deserves)"


def limit_line(limit: Limit) -> str:
    """Which limit it is, and how far it is passed."""

    def text(amount: int) -> str:
        return amount_text(limit.resource, amount)

    name = limit.resource
    promised = f", {text(limit.promised)} is promised to admitted groups" if limit.promised else ""
    rest = f"{promised}, this needs {text(limit.wanted)}: short by {text(limit.short)}."
    match limit.kind:
        case LimitKind.CAPABILITY:
            return (
                f"  Queue {limit.place} may have {text(limit.limit)} {name} at most and holds"
                f" {text(limit.held)}{rest}"
            )
        case LimitKind.GUARANTEES:
            return (
                f"  Beside what other queues are guaranteed, queue {limit.place} may have"
                f" {text(max(0, limit.limit))} {name} and holds {text(limit.held)}{rest}"
            )
        case LimitKind.ADMISSION:
            return (
                f"  Of {name}, {text(limit.limit)} is admitted in the whole cluster at most and"
                f" {text(limit.held)} is held{rest}"
            )
        case LimitKind.CLUSTER:
            return f"  The cluster has {text(limit.limit)} {name} free{rest}"
        case LimitKind.NODE:
            best = f" (on {limit.place})" if limit.place else ""
            return (
                f"  No node has {text(limit.wanted)} {name} free for one pod; the most is"
                f" {text(limit.limit)}{best}."
            )


def _no_limit(group: Group) -> str:
    if group.phase is PodGroupPhase.PENDING:
        return "  No limit keeps it out now: it is looked at again soon."
    waiting = sorted(each.pod.key for each in group.waiting())
    if not waiting:
        return "  No amount is short: it waits for its pods."
    return (
        "  No amount is short; what else its pods demand decides:"
        f" `shoal explain pod {waiting[0].name} -n {waiting[0].namespace}`."
    )


def _one_each(limits: Sequence[Limit]) -> list[Limit]:
    """The first limit of each resource."""
    first: dict[str, Limit] = {}
    for limit in limits:
        first.setdefault(limit.resource, limit)
    return list(first.values())


def holder_lines(limit: Limit, view: GangView) -> list[str]:
    """Who has what is short."""
    found = holders(view, limit)
    lines: list[str] = []
    over = surplus(view, limit.resource)
    if over and limit.kind in (LimitKind.CLUSTER, LimitKind.NODE, LimitKind.ADMISSION):
        told = [f"{name} ({amount_text(limit.resource, over[name])} more)" for name in over]
        lines.append(f"  Above what they deserve of {limit.resource}: {_some(told)}.")
    if found:
        told = [_holding(each, limit.resource) for each in found]
        lines.append(f"  Most of the {limit.resource} is held by {_some(told)}.")
    return lines


def _holding(holder: Holder, resource: str) -> str:
    return f"{holder.key} of queue {holder.queue} ({amount_text(resource, holder.amount)})"


def _way_out(limits: Sequence[Limit], group: Group, view: GangView) -> list[str]:
    """What would let it go on, limit by limit."""
    lines = [f"    {text}" for limit in limits for text in _ways(limit, group, view)]
    return ["  It would go on if", *dict.fromkeys(lines)] if lines else []


def _ways(limit: Limit, group: Group, view: GangView) -> Iterator[str]:
    resource, short = limit.resource, amount_text(limit.resource, limit.short)
    if limit.kind is LimitKind.CAPABILITY:
        yield f"queue {limit.place} were allowed {short} more {resource} (spec.capability)"
    elif limit.kind is LimitKind.GUARANTEES:
        yield f"other queues were guaranteed {short} less {resource} (spec.guarantee)"
    elif limit.kind is LimitKind.NODE:
        wanted = amount_text(resource, limit.wanted)
        yield f"a node with {wanted} {resource} free came, or as much came free on one"
        return
    else:
        yield f"nodes with {short} more {resource} came"
    enough = enough_of(holders(view, limit), limit.short)
    if enough:
        verb = "ended" if len(enough) == 1 else "all ended"
        yield f"{', '.join(str(each.key) for each in enough[:SHOWN])} {verb}"
    if limit.kind is LimitKind.CLUSTER and is_entitled(view, group, wanted_by(group)):
        yield from _reclaims(resource, view)


def _reclaims(resource: str, view: GangView) -> Iterator[str]:
    """Its queue is within what it deserves: those above it must give, if they may be asked."""
    over = surplus(view, resource)
    giving = [name for name in over if view.queues[name].spec.reclaimable is not False]
    if giving:
        yield f"queue {', '.join(giving[:SHOWN])} gave back {resource}, which is being asked of it"
    for name in over:
        if name not in giving:
            yield f"queue {name} gave back {resource}, which it need not: it is not reclaimable"


def _some(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    shown = ", ".join(names[:SHOWN])
    left = len(names) - SHOWN
    return f"{shown} and {left} more" if left > 0 else shown

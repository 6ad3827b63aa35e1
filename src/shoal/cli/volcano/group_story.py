"""What `shoal explain` says of a PodGroup: who goes first, what is short, who holds it, what helps.

Everything here turns a `GangView` into sentences; the scheduler's own verdict stands in the group's
conditions and is told as it is. Groups go by what people made: the job, not its PodGroup.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil

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
    gives_way,
    holders,
    is_entitled,
    is_too_large,
    limits_of,
    surplus,
    wanted_by,
)
from shoal.scheduler.fairness.amounts import PODS, of_resource_list
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import MemberState
from shoal.scheduler.state.request import Amounts

_OF_ALL = (LimitKind.WHOLE, LimitKind.ADMISSION, LimitKind.CLUSTER, LimitKind.NODE)
"""Limits of the cluster, which all queues share."""
SHOWN = 5
"""How many groups, holders or queues are named before the rest is counted."""
_MEANINGS = {
    PodGroupPhase.PENDING: ": it is not admitted to its queue",
    PodGroupPhase.INQUEUE: ": it is admitted, and its members are not placed",
    PodGroupPhase.RUNNING: "",
    PodGroupPhase.UNKNOWN: ": some members run, but fewer than it needs",
    PodGroupPhase.COMPLETED: "",
}


def group_story(
    group: Group, view: GangView, now: datetime, to_come: Mapping[str, Amounts] = {}
) -> list[str]:
    """Sentences, the most telling first. `to_come`: what pods that are not made yet will ask for,
    by what people call them."""
    obj = group.object
    assert obj is not None
    since = lasting(obj.metadata.creation_timestamp, now) if is_waiting(group) else ""
    lines = [f"PodGroup {group.key} is {group.phase}{since}{_MEANINGS[group.phase]}."]
    lines += verdict_lines(obj, now)
    if not is_waiting(group):
        return [*lines, *members_lines(group, view)]
    obstacles = queue_obstacles(group.queue, view)
    lines += [*obstacles, *members_lines(group, view)]
    if obstacles or _is_short_of_pods(group):
        return lines  # Whatever room there were.
    large = too_large_lines(group, view, to_come)
    if large:
        return lines + large
    limits = limits_of(view, group)
    lines += place_lines(group, view)
    lines += limit_lines(limits, group, view)
    return lines if limits else [*lines, _no_limit(group)]


def _is_short_of_pods(group: Group) -> bool:
    """Whether its pods could be there, and are not: those of a job are made upon admission."""
    return group.phase is PodGroupPhase.INQUEUE and len(group.members) < group.min_member


def too_large_lines(group: Group, view: GangView, to_come: Mapping[str, Amounts] = {}) -> list[str]:
    """A sentence for each size of pod that no node could take, however empty."""
    asking = {f"Pod {each.pod.name}": each.amounts for each in group.waiting()}
    lines: dict[tuple[tuple[str, int], ...], str] = {}
    for name, asked in {**to_come, **asking}.items():
        request = {each: amount for each, amount in asked.items() if each != PODS}
        if is_too_large(view, request):
            size = tuple(sorted(request.items()))
            lines.setdefault(size, f"  {name} {_size_text(request, view)}")
    return list(lines.values())


def _size_text(request: Amounts, view: GangView) -> str:
    most = {name: max(size.get(name, 0) for size in view.sizes.values()) for name in request}
    over = {name: amount for name, amount in request.items() if amount > most[name]}
    needed = amounts_text(over or request)
    largest = f"no node has more than {amounts_text({name: most[name] for name in over})}"
    why = largest if over else "no node has all of that"
    return f"needs {needed}, and {why}, even empty: one node of that size is needed."


def needs_text(obj: PodGroup) -> str:
    """Members and amounts, as far as queues count them."""
    least = of_resource_list(obj.spec.min_resources or {})
    amounts = {name: amount for name, amount in least.items() if name != PODS}
    members = counted(obj.spec.min_member, "member")
    return f"{members}, {amounts_text(amounts)}" if amounts else members


def title(group: Group) -> str:
    """What people know it by: its owner where it has one, else its own name."""
    owner = group.object.metadata.controller if group.object else None
    if owner is None:
        return f"PodGroup {group.key}"
    return f"{owner.kind} {group.key.namespace}/{owner.name}"


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


def members_lines(group: Group, view: GangView) -> list[str]:
    """What it needs, and which of its pods are there."""
    least = group.min_member
    needs = counted(least, "member")
    wanted = {name: amount for name, amount in wanted_by(view, group).items() if name != PODS}
    more = f", for which {amounts_text(wanted)} is missing" if wanted and is_waiting(group) else ""
    states = {state: count for state, count in group.counts.items() if count}
    told = ", ".join(f"{count} {state.lower()}" for state, count in sorted(states.items()))
    there = len(group.members)
    lines = [f"  It needs {needs}{more}; it has {counted(there, 'pod')}{_in_brackets(told)}."]
    if _is_short_of_pods(group):
        lines.append(_missing_line(group, least - there))
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


def _missing_line(group: Group, missing: int) -> str:
    verb = "does" if missing == 1 else "do"
    start = f"  It waits because {counted(missing, 'pod')} that it needs {verb} not exist"
    owner = group.object.metadata.controller if group.object else None
    if owner is None:
        return f"{start}: make them, with its name in their annotation, or lower spec.minMember."
    return f"{start}: {owner.kind} {owner.name} makes them, perhaps after other tasks."


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
                f"  The queue is fifo: nobody passes {title(ahead[0])}, even where there is room."
            )
    elif len(line) > 1:
        lines.append(f"  It is the first of {len(line)} that wait in queue {group.queue}.")
    return lines


def _named(group: Group) -> str:
    priority = f"priority {group.priority}, " if group.priority else ""
    return f"{title(group)} ({priority}{counted(group.min_member, 'member')})"


def queues_before(queue: str, view: GangView) -> list[str]:
    """Others in which something waits, and whose turn is before: with their priorities and
    shares."""
    own = view.policy.order_key(queue)
    keys = {name: view.policy.order_key(name) for name in view.queues if view.line(name)}
    before = [name for name, key in keys.items() if name != queue and key < own]
    return [_ranked(name, view) for name in sorted(before, key=lambda name: keys[name])]


def _ranked(name: str, view: GangView) -> str:
    priority = view.queues[name].spec.priority
    told = f"priority {priority}, " if priority else ""
    return f"{name} ({told}has {view.policy.share(name):.0%} of its share)"


def limit_lines(limits: Sequence[Limit], group: Group, view: GangView) -> list[str]:
    """Which limits there are, who has what is short, and what would do."""
    lines: list[str] = []
    told: set[str] = set()
    for limit in limits:
        lines.append(limit_line(limit))
        if limit.resource not in told and limit.kind is not LimitKind.TOTAL:
            lines += [f"  {line}" for line in holder_lines(limit, view)]
            told.add(limit.resource)
        if limit.kind in _OF_ALL and (before := queues_before(group.queue, view)):
            lines.append(f"    Queues whose turn is before that of {group.queue}: {_some(before)}.")
        if ways := list(_ways(limit, group, view)):
            lines.append(f"    It would do if {'; or if '.join(ways)}.")
    return lines


def limit_line(limit: Limit) -> str:
    """Which limit it is, and how far it is passed."""

    def text(amount: int) -> str:
        return amount_text(limit.resource, amount)

    name, place = limit.resource, limit.place
    promised = ""
    if limit.promised > 0:
        promised = f", {text(limit.promised)} is promised to admitted groups"
    elif limit.promised < 0:
        promised = f" ({text(-limit.promised)} of it beyond what groups were admitted with)"
    rest = f"{promised}, this needs {text(limit.wanted)}: short by {text(limit.short)}."
    held = text(limit.held)
    match limit.kind:
        case LimitKind.CAPABILITY:
            start = f"Queue {place} may have {text(limit.limit)} {name} at most and holds {held}"
        case LimitKind.GUARANTEES:
            left = text(max(0, limit.limit))
            start = f"Beside what others are guaranteed, queue {place} may have {left} {name}"
            start += f" and holds {held}"
        case LimitKind.SHARE if limit.short > 0:
            start = f"Queue {place} deserves {text(limit.limit)} {name}, may not have more"
            start += f" and holds {held}"
        case LimitKind.SHARE:
            start = f"Queue {place} may not have {text(limit.wanted)} {name} more"
            rest = " under the rules in force."
        case LimitKind.ADMISSION:
            start = f"Of {name}, {text(limit.limit)} is admitted in the whole cluster at most"
            start += f" and {held} is held"
        case LimitKind.WHOLE:
            start = f"The whole cluster has {text(limit.limit)} {name} for queues and {held} is"
            start += " held"
        case LimitKind.TOTAL:
            start = f"All nodes together have {text(limit.limit)} {name}"
        case LimitKind.CLUSTER:
            start = f"The cluster has {text(limit.limit)} {name} free"
        case LimitKind.NODE:
            best = f" (on {place})" if place else ""
            start = f"No node has {text(limit.wanted)} {name} free for one pod"
            rest = f"; the most is {text(limit.limit)}{best}."
    return f"  {start}{rest}"


def _no_limit(group: Group) -> str:
    if group.phase is PodGroupPhase.PENDING:
        return "  No limit keeps it out now: it is looked at again soon."
    waiting = sorted(each.pod.key for each in group.waiting())
    if not waiting or len(group.members) < group.min_member:
        return "  No amount is short: it waits for its pods."
    return (
        "  No amount is short; what else its pods demand decides:"
        f" `shoal explain pod {waiting[0].name} -n {waiting[0].namespace}`."
    )


def holder_lines(limit: Limit, view: GangView) -> list[str]:
    """Who has what is short: queues beyond their share, and groups by what they hold."""
    resource, lines = limit.resource, list[str]()
    over = surplus(view, resource)
    if over and limit.kind in _OF_ALL:
        told = [f"{name} ({amount_text(resource, over[name])} more)" for name in over]
        lines.append(f"  Above their share of {resource}: {_some(told)}.")
    if found := holders(view, limit):
        lines.append(f"  It is held by {_some([_holding(each, resource) for each in found])}.")
    return lines


def _holding(holder: Holder, resource: str) -> str:
    held = amount_text(resource, holder.amount)
    return f"{title(holder.group)} of queue {holder.group.queue} ({held})"


def _ways(limit: Limit, group: Group, view: GangView) -> Iterator[str]:
    """What would mend this limit, each alone."""
    resource, short = limit.resource, amount_text(limit.resource, limit.short)
    match limit.kind:
        case LimitKind.CAPABILITY:
            yield f"its capability were {short} {resource} higher (spec.capability)"
        case LimitKind.GUARANTEES:
            yield f"others were guaranteed {short} {resource} less (spec.guarantee)"
        case LimitKind.SHARE:
            yield f"it deserved {short} {resource} more (spec.weight or spec.deserved)"
        case LimitKind.ADMISSION:
            factor = view.rules.overcommit_factor or 1
            more = amount_text(resource, ceil(limit.short / factor))
            yield f"nodes with {more} more {resource} came"
        case LimitKind.TOTAL:
            yield f"nodes with {short} more {resource} came"
            return
        case LimitKind.CLUSTER | LimitKind.WHOLE:
            yield f"nodes with {short} more {resource} came"
        case LimitKind.NODE:
            yield "as much came free on one node"
    found = holders(view, limit)
    if limit.kind is not LimitKind.NODE and (enough := enough_of(found, limit.short)):
        verb = "ended" if len(enough) == 1 else "ended together"
        yield f"{_some([title(each.group) for each in enough])} {verb}"
    if group.phase is not PodGroupPhase.PENDING:
        yield from _evictions(found, group, view, resource)


def _evictions(
    found: Sequence[Holder], group: Group, view: GangView, resource: str
) -> Iterator[str]:
    """Who has to go for it; or why those above their share do not."""
    going = [title(each.group) for each in found if gives_way(view, group, each.group)]
    if going:
        yield f"{_some(going)} went, which the scheduler asks for once that makes room enough"
        return
    if is_entitled(view, group):
        for name in surplus(view, resource):
            if view.queues[name].spec.reclaimable is False:
                yield f"queue {name} gave back {resource}, which it need not: it is not reclaimable"


def _some(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    shown = ", ".join(names[:SHOWN])
    left = len(names) - SHOWN
    return f"{shown} and {left} more" if left > 0 else shown

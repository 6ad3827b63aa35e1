"""What is written to PodGroups and queues: phase, counts and reasons; allocated and deserved.

A patch is whole: the newest one alone will do. None is given where the API server has it already.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from shoal.api import quantity
from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.api.volcano.queue import Queue
from shoal.scheduler.fairness.amounts import add
from shoal.scheduler.fairness.queue_policy import QueuePolicy, QueueUsage
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import MemberState
from shoal.scheduler.gangs.phase import next_phase
from shoal.scheduler.state.request import CPU, EPHEMERAL_STORAGE, MEMORY, Amounts

_BYTES = (MEMORY, EPHEMERAL_STORAGE)
_SCHEDULED = "Scheduled"
_UNSCHEDULABLE = "Unschedulable"
READY_TEXT = "tasks in gang are ready to be scheduled"
_COUNTED = {
    PodGroupPhase.PENDING: "pending",
    PodGroupPhase.INQUEUE: "inqueue",
    PodGroupPhase.RUNNING: "running",
    PodGroupPhase.UNKNOWN: "unknown",
    PodGroupPhase.COMPLETED: "completed",
}


def phase_of(group: Group) -> PodGroupPhase:
    """As its members stand now."""
    is_rejected = not group.is_ready and group.verdict is not None
    return next_phase(group.phase, group.counts, group.min_member, is_rejected=is_rejected)


def group_patch(group: Group, decision: int, now: datetime) -> JsonObject | None:
    """`decision` tells verdicts apart; the phase must be up to date."""
    obj = group.object
    if obj is None:
        return None
    known = obj.status
    counts = {
        "running": group.counts[MemberState.RUNNING],
        "succeeded": group.counts[MemberState.SUCCEEDED],
        "failed": group.counts[MemberState.FAILED],
    }
    status: JsonObject = {"phase": group.phase.value, **counts}
    is_same = known.phase == group.phase and (
        known.running,
        known.succeeded,
        known.failed,
    ) == tuple(counts.values())
    wanted = _condition(group)
    if wanted is not None:
        before = {each.type: each for each in known.conditions}
        own = before.get(wanted["type"])
        says = (own.status, own.reason, own.message) if own else None
        if says != (wanted["status"], wanted["reason"], wanted["message"]):
            is_same = False
            stamp = {"lastTransitionTime": timestamp(now), "transitionID": str(decision)}
            status["conditions"] = [wanted | stamp]
        elif len(before) > 1:
            is_same = False
            stamp = {"transitionID": own.transition_id if own else ""}
            if own and own.last_transition_time:
                stamp["lastTransitionTime"] = timestamp(own.last_transition_time)
            status["conditions"] = [wanted | stamp]
    return None if is_same else {"status": status}


def _condition(group: Group) -> JsonObject | None:
    """None where there is nothing to say yet: what was said before stays. While members are being
    bound there is not: it is said together with the phase that follows, in one write."""
    if group.verdict is not None and not group.is_ready:
        reason, message = group.verdict.reason.value, group.verdict.message
        return {"type": _UNSCHEDULABLE, "status": "True", "reason": reason, "message": message}
    is_binding = group.counts[MemberState.PLACED] > 0
    if group.is_ready and group.ready_count and not is_binding:
        return {"type": _SCHEDULED, "status": "True", "reason": READY_TEXT, "message": READY_TEXT}
    return None


def queue_patches(
    queues: Mapping[str, Queue],
    groups: Iterable[Group],
    usage: Mapping[str, QueueUsage],
    policy: QueuePolicy,
) -> dict[str, JsonObject]:
    """By queue; only what is news. What a queue holds includes the queues below it."""
    allocated = _with_below(queues, usage)
    counts = {name: dict.fromkeys(_COUNTED.values(), 0) for name in queues}
    for group in groups:
        own = counts.get(group.queue)
        if own is not None and group.is_known:
            own[_COUNTED[group.phase]] += 1
    patches: dict[str, JsonObject] = {}
    for name, queue in queues.items():
        status: JsonObject = {
            "allocated": _resource_list(allocated[name]),
            "deserved": _resource_list(policy.deserved(name)),
            **counts[name],
        }
        known = queue.status
        if status == {
            "allocated": known.allocated,
            "deserved": known.deserved,
            **{field: getattr(known, field) for field in counts[name]},
        }:
            continue
        # A merge patch must name what is no longer there.
        for field, before in (("allocated", known.allocated), ("deserved", known.deserved)):
            status[field] |= {each: None for each in before if each not in status[field]}
        patches[name] = {"status": status}
    return patches


def _with_below(queues: Mapping[str, Queue], usage: Mapping[str, QueueUsage]) -> dict[str, Amounts]:
    held: dict[str, Amounts] = {name: {} for name in queues}
    for name, own in usage.items():
        seen: set[str] = set()
        while name in queues and name not in seen:
            seen.add(name)
            add(held[name], own.allocated)
            name = queues[name].parent
    return held


def _resource_list(amounts: Amounts) -> dict[str, str]:
    return {name: _quantity(name, amount) for name, amount in sorted(amounts.items()) if amount}


def _quantity(name: str, amount: int) -> str:
    if name == CPU:
        return quantity.canonical(f"{amount}m")
    return quantity.format_bytes(amount) if name in _BYTES else str(amount)

"""What a round of gangs entails: bindings aside, all that the API server and people are told.

Conditions of pods are written where they say something new; events are recorded where a group's
verdict changes. Texts: Volcano v1.15, pkg/scheduler/cache and plugins/gang.
"""

from collections.abc import Iterator
from datetime import datetime

from shoal.api.core import EventType
from shoal.api.meta import find_condition, held_since
from shoal.api.volcano.job import SCHEDULER_NAME
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.scheduler import effects
from shoal.scheduler.cycle.round import Eviction, MemberRefusal, Purpose, RoundOutcome
from shoal.scheduler.effects import (
    Effect,
    Evict,
    PodRef,
    RecordEvent,
    SetCondition,
    UnscheduledReason,
)
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import Member
from shoal.scheduler.state.pod_info import PodInfo

EVICTED = "PreemptionByScheduler"
"""Reason of the condition DisruptionTarget."""


def of_round(outcome: RoundOutcome, now: datetime) -> Iterator[Effect]:
    """In the order in which they are to be carried out."""
    nominated = {member.uid: node_name for member, node_name in outcome.nominated}
    for member, node_name in outcome.nominated:
        yield from _nominated(member, node_name, now)
    for refusal in outcome.refusals:
        if refusal.member.uid not in nominated:
            yield from _refused(refusal, now)
    for eviction in outcome.evictions:
        yield from _evicted(eviction)
    for group, reason in outcome.held_back:
        if group.object is not None:
            yield _group_event(group, EventType.NORMAL, "Unschedulable", reason)


def group_ref(group: Group) -> PodRef:
    return PodRef(group.key.namespace, group.key.name, group.uid)


def _group_event(group: Group, type: EventType, reason: str, note: str) -> RecordEvent:
    ref = group_ref(group)
    return RecordEvent(ref, type, reason, "Scheduling", note, POD_GROUPS, component=SCHEDULER_NAME)


def verdict_event(group: Group) -> RecordEvent:
    """A group's verdict changed."""
    if group.is_ready or group.verdict is None:
        return _group_event(group, EventType.NORMAL, "Scheduled", "pod group is ready")
    return _group_event(group, EventType.WARNING, "Unschedulable", group.verdict.message)


def told_to_wait(pod: PodInfo, text: str, now: datetime) -> SetCondition:
    """A pod that no round has looked at yet."""
    return SetCondition(
        effects.ref(pod.object),
        UnscheduledReason.UNSCHEDULABLE,
        text,
        transition_time=now,
        observed_generation=pod.object.metadata.generation,
    )


def _refused(refusal: MemberRefusal, now: datetime) -> Iterator[Effect]:
    member = refusal.member
    if refusal.possible_node:
        text = (
            f"Pod {member.pod.key} can possibly be assigned to {refusal.possible_node}, "
            "once minAvailable is satisfied"
        )
        yield from _condition(member, UnscheduledReason.SCHEDULABLE, text, "", now)
    else:
        told = list(_condition(member, UnscheduledReason.UNSCHEDULABLE, refusal.message, "", now))
        yield from told
        if told:
            yield RecordEvent(
                effects.ref(member.pod.object),
                EventType.WARNING,
                "FailedScheduling",
                "Scheduling",
                refusal.message,
                component=member.pod.spec.scheduler_name,
            )


def _nominated(member: Member, node_name: str, now: datetime) -> Iterator[Effect]:
    text = (
        f"Pod {member.pod.key} can possibly be assigned to {node_name}, "
        "once resource is released and minAvailable is satisfied"
    )
    yield from _condition(member, UnscheduledReason.SCHEDULABLE, text, node_name, now)


def _condition(
    member: Member, reason: UnscheduledReason, text: str, node_name: str, now: datetime
) -> Iterator[SetCondition]:
    pod = member.pod.object
    before = find_condition(pod.status.conditions, "PodScheduled")
    is_same_node = pod.status.nominated_node_name == node_name
    says_so = before is not None and (before.status, before.reason) == ("False", reason)
    if before is not None and says_so and is_same_node and _is_alike(before.message, text):
        return
    yield SetCondition(
        effects.ref(pod),
        reason,
        text,
        transition_time=held_since(before, "False", now),
        observed_generation=pod.metadata.generation,
        nominated_node_name=None if is_same_node else node_name,
    )


def _is_alike(one: str, other: str) -> bool:
    """Where only numbers differ the group's own verdict has the latest, and hundreds of pods need
    not be written again."""
    return one.translate(_NO_DIGITS) == other.translate(_NO_DIGITS)


_NO_DIGITS = dict.fromkeys(map(ord, "0123456789"))


def _evicted(eviction: Eviction) -> Iterator[Effect]:
    pod = effects.ref(eviction.member.pod.object)
    group = eviction.beneficiary
    word = "Reclaimed" if eviction.purpose is Purpose.RECLAIM else "Preempted"
    text = f"{word} for PodGroup {group.key} of queue {group.queue}"
    yield Evict(pod, EVICTED, text)
    name = eviction.member.pod.spec.scheduler_name
    yield RecordEvent(pod, EventType.NORMAL, "Evict", "Evicting", text, component=name)
    if eviction.victim_group.object is not None:
        note = f"Evicted pod {eviction.member.pod.key}: {text}"
        yield _group_event(eviction.victim_group, EventType.NORMAL, "Evict", note)

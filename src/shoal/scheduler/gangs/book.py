"""All groups, kept true by what the API server tells and what the scheduler does.

A pod belongs to the group that its annotation `scheduling.k8s.io/group-name` names. A pod that is
to get a group, and has none yet, waits for it: the PodGroup controller makes it. Groups that were
tried in vain are parked, and woken by any change that may help one of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from shoal.api.core import PRIORITY_CLASSES
from shoal.api.meta import ObjectKey
from shoal.api.volcano import keys
from shoal.api.volcano.job import SCHEDULER_NAME
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup, PodGroupPhase
from shoal.api.volcano.queue import QUEUES, Queue
from shoal.scheduler.events import ObjectChanged
from shoal.scheduler.fairness.queue_policy import QueueUsage
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import (
    HOLDING,
    Member,
    MemberState,
    amounts_of,
    is_gated,
    role_of,
    state_of,
)
from shoal.scheduler.gangs.usages import Usages
from shoal.scheduler.gangs.waking import Waking
from shoal.scheduler.queueing.queued_pod import QueuedPod
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.request import Amounts

NEEDS = (POD_GROUPS, QUEUES, PRIORITY_CLASSES)
"""Collections of which the book wants to be told."""


def group_key_of(pod: PodInfo) -> ObjectKey | None:
    """None for a pod that stands alone."""
    name = pod.object.metadata.annotations.get(keys.GROUP_NAME)
    return ObjectKey(pod.namespace, name) if name else None


def awaits_group(pod: PodInfo) -> bool:
    """Whether a pod without a group is to get one."""
    if pod.spec.scheduler_name == SCHEDULER_NAME:
        return True
    annotations = pod.object.metadata.annotations
    return keys.QUEUE_NAME in annotations or keys.GROUP_MIN_MEMBER in annotations


class GangBook:
    needs = NEEDS

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._groups: dict[ObjectKey, Group] = {}
        self._member_of: dict[str, Group] = {}
        """By uid of the pod."""
        self._usages = Usages()
        self._unwritten: dict[ObjectKey, Group] = {}
        """Groups whose status may have to be written."""
        self.waking = Waking()
        """Which groups are to be tried."""
        self._gated: dict[str, Member] = {}
        """Members that plugins keep out by what they know beyond the pod, by uid."""
        self._holders: dict[ObjectKey, Group] = {}
        self.held: Amounts = {}
        """By members of all groups together."""
        self.leaving: dict[str, Member] = {}
        """Members that are about to end, by uid."""
        self.has_changed_queues = False
        """Whether queues' statuses may have to be written."""

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def group(self, key: ObjectKey) -> Group | None:
        return self._groups.get(key)

    def holders(self) -> Iterable[Group]:
        """Groups that hold anything."""
        return self._holders.values()

    def group_of(self, uid: str) -> Group | None:
        """Of a pod."""
        return self._member_of.get(uid)

    def member(self, uid: str) -> Member | None:
        group = self._member_of.get(uid)
        return group.members.get(uid) if group else None

    def queue(self, name: str) -> Queue | None:
        return self._objects.get(QUEUES, "", name)

    def queues(self) -> Mapping[str, Queue]:
        return {each.metadata.name: each for each in self._objects.list(QUEUES)}

    def active(self) -> list[Group]:
        """Groups that are to be tried, in the order in which they came."""
        if self.waking.take_all():
            for member in [each for each in self._gated.values() if not is_gated(each)]:
                self._move(member.uid, MemberState.WAITING, "")
        self.waking.take_related()
        return self.waking.awake()

    def cluster_changed(self) -> None:
        """Nodes came, went or changed: there is more or less to divide."""
        self.waking.wake_all()
        self.has_changed_queues = True

    def usage(self) -> Mapping[str, QueueUsage]:
        """Of each queue that has groups."""
        return self._usages.by_queue()

    def has_unwritten(self) -> bool:
        return bool(self._unwritten)

    def take_unwritten(self) -> list[Group]:
        """Groups whose status may differ from what is written; asks again only after a change."""
        groups = list(self._unwritten.values())
        self._unwritten.clear()
        return groups

    def set_pod(self, pod: PodInfo, profile: Profile | None, now: datetime) -> None:
        """A pod that belongs to a group, new or changed. `profile`: which serves it; None for a
        pod that others schedule."""
        key = group_key_of(pod)
        assert key is not None
        state = state_of(pod)
        former = self._member_of.get(pod.uid)
        if former is not None and former.key != key:
            self.remove_pod(pod.uid)
        known = self.member(pod.uid)
        if known is None:
            if state is MemberState.WAITING and (profile is None or pod.object.is_deleting):
                return
            group = self._group(key, now)
            self._member_of[pod.uid] = group
            known = Member(pod, state, role_of(pod), amounts_of(pod.request))
            if state is MemberState.WAITING:
                self._queue(known, profile, now)
            known.node_name = pod.spec.node_name
            group.add(known)
            self._note(known, None, known.state)
            self._changed(group)
        elif state is MemberState.WAITING and self._is_given_up(known, pod):
            self.remove_pod(pod.uid)
        else:
            self._renew(known, pod, state)
            self._changed(self._member_of[pod.uid])

    def remove_pod(self, uid: str) -> None:
        """It is gone; unknown ones are fine."""
        group = self._member_of.pop(uid, None)
        if group is None:
            return
        member = group.remove(uid)
        assert member is not None
        self._note(member, member.state, None)
        # Even a pod that only waited counted for what its queue deserves.
        self.waking.wake_all()
        self._changed(group)
        self._drop_if_empty(group)

    def place(self, uid: str, node_name: str) -> None:
        """The scheduler has chosen a node."""
        self._move(uid, MemberState.PLACED, node_name)

    def displace(self, uid: str) -> None:
        """That was taken back."""
        member = self.member(uid)
        if member is None or member.state is not MemberState.PLACED:
            return
        assert member.queued is not None
        if member.queued.pod.object.is_deleting:
            self.remove_pod(uid)
            return
        member.pod = member.queued.pod  # It may have changed meanwhile.
        self._move(uid, MemberState.WAITING, "")

    def evict(self, member: Member) -> None:
        """It is to go."""
        member.is_evicted = True
        self._move(member.uid, MemberState.LEAVING, member.node_name)

    def eviction_failed(self, uid: str, until: datetime) -> None:
        """It stays; groups that waited for it try again then."""
        member = self.member(uid)
        if member is not None and member.state is MemberState.LEAVING:
            member.is_evicted = False
            self._move(uid, state_of(member.pod), member.node_name)
        for group in self.waking.victim_leaves(uid):
            self.waking.back_off(group, until)

    def set_phase(self, group: Group, phase: PodGroupPhase) -> None:
        group.phase = phase
        self._changed(group)

    def take_phase(self, group: Group, phase: PodGroupPhase) -> None:
        """What follows from its members alone: nobody needs to try anything because of it."""
        group.phase = phase
        self._usages.note(group)
        self.has_changed_queues = True
        if phase is PodGroupPhase.COMPLETED:
            self.waking.wake_all()  # What it was admitted with is for others.

    def note_verdict(self, group: Group) -> None:
        """Its verdict changed."""
        self._unwritten[group.key] = group

    def change_object(self, change: ObjectChanged, now: datetime) -> None:
        """Of `NEEDS`, after `Objects` took it in."""
        if change.resource == POD_GROUPS:
            if change.after is None:
                self._remove_group(change.before.metadata.key)
            else:
                self._set_group(change.after, now)
        elif change.resource == QUEUES:
            self.waking.wake_all()
            self.has_changed_queues = True
        elif change.resource == PRIORITY_CLASSES:
            for group in self._groups.values():
                group.priority = self._priority_of(group)
                self.waking.wake(group)

    def _set_group(self, obj: PodGroup, now: datetime) -> None:
        group = self._group(obj.metadata.key, now)
        before = group.object
        is_same = before is not None and before.metadata.uid == obj.metadata.uid
        is_admitted = obj.phase is PodGroupPhase.INQUEUE and group.phase is PodGroupPhase.PENDING
        is_as_before = before is not None and is_same and _is_said_alike(before, obj)
        if is_as_before and not is_admitted:
            # A status, mostly our own.
            group.object = obj
            self._unwritten[group.key] = group
            return
        group.take_object(obj)
        if not is_same:
            group.phase = obj.phase
            group.verdict = group.told_verdict = None
        elif is_admitted:
            group.phase = obj.phase  # By somebody else.
        if not is_as_before:
            group.priority = self._priority_of(group)
            # Others may find room where it has become one that gives, or wants less.
            if before is not None or group.members:
                self.waking.wake_all()
        self._changed(group, wakes=not is_as_before)

    def _remove_group(self, key: ObjectKey) -> None:
        group = self._groups.get(key)
        if group is not None:
            group.take_object(None)
            self.waking.wake_all()  # What it was admitted with is for others.
            self._changed(group)
            self._drop_if_empty(group)

    def _priority_of(self, group: Group) -> int:
        """Of its class, else of the cluster's default class, else 0."""
        name = group.object.spec.priority_class_name if group.object else ""
        if name:
            found = self._objects.get(PRIORITY_CLASSES, "", name)
            return found.value if found else 0
        classes = self._objects.list(PRIORITY_CLASSES)
        return next((each.value for each in classes if each.global_default), 0)

    def _group(self, key: ObjectKey, now: datetime) -> Group:
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(key, now)
        return group

    def _drop_if_empty(self, group: Group) -> None:
        if group.object is None and not group.members:
            self.waking.drop(group)
            self._groups.pop(group.key, None)
            self._unwritten.pop(group.key, None)
            self._usages.note(group)

    def _queue(self, member: Member, profile: Profile | None, now: datetime) -> None:
        assert profile is not None
        signature = profile.points.signer.sign(member.pod)
        member.queued = QueuedPod(member.pod, profile, signature, now, now)
        member.state = MemberState.GATED if is_gated(member) else MemberState.WAITING

    def _is_given_up(self, member: Member, pod: PodInfo) -> bool:
        """Whether a pod without a node is deleted, so that it will never have one."""
        return pod.object.is_deleting and member.state is not MemberState.PLACED

    def _renew(self, member: Member, pod: PodInfo, state: MemberState) -> None:
        """A newer version of a member."""
        group = self._member_of[pod.uid]
        before = member.state
        if state is MemberState.WAITING and before is MemberState.PLACED:
            state = before  # The API server does not know yet.
        if member.is_evicted and state in HOLDING:
            state = MemberState.LEAVING  # Nor of this.
        group.remove(pod.uid)
        member.pod = pod
        member.role = role_of(pod)
        member.amounts = amounts_of(pod.request)
        if state is MemberState.WAITING and member.queued is not None:
            member.queued.renew(pod)
            state = MemberState.GATED if is_gated(member) else state
        member.state = state
        if state is not MemberState.PLACED:
            member.node_name = pod.spec.node_name
        group.add(member)
        self._note(member, before, state)

    def _move(self, uid: str, state: MemberState, node_name: str) -> None:
        group = self._member_of.get(uid)
        if group is None:
            return
        member = group.members[uid]
        before = member.state
        group.move(member, state, node_name)
        self._note(member, before, state)
        self._changed(group)

    def _note(self, member: Member, before: MemberState | None, after: MemberState | None) -> None:
        """Room was taken or freed."""
        had, has = before in HOLDING, after in HOLDING
        if had and not has:
            _add(self.held, member.amounts, -1)
            self.waking.wake_all()
        elif has and not had:
            _add(self.held, member.amounts, 1)
        if after is MemberState.LEAVING:
            self.leaving[member.uid] = member
            if before is not MemberState.LEAVING:
                self.waking.wake_all()
        elif before is MemberState.LEAVING:
            self.leaving.pop(member.uid, None)
        if after is MemberState.GATED and not member.pod.spec.scheduling_gates:
            self._gated[member.uid] = member
        else:
            self._gated.pop(member.uid, None)
        if before is MemberState.PLACED and has:
            self.waking.binding_succeeded()
        if after not in HOLDING:
            self.waking.victim_leaves(member.uid)

    def _changed(self, group: Group, *, wakes: bool = True) -> None:
        self._usages.note(group)
        self._unwritten[group.key] = group
        self.has_changed_queues = True
        if group.holding:
            self._holders[group.key] = group
        else:
            self._holders.pop(group.key, None)
        if wakes:
            self.waking.wake(group)


def _is_said_alike(before: PodGroup, after: PodGroup) -> bool:
    """Whether people say the same of both."""
    one, other = before.metadata, after.metadata
    return (
        before.spec == after.spec
        and one.annotations == other.annotations
        and one.labels == other.labels
    )


def _add(total: Amounts, more: Mapping[str, int], sign: int) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + sign * amount

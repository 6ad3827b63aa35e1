"""What the API server tells of nodes and pods, turned into changes of the cache and the queue.

A pod with a node is in the cache, whoever scheduled it; a pod without one is in the queue if its
`schedulerName` is a profile's; a finished pod is nowhere. Behaviour: Kubernetes v1.36,
pkg/scheduler/eventhandlers.go.
"""

from collections.abc import Mapping
from datetime import datetime

from shoal.api.meta import ObjectKey
from shoal.api.node import Node
from shoal.api.pod import Pod
from shoal.api.volcano.keys import GROUP_NAME
from shoal.scheduler.events import ObjectChanged
from shoal.scheduler.framework.cluster_event import (
    ASSIGNED_POD,
    ASSIGNED_POD_ADD,
    ASSIGNED_POD_DELETE,
    NODE_ADD,
    NODE_DELETE,
    node_changes,
    object_change,
    pod_changes,
)
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.gangs.book import GangBook, awaits_group, group_key_of
from shoal.scheduler.gangs.newcomers import Newcomers
from shoal.scheduler.nominating import Nominating
from shoal.scheduler.queueing.scheduling_queue import SchedulingQueue
from shoal.scheduler.queueing.wake_rules import Happening
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache, CacheState
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.pod_info import PodInfo


class Intake:
    def __init__(
        self,
        cache: Cache,
        objects: Objects,
        queue: SchedulingQueue,
        profiles: Mapping[str, Profile],
        nominating: Nominating,
        book: GangBook,
        newcomers: Newcomers,
    ) -> None:
        self._cache = cache
        self._objects = objects
        self._queue = queue
        self._profiles = profiles
        self._nominating = nominating
        self._book = book
        self._newcomers = newcomers
        self._uid_of: dict[ObjectKey, str] = {}
        """Which life of each name is known, because a recreated pod may come as an update."""

    def set_node(self, node: Node, now: datetime) -> None:
        before = self._cache.node(node.metadata.name)
        self._cache.set_node(node)
        events = [NODE_ADD] if before is None else node_changes(before, node)
        if events:
            self._book.cluster_changed()
        for event in events:
            self._queue.move_all(Happening(event, before, node), now)

    def remove_node(self, name: str, now: datetime) -> None:
        before = self._cache.node(name)
        if before is not None:
            self._book.cluster_changed()
            self._cache.remove_node(name)
            self._queue.move_all(Happening(NODE_DELETE, before), now)

    def change_object(self, change: ObjectChanged, now: datetime) -> None:
        latest = change.before if change.after is None else change.after
        key = latest.metadata.key
        if change.after is None:
            self._objects.remove(change.resource, key)
        else:
            self._objects.set(change.resource, key, change.after)
        self._cache.touch_node(key.name)
        if change.resource in self._book.needs:
            self._book.change_object(change, now)
        else:
            self._book.waking.wake_all()
        event = object_change(change.resource, change.before, change.after)
        self._queue.move_all(Happening(event, change.before, change.after), now)

    def former_self(self, pod: Pod) -> str | None:
        """The uid of another pod that is known by this pod's name."""
        known = self._uid_of.get(pod.metadata.key)
        return None if known == pod.metadata.uid else known

    def set_pod(self, pod: Pod, now: datetime) -> PodInfo | None:
        """The pod as it is now; None where it takes no place any more."""
        former = self.former_self(pod)
        if former is not None:
            self._remove(former, now)
        self._uid_of[pod.metadata.key] = pod.metadata.uid
        if pod.is_finished:
            self._finish(pod, now)
            return None
        info = pod_info.of(pod)
        if pod.spec.node_name:
            self._set_assigned(info, now)
        else:
            self._set_waiting(info, now)
        return info

    def remove_pod(self, pod: Pod, now: datetime) -> None:
        known = self._uid_of.get(pod.metadata.key)
        if known is not None and known == (pod.metadata.uid or known):
            del self._uid_of[pod.metadata.key]
            self._remove(known, now)
        self._book.remove_pod(pod.metadata.uid)

    def _finish(self, pod: Pod, now: datetime) -> None:
        """It takes no room any more; its gang still counts it."""
        self._remove(pod.metadata.uid, now, is_gone=False)
        if GROUP_NAME in pod.metadata.annotations:
            self._book.set_pod(pod_info.of(pod), None, now)

    def _set_assigned(self, pod: PodInfo, now: datetime) -> None:
        self._queue.remove(pod.uid)
        self._newcomers.leave(pod.uid)
        self._nominating.placed(pod.uid)
        if pod.object.is_deleting:
            self._nominating.victim_leaves(pod.uid)
        before = self._cache.pod(pod.uid)
        node_name = pod.spec.node_name
        if group_key_of(pod) is not None:
            self._book.set_pod(pod, None, now)
        else:
            self._book.remove_pod(pod.uid)
        if before is None or self._cache.state_of(pod.uid) is CacheState.ASSUMED:
            self._cache.add(pod, node_name)
            self._book.waking.wake_related()
            self._queue.move_all(Happening(ASSIGNED_POD_ADD, None, pod), now)
            return
        self._cache.update(pod, node_name)
        if _may_help_gangs(before, pod):
            self._book.waking.wake_all()
        for event in pod_changes(before, pod, ASSIGNED_POD):
            self._queue.move_all(Happening(event, before, pod), now)

    def _set_waiting(self, pod: PodInfo, now: datetime) -> None:
        profile = self._profiles.get(pod.spec.scheduler_name)
        if profile is None or self._cache.state_of(pod.uid) is not CacheState.INITIAL:
            return
        if group_key_of(pod) is not None or awaits_group(pod):
            self._set_member(pod, profile, now)
            return
        self._book.remove_pod(pod.uid)
        self._newcomers.leave(pod.uid)
        queued = self._queue.get(pod.uid)
        before = queued.pod if queued else None
        if before is None:
            self._queue.add(pod, profile, now)
        else:
            self._queue.update(pod, now)
        self._nominating.see(before, pod, now)

    def _set_member(self, pod: PodInfo, profile: Profile, now: datetime) -> None:
        """A waiting pod of a gang; one that is to get a group waits outside for that."""
        self._queue.remove(pod.uid)
        self._newcomers.see(pod, now)
        if group_key_of(pod) is not None:
            member = self._book.member(pod.uid)
            self._nominating.see(member.pod if member else None, pod, now)
            self._book.set_pod(pod, profile, now)
        else:
            self._book.remove_pod(pod.uid)
        if pod.object.is_deleting:
            self._nominating.gone(pod.uid, now)

    def _remove(self, uid: str, now: datetime, *, is_gone: bool = True) -> None:
        if is_gone:
            self._book.remove_pod(uid)
        self._queue.remove(uid)
        self._newcomers.leave(uid)
        self._nominating.gone(uid, now)
        self._nominating.victim_leaves(uid)
        pod = self._cache.pod(uid)
        if pod is not None:
            self._cache.remove(uid)
            self._book.waking.wake_all()
            self._queue.move_all(Happening(ASSIGNED_POD_DELETE, pod), now)


def _may_help_gangs(before: PodInfo, after: PodInfo) -> bool:
    """Whether a pod that stands on a node leaves others more than it did."""
    return (
        before.object.is_deleting != after.object.is_deleting
        or before.labels != after.labels
        or before.request != after.request
    )

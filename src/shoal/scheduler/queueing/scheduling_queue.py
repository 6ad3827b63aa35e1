"""The scheduling queue: which pod is tried next, and when the others come back.

A pod is in exactly one room (`rooms`). Rejected pods wait in the unschedulable room until an event
that one of their rejectors registered may help; they return through the backoff room unless their
back-off is over. Pods whose attempt failed for another reason than a rejection go to the backoff
room at once. Where the active room is empty, the head of the backoff room is taken early, except
pods that failed by error. Pods between which QueueSort sees no difference, having come at once, are
tried class by class: equal ones in a row cost least. Behaviour: Kubernetes v1.36,
backend/queue/scheduling_queue.go.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shoal.base.backoff import Backoff
from shoal.base.guard import Failed, attempt
from shoal.base.keyed_heap import KeyedHeap
from shoal.scheduler.framework.cluster_event import UNSCHEDULED_POD, pod_changes
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.queueing.in_flight import InFlight
from shoal.scheduler.queueing.queued_pod import QueuedPod
from shoal.scheduler.queueing.rooms import Move, Room, next_state
from shoal.scheduler.queueing.unschedulable_room import UnschedulableRoom
from shoal.scheduler.queueing.wake_rules import TIMEOUT, Happening, Wake, WakeRules
from shoal.scheduler.state.pod_info import PodInfo

_NOBODY: frozenset[str] = frozenset()
DEFAULT_BACKOFF = Backoff(initial_s=1.0, max_s=10.0)


@dataclass(frozen=True, slots=True)
class QueueSettings:
    backoff: Backoff = DEFAULT_BACKOFF
    max_unschedulable_s: float = 300.0
    """A rejected pod is tried again after this long, whatever happens."""


class SchedulingQueue:
    """All pods without a node, each in its room."""

    def __init__(
        self, profiles: Mapping[str, Profile], settings: QueueSettings = QueueSettings()
    ) -> None:
        self._settings = settings
        self._rules = WakeRules(profiles.values())
        self._pods: dict[str, QueuedPod] = {}
        """Every pod in a room, by uid."""
        self._active: KeyedHeap[str, QueuedPod] = KeyedHeap()
        self._backoff: KeyedHeap[str, QueuedPod] = KeyedHeap()
        self._error_backoff: KeyedHeap[str, QueuedPod] = KeyedHeap()
        self._unschedulable = UnschedulableRoom()
        self._in_flight = InFlight()

    def __iter__(self) -> Iterator[QueuedPod]:
        return iter(self._pods.values())

    def __len__(self) -> int:
        return len(self._pods)

    def get(self, uid: str) -> QueuedPod | None:
        return self._pods.get(uid)

    def statistics(self) -> Mapping[Room, int]:
        """How many pods are in each room."""
        counts = dict.fromkeys(Room, 0)
        for queued in self._pods.values():
            counts[queued.room] += 1
        return counts

    def add(self, pod: PodInfo, profile: Profile, now: datetime) -> None:
        """A pod that has just appeared."""
        signature = profile.points.signer.sign(pod)
        queued = QueuedPod(pod, profile, signature, first_queued_at=now, queued_at=now)
        self._pods[pod.uid] = queued
        self._admit(queued)

    def update(self, pod: PodInfo, now: datetime) -> None:
        """A new version of a pod in the queue; a change that may help wakes it."""
        queued = self._pods[pod.uid]
        before = queued.pod
        if _schedules_alike(before, pod):
            queued.pod = pod
            return
        queued.renew(pod)
        happenings = [
            Happening(event, before, pod) for event in pod_changes(before, pod, UNSCHEDULED_POD)
        ]
        match queued.room:
            case Room.ACTIVE:
                self._active.push(pod.uid, queued.order, queued)
            case Room.BACKOFF:
                self._push_backoff(queued)
            case Room.UNSCHEDULABLE:
                for happening in happenings:
                    self._wake(queued, happening, now)
            case Room.IN_FLIGHT:
                for happening in happenings:
                    self._in_flight.note(happening)
            case Room.OUTSIDE:
                pass

    def remove(self, uid: str) -> None:
        """The pod is gone, or needs no node any more; unknown ones are fine."""
        queued = self._pods.get(uid)
        if queued is not None:
            self._move(queued, Move.LEAVE)
            self._in_flight.end(uid)

    def pop(self) -> QueuedPod | None:
        """The pod to try next, in flight from here on; None where nothing is ready."""
        queued = self._active.peek() or self._backoff.peek()
        if queued is None:
            return None
        self._move(queued, Move.POP)
        queued.attempts += 1
        queued.unschedulable_plugins = _NOBODY
        queued.pending_plugins = _NOBODY
        self._in_flight.start(queued.pod.uid)
        return queued

    def done(self, uid: str) -> None:
        """The popped pod is placed."""
        self.remove(uid)

    def reject(
        self,
        queued: QueuedPod,
        now: datetime,
        unschedulable_plugins: frozenset[str],
        pending_plugins: frozenset[str] = frozenset(),
    ) -> None:
        """An attempt ended without a place. Without rejectors the pod just backs off."""
        uid = queued.pod.uid
        queued.queued_at = now
        queued.unschedulable_plugins = unschedulable_plugins
        queued.pending_plugins = pending_plugins
        happenings = self._in_flight.end(uid)
        self._pods[uid] = queued
        if not queued.rejectors:
            queued.error_count += 1
            self._requeue(queued, Wake.AFTER_BACKOFF, now)
            return
        queued.unschedulable_count += 1
        queued.error_count = 0
        wakes = [self._rules.judge(queued, each) for each in happenings]
        self._requeue(queued, max(wakes, key=lambda w: w.value, default=Wake.NOT), now)

    def activate(self, uid: str) -> None:
        """Try a waiting pod as soon as its turn comes, whatever it waits for."""
        queued = self._pods.get(uid)
        if queued is not None and queued.room in (Room.UNSCHEDULABLE, Room.BACKOFF):
            self._admit(queued)

    def look_again(self, uid: str) -> None:
        """Ask PreEnqueue again whether a gated pod may be tried."""
        queued = self._pods.get(uid)
        if queued is not None and queued.gated_by:
            self._admit(queued)

    def move_all(self, happening: Happening, now: datetime, besides: str = "") -> None:
        """Something happened in the cluster: wake the pods that it may help, all but the one with
        the uid `besides`."""
        self._in_flight.note(happening)
        if not self._unschedulable:
            return
        plugins = self._rules.interested_plugins(happening.event)
        judged: dict[Hashable, Wake] = {}
        for queued in self._unschedulable.rejected_by(plugins):
            if queued.pod.uid == besides:
                continue
            identity = _identity(queued)
            wake = judged.get(identity) if identity is not None else None
            if wake is None:
                wake = self._rules.judge(queued, happening)
                if identity is not None:
                    judged[identity] = wake
            self._requeue(queued, wake, now)
        for queued in self._unschedulable.gated_by(plugins):
            self._admit(queued)

    def flush(self, now: datetime) -> None:
        """Let back-offs end, and pods go that were unschedulable for too long."""
        for heap in (self._backoff, self._error_backoff):
            while (queued := heap.peek()) and queued.retry_at(self._settings.backoff) <= now:
                self._move(queued, Move.ADMIT)
        limit = timedelta(seconds=self._settings.max_unschedulable_s)
        while (oldest := self._unschedulable.oldest()) and oldest.queued_at + limit <= now:
            self._requeue(oldest, self._rules.judge(oldest, TIMEOUT), now)

    def next_wake(self, now: datetime) -> datetime | None:
        """When there is next something to do: `now` where a pod is ready, None for never."""
        if self._active or self._backoff:
            return now
        times: list[datetime] = []
        if failed := self._error_backoff.peek():
            times.append(failed.retry_at(self._settings.backoff))
        if oldest := self._unschedulable.oldest():
            times.append(oldest.queued_at + timedelta(seconds=self._settings.max_unschedulable_s))
        return min(times, default=None)

    def _wake(self, queued: QueuedPod, happening: Happening, now: datetime) -> None:
        """A waiting pod's own change."""
        if queued.room is not Room.UNSCHEDULABLE:
            return
        if queued.gated_by:
            self._admit(queued)
        else:
            self._requeue(queued, self._rules.judge(queued, happening), now)

    def _requeue(self, queued: QueuedPod, wake: Wake, now: datetime) -> None:
        if wake is Wake.NOT:
            if queued.room is not Room.UNSCHEDULABLE:
                self._move(queued, Move.SHELVE)
        elif wake is Wake.NOW or queued.retry_at(self._settings.backoff) <= now:
            self._admit(queued)
        else:
            self._enter(queued, Move.BACK_OFF)

    def _admit(self, queued: QueuedPod) -> None:
        self._enter(queued, Move.ADMIT)

    def _enter(self, queued: QueuedPod, move: Move) -> None:
        """Into the active or backoff room, unless a PreEnqueue plugin keeps the pod out."""
        queued.gated_by = _gate(queued)
        self._move(queued, Move.SHELVE if queued.gated_by else move)

    def _move(self, queued: QueuedPod, move: Move) -> None:
        uid = queued.pod.uid
        room = next_state(queued.room, move, uid)
        match queued.room:
            case Room.ACTIVE:
                self._active.remove(uid)
            case Room.BACKOFF:
                self._backoff.remove(uid)
                self._error_backoff.remove(uid)
            case Room.UNSCHEDULABLE:
                self._unschedulable.remove(uid)
            case Room.IN_FLIGHT | Room.OUTSIDE:
                pass
        queued.room = room
        match room:
            case Room.ACTIVE:
                self._active.push(uid, queued.order, queued)
            case Room.BACKOFF:
                self._push_backoff(queued)
            case Room.UNSCHEDULABLE:
                self._unschedulable.add(queued)
            case Room.IN_FLIGHT:
                pass
            case Room.OUTSIDE:
                del self._pods[uid]

    def _push_backoff(self, queued: QueuedPod) -> None:
        heap = self._backoff if queued.rejectors else self._error_backoff
        order = (queued.retry_at(self._settings.backoff), queued.sort_key)
        heap.push(queued.pod.uid, order, queued)


def _identity(queued: QueuedPod) -> Hashable | None:
    """Equal for pods that an event helps alike: equal ones with equal rejectors. None where a
    rejector does not say what makes pods equal for it."""
    whole, profile = queued.signature.whole, queued.profile
    if whole is None or not queued.rejectors <= profile.points.signer.names:
        return None
    rejectors = (queued.unschedulable_plugins, queued.pending_plugins)
    return (whole, profile.scheduler_name, rejectors)


def _gate(queued: QueuedPod) -> str:
    """The first PreEnqueue plugin that keeps the pod out; empty for none."""
    for plugin in queued.profile.points.pre_enqueue:
        answer = attempt(plugin.pre_enqueue, queued.pod)
        if isinstance(answer, Failed) or not answer.is_success:
            return plugin.name
    return ""


def _schedules_alike(before: PodInfo, after: PodInfo) -> bool:
    """Whether only the status or bookkeeping metadata differ."""
    old, new = before.object.metadata, after.object.metadata
    return (
        before.spec == after.spec
        and old.labels == new.labels
        and old.annotations == new.annotations
        and old.deletion_timestamp == new.deletion_timestamp
    )

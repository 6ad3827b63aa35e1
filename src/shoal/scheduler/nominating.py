"""What follows when a pod is nominated to a node, and when a nomination ends.

The API server tells of nominations in `status.nominatedNodeName`, PostFilter makes new ones. A
nomination keeps room free, so where one ends other than by its pod being placed, pods that were
kept off are woken as if a pod had gone. Behaviour: Kubernetes v1.36, pkg/scheduler/
eventhandlers.go, backend/queue/nominator.go and framework/preemption/executor.go.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from shoal.scheduler import effects
from shoal.scheduler.effects import ClearNomination, Effect
from shoal.scheduler.framework.cluster_event import ASSIGNED_POD_DELETE
from shoal.scheduler.framework.nominations import AwaitedVictims, Nominations
from shoal.scheduler.framework.plugin import PostFilterResult
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.queueing.scheduling_queue import SchedulingQueue
from shoal.scheduler.queueing.wake_rules import Happening
from shoal.scheduler.state.pod_info import PodInfo


class Nominating:
    """The only writer of nominations, but for the cycle that places a nominated pod."""

    def __init__(
        self,
        nominations: Nominations,
        awaited: AwaitedVictims,
        waiting_pods: WaitingPods,
        queue: SchedulingQueue,
        wake_gangs: Callable[[], None],
    ) -> None:
        """`wake_gangs`: what keeps room free for a pod has ended."""
        self._nominations = nominations
        self._awaited = awaited
        self._waiting_pods = waiting_pods
        self._queue = queue
        self._wake_gangs = wake_gangs

    def see(self, before: PodInfo | None, pod: PodInfo, now: datetime) -> None:
        """A pod without a node as the API server knows it; `before` is None for a new one."""
        told = pod.object.status.nominated_node_name
        told_before = before.object.status.nominated_node_name if before else ""
        if not told and not told_before and not self._nominations:
            return
        # A promise of which the API server has not been told yet stays.
        node_name = told if told or told_before else self._nominations.node_of(pod.uid)
        if node_name:
            self._nominations.set(pod, node_name)
        else:
            self._nominations.remove(pod.uid)
        if before is not None and told_before and told_before != told:
            self.room_is_free(before, now)

    def is_nominated(self, pod: PodInfo) -> bool:
        """Here, or as far as the API server has told."""
        told = pod.object.status.nominated_node_name
        return bool(told or self._nominations.node_of(pod.uid))

    def placed(self, uid: str) -> None:
        """The pod has a node."""
        if self._nominations:
            self._nominations.remove(uid)
        self._awaited.forget(uid)

    def gone(self, uid: str, now: datetime) -> None:
        """A pod is no more; one that is not nominated is fine."""
        self._awaited.forget(uid)
        self.withdraw(uid, now)

    def withdraw(self, uid: str, now: datetime) -> None:
        """The pod is not nominated any more, and others may use the room."""
        pod = self._nominations.pod(uid)
        if pod is not None:
            self._nominations.remove(uid)
            self.room_is_free(pod, now)

    def victim_leaves(self, uid: str) -> None:
        """A pod on a node is gone, or about to end."""
        for each in self._awaited.settle(uid):
            self._queue.look_again(each)

    def eviction_failed(self, uid: str) -> None:
        """Whoever waited for it alone looks again."""
        for each in self._awaited.settle(uid):
            self._queue.activate(each)

    def decide(self, pod: PodInfo, result: PostFilterResult | None, now: datetime) -> list[Effect]:
        """After PostFilter: take over a nomination, or the end of one, and what it entails."""
        if result is None or result.nominated_node_name is None:
            return []
        had_nomination = bool(self._nominations.remove(pod.uid))
        if not result.nominated_node_name:
            if had_nomination:
                self.room_is_free(pod, now)
            return []
        displaced = self._displace(pod, result.nominated_node_name)
        self._nominations.set(pod, result.nominated_node_name)
        self._awaited.expect(pod.uid, self._evicted(result.victims))
        return displaced

    def _displace(self, pod: PodInfo, node_name: str) -> list[Effect]:
        """Lower pods that are nominated there may find no room any more."""
        lower = [p for p in self._nominations.on(node_name) if p.priority < pod.priority]
        for each in lower:
            self._nominations.remove(each.uid)
        return [ClearNomination(effects.ref(each.object)) for each in lower]

    def _evicted(self, victims: Sequence[PodInfo]) -> list[str]:
        """Uids of those that leave through the API server, and have not begun to; those that wait
        for permission are turned back here."""
        evicted: list[str] = []
        for victim in victims:
            waiting = self._waiting_pods.get(victim.uid)
            if waiting is not None:
                waiting.preempt()
            elif not victim.object.is_deleting:
                evicted.append(victim.uid)
        return evicted

    def room_is_free(self, pod: PodInfo, now: datetime) -> None:
        """What was kept for the pod is not any more: others may use it."""
        happening = Happening(ASSIGNED_POD_DELETE, pod)
        self._queue.move_all(happening, now, besides=pod.uid)
        self._wake_gangs()

"""Placed pods on their way to a binding: who waits for permission, who is being bound.

A binding starts with a placement that was committed, and ends with the API server's answer. Until
then it keeps what is needed to take the placement back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from shoal.scheduler.cycle.gang_cycle import Placement
from shoal.scheduler.effects import Bind
from shoal.scheduler.framework import placing
from shoal.scheduler.framework.status import Code, Status
from shoal.scheduler.framework.waiting_pods import WaitingPod, WaitingPods
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.pod_info import PodInfo


@dataclass(frozen=True, slots=True)
class Refused:
    """A placement that will not be bound, already taken back."""

    placement: Placement
    status: Status


class Bindings:
    """Placed pods, from their permission to the answer of their binding."""

    def __init__(
        self, cache: Cache, waiting: WaitingPods, binder: Callable[[PodInfo], int | None]
    ) -> None:
        """`binder`: which extender binds a pod, None for none."""
        self._cache = cache
        self._waiting = waiting
        self._binder = binder
        self._open: dict[str, Placement] = {}
        """By uid."""

    def next_wake(self, now: datetime) -> datetime | None:
        """When `permitted` next has something to say."""
        if any(waiting.verdict(now) is not None for waiting in self._waiting):
            return now
        return self._waiting.next_deadline()

    def renew(self, pod: PodInfo) -> None:
        """A newer version of a pod, to be queued again should its binding fail."""
        placement = self._open.get(pod.uid)
        if placement is None:
            return
        if not pod.spec.node_name:
            placement.queued.renew(pod)
        elif self._waiting.get(pod.uid) is not None:
            # Somebody else bound it while it waited for permission here.
            self.take_back(pod.uid)

    def start(self, placement: Placement, now: datetime) -> Bind | Refused | None:
        """The effect that binds; None where the pod has to wait for permission."""
        uid = placement.queued.pod.uid
        self._open[uid] = placement
        permission = placement.permission
        if permission.status.code is Code.WAIT:
            pod = placement.queued.pod
            self._waiting.add(WaitingPod(pod, placement.node_name, permission.timeouts_s, now))
            return None
        return self._bind(placement)

    def permitted(self, now: datetime) -> list[Bind | Refused]:
        """What became of pods that waited for permission."""
        results: list[Bind | Refused] = []
        for waiting in self._waiting:
            verdict = waiting.verdict(now)
            if verdict is None:
                continue
            self._waiting.remove(waiting.pod.uid)
            placement = self._open[waiting.pod.uid]
            if verdict.is_success:
                results.append(self._bind(placement))
            else:
                self.take_back(waiting.pod.uid)
                results.append(Refused(placement, verdict))
        return results

    def finish(self, uid: str) -> Placement | None:
        """The pod is bound."""
        placement = self._open.pop(uid, None)
        if placement is not None:
            queued = placement.queued
            placing.run_post_binds(
                queued.profile.points, placement.state, queued.pod, placement.node_name
            )
        return placement

    def take_back(self, uid: str) -> Placement | None:
        """Unreserve and forget; None where the pod has no open binding."""
        self._waiting.remove(uid)
        placement = self._open.pop(uid, None)
        if placement is None:
            return None
        queued = placement.queued
        placing.run_unreserves(
            queued.profile.points, placement.state, queued.pod, placement.node_name
        )
        if self._cache.is_assumed(uid):
            self._cache.forget(uid)
        return placement

    def _bind(self, placement: Placement) -> Bind | Refused:
        queued = placement.queued
        result = placing.run_binds(
            queued.profile.points, placement.state, queued.pod, placement.node_name
        )
        if isinstance(result, Bind):
            extender = self._binder(queued.pod)
            if extender is None:
                return result
            return msgspec.structs.replace(result, extender=extender)
        self.take_back(queued.pod.uid)
        return Refused(placement, result)

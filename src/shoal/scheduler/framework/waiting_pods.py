"""Pods that are placed and wait for permission to be bound.

A Permit plugin that answers Wait holds the pod; it, or another plugin, later allows or rejects it,
or its time runs out. Decisions are noted here and taken out by the core, so plugins stay pure.
Source of the texts: Kubernetes v1.36, pkg/scheduler/framework/runtime/waiting_pods_map.go.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from shoal.api.duration import format_duration
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.scheduler.state.pod_info import PodInfo


class WaitingPod:
    """One placed pod that plugins may allow or reject; the first rejection counts."""

    def __init__(
        self, pod: PodInfo, node_name: str, timeouts_s: Mapping[str, float], now: datetime
    ) -> None:
        self.pod = pod
        self.node_name = node_name
        self._timeouts_s = dict(timeouts_s)
        self._deadlines = {p: now + timedelta(seconds=s) for p, s in timeouts_s.items()}
        self._verdict: Status | None = None

    @property
    def pending_plugins(self) -> tuple[str, ...]:
        """Whose permission is still missing."""
        return tuple(self._deadlines)

    @property
    def deadline(self) -> datetime:
        """The earliest; only while a permission is missing."""
        return min(self._deadlines.values())

    def allow(self, plugin: str) -> None:
        """The last permission lets the pod be bound."""
        self._deadlines.pop(plugin, None)
        if not self._deadlines and self._verdict is None:
            self._verdict = SUCCESS

    def reject(self, plugin: str, message: str) -> None:
        if self._verdict is None:
            self._verdict = statuses.unschedulable(message).by(plugin)

    def preempt(self) -> None:
        """Its place is for a more important pod. No fault of the pod: it is tried again after a
        back-off, whatever happens."""
        if self._verdict is None:
            self._verdict = statuses.error("preempted")

    def verdict(self, now: datetime) -> Status | None:
        """None while the pod has to wait on; a deadline that passed rejects."""
        if self._verdict is None:
            for plugin, deadline in self._deadlines.items():
                if deadline <= now:
                    waited_s = self._timeouts_s[plugin]
                    self.reject(
                        plugin,
                        f"rejected due to timeout after waiting {format_duration(waited_s)}"
                        f" at plugin {plugin}",
                    )
                    break
        return self._verdict


class WaitingPods:
    """By uid, in the order in which they began to wait."""

    def __init__(self) -> None:
        self._pods: dict[str, WaitingPod] = {}

    def __iter__(self) -> Iterator[WaitingPod]:
        return iter(list(self._pods.values()))

    def __len__(self) -> int:
        return len(self._pods)

    def add(self, waiting: WaitingPod) -> None:
        self._pods[waiting.pod.uid] = waiting

    def get(self, uid: str) -> WaitingPod | None:
        return self._pods.get(uid)

    def remove(self, uid: str) -> WaitingPod | None:
        return self._pods.pop(uid, None)

    def next_deadline(self) -> datetime | None:
        """The earliest of all; None where nobody waits."""
        return min((each.deadline for each in self if each.pending_plugins), default=None)

"""A pod in the scheduling queue, with the history that decides when it is tried again."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shoal.base.backoff import Backoff
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.framework.signing import Signature
from shoal.scheduler.queueing.rooms import Room
from shoal.scheduler.state.pod_info import PodInfo

_NOBODY: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class QueuedPod:
    """Mutable; only the queue changes it, but for `renew`."""

    pod: PodInfo
    profile: Profile
    signature: Signature
    """Equal for pods that are judged alike."""
    first_queued_at: datetime
    queued_at: datetime
    """Latest entry: when it came, or when its latest attempt failed."""
    room: Room = Room.OUTSIDE
    attempts: int = 0
    unschedulable_count: int = 0
    """Attempts that plugins rejected."""
    error_count: int = 0
    """Attempts that failed otherwise, since the last rejection."""
    unschedulable_plugins: frozenset[str] = field(default=_NOBODY)
    """Who rejected the latest attempt."""
    pending_plugins: frozenset[str] = field(default=_NOBODY)
    """Who rejected it until something outside happens."""
    gated_by: str = ""
    """The PreEnqueue plugin that keeps it out; empty for none."""

    @property
    def sort_key(self) -> Any:
        """Lowest first, as the profile's QueueSort wants it."""
        return self.profile.points.queue_sort.sort_key(self)

    @property
    def order(self) -> Any:
        """As `sort_key`, and equal pods side by side where that leaves it open."""
        whole = self.signature.whole
        key, number = self.sort_key, -1 if whole is None else whole.number
        # Flat, because heaps compare orders all the time.
        return (*key, number) if isinstance(key, tuple) else (key, number)

    @property
    def rejectors(self) -> frozenset[str]:
        return self.unschedulable_plugins | self.pending_plugins

    def renew(self, pod: PodInfo) -> None:
        """A newer version of the pod."""
        self.pod = pod
        self.signature = self.profile.points.signer.sign(pod)

    def retry_at(self, backoff: Backoff) -> datetime:
        """When its back-off is over. Back-offs end on whole seconds, one after the last that
        counts, as in kube-scheduler, so that pods of one window return in order of priority."""
        failures = self.error_count or self.unschedulable_count
        if failures == 0:
            return self.queued_at
        ends_at = self.queued_at + timedelta(seconds=backoff.delay_s(failures))
        return ends_at.replace(microsecond=0) + timedelta(seconds=1)

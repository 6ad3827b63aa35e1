"""Who would have to leave a node for a pod, and where that costs least.

Importance orders the pods of a node; five criteria order the nodes. Source of both: Kubernetes
v1.36, pkg/scheduler/util (MoreImportantPod) and framework/preemption (pickOneNodeForPreemption).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shoal.scheduler.framework.status import unresolvable
from shoal.scheduler.state.pod_info import PodInfo

NOT_STARTED_US = 2**62
"""In place of a start: later than all."""
PRIORITY_OFFSET = 2**31
"""Makes every priority count as something in a sum."""

NO_VICTIMS = unresolvable("No preemption victims found for incoming pod")

_US_PER_S = 1_000_000


def started_us(pod: PodInfo) -> int:
    """When the pod began to run, in microseconds since 1970."""
    start_time = pod.object.status.start_time
    return NOT_STARTED_US if start_time is None else round(start_time.timestamp() * _US_PER_S)


def by_importance(pods: Iterable[PodInfo]) -> list[PodInfo]:
    """Most important first: by priority, then by how long they run. What is left goes by name, so
    that a run is reproducible."""
    return sorted(pods, key=lambda p: (-p.priority, started_us(p), p.namespace, p.name))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node on which the pod would find room."""

    row: int
    victims: tuple[PodInfo, ...]
    """At least one; most important first."""
    violation_count: int
    """Victims that a disruption budget protects."""

    @property
    def cost(self) -> tuple[int, ...]:
        """The lowest is chosen: fewest protected victims, lowest highest priority, lowest sum of
        priorities, fewest victims, latest start of the most important ones that run longest, first
        row."""
        victims = self.victims
        highest = victims[0].priority
        earliest_us = min(started_us(each) for each in victims if each.priority == highest)
        return (
            self.violation_count,
            highest,
            sum(each.priority + PRIORITY_OFFSET for each in victims),
            len(victims),
            -earliest_us,
            self.row,
        )

"""The scheduler in numbers: the pods that wait in each room of its queue."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shoal.scheduler.core import Scheduler
from shoal.scheduler.queueing.rooms import Room

# No cycle is under way while metrics are collected, so no pod is in flight.
_WAITING = (Room.ACTIVE, Room.BACKOFF, Room.UNSCHEDULABLE)


class SchedulerMetrics(Collector):
    """The name is kube-scheduler's, and so is its label `queue`: a room."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "scheduler_pending_pods",
            "Pods that wait for a node, by room; gated ones are unschedulable.",
            labels=["queue"],
        )
        counts = self._scheduler.statistics()
        for room in _WAITING:
            family.add_metric([room.value], counts[room])
        yield family

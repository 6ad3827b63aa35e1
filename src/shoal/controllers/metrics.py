"""Controllers in numbers: what waits in their queues. Names are client-go's."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shoal.controllers.runner import Controller


class WorkQueueMetrics(Collector):
    """`name` is the controller's."""

    def __init__(self, controllers: Sequence[Controller]) -> None:
        self._controllers = controllers

    def collect(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily(
            "workqueue_depth", "Keys that are ready for their turn.", labels=["name"]
        )
        adds = CounterMetricFamily(
            "workqueue_adds", "Keys that were added and did not wait already.", labels=["name"]
        )
        retries = CounterMetricFamily(
            "workqueue_retries", "Keys put back because reconciling them failed.", labels=["name"]
        )
        for controller in self._controllers:
            queue = controller.queue
            depth.add_metric([controller.name], len(queue))
            adds.add_metric([controller.name], queue.adds)
            retries.add_metric([controller.name], queue.retries)
        yield from (depth, adds, retries)

"""The numbers of the whole process, in Prometheus' text format.

Nothing is counted here: each part has a collector, which reads the part's state when a scraper
asks. Collectors and prometheus-client are imported at the first scrape, so that a start does not
pay for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shoal.apiserver.core import Core
from shoal.controllers.ploto.roster import Roster
from shoal.controllers.runner import Controller
from shoal.scheduler.core import Scheduler

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


@dataclass(frozen=True, slots=True)
class Parts:
    """What there is to measure, beside the process itself."""

    core: Core
    scheduler: Scheduler
    controllers: Sequence[Controller]
    roster: Roster


class Metrics:
    """Implements `apiserver.core.MetricsSource`; empty until the parts are there."""

    def __init__(self) -> None:
        self._parts: Parts | None = None
        self._registry: CollectorRegistry | None = None

    def show(self, parts: Parts) -> None:
        """The parts come up after the server that shows their numbers."""
        self._parts = parts

    def render(self) -> bytes:
        if self._parts is None:
            return b""
        from prometheus_client import generate_latest

        if self._registry is None:
            self._registry = _registry_of(self._parts)
        return generate_latest(self._registry)


def _registry_of(parts: Parts) -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry, ProcessCollector

    from shoal.apiserver.metrics import ApiServerMetrics
    from shoal.controllers.metrics import WorkQueueMetrics
    from shoal.controllers.ploto.metrics import ExecutorPoolMetrics
    from shoal.scheduler.gang_metrics import GangMetrics
    from shoal.scheduler.metrics import SchedulerMetrics

    registry = CollectorRegistry()
    for collector in (
        ApiServerMetrics(parts.core),
        SchedulerMetrics(parts.scheduler),
        GangMetrics(parts.scheduler),
        WorkQueueMetrics(parts.controllers),
        ExecutorPoolMetrics(parts.roster),
        ProcessCollector(registry=None),
    ):
        registry.register(collector)
    return registry

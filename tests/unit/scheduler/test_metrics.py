"""The scheduler in numbers, by room."""

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from shoal.scheduler.core import build_scheduler
from shoal.scheduler.events import PodAdded, Tick
from shoal.scheduler.metrics import SchedulerMetrics
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.testing.builders import make_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_waiting_pods_are_shown_by_room() -> None:
    scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
    registry = CollectorRegistry()
    registry.register(SchedulerMetrics(scheduler))

    def pending(room: str) -> float | None:
        return registry.get_sample_value("scheduler_pending_pods", {"queue": room})

    scheduler.handle(PodAdded(make_pod("nowhere-to-go").obj()), NOW)
    assert (pending("active"), pending("unschedulable")) == (1, 0)
    scheduler.handle(Tick(), NOW)
    assert (pending("active"), pending("unschedulable")) == (0, 1)
    assert pending("outside") is None

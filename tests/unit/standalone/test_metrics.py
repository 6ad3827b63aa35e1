"""The whole control plane in numbers."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from shoal.base.clock import VirtualClock
from shoal.client.workqueue import WorkQueue
from shoal.controllers.ploto.roster import Roster
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.standalone.metrics import Metrics, Parts
from shoal.testing.cluster import memory_cluster

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


def families(rendered: bytes) -> set[str]:
    """Names as they are scraped."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(rendered.decode())
    }


class Idle:
    async def reconcile(self, key: str) -> Result:
        return Result()


async def test_every_part_and_the_process_are_shown_and_described() -> None:
    metrics = Metrics()
    assert metrics.render() == b""
    async with memory_cluster() as cluster:
        controller = Controller("idle", Idle(), WorkQueue[str](VirtualClock()))
        scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
        metrics.show(Parts(cluster.core, scheduler, [controller], Roster()))
        names = families(metrics.render())
        assert families(metrics.render()) == names, "a second scrape shows what the first did"
    assert names >= {
        "apiserver_request_total",
        "process_resident_memory_bytes",
        "scheduler_pending_pods",
        "shoal_executors",
        "shoal_store_revision",
        "shoal_tasks",
        "workqueue_depth",
    }
    page = REFERENCE.read_text()
    assert [name for name in names if f"`{name}`" not in page] == []

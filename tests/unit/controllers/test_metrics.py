"""Controllers in numbers, by their names."""

from prometheus_client import CollectorRegistry

from shoal.base.clock import VirtualClock
from shoal.client.workqueue import WorkQueue
from shoal.controllers.metrics import WorkQueueMetrics
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller


class Idle:
    async def reconcile(self, key: str) -> Result:
        return Result()


async def test_each_controller_s_queue_is_shown_by_its_name() -> None:
    queue, other = WorkQueue[str](VirtualClock()), WorkQueue[str](VirtualClock())
    registry = CollectorRegistry()
    controllers = [Controller("tasks", Idle(), queue), Controller("pools", Idle(), other)]
    registry.register(WorkQueueMetrics(controllers))
    queue.add("a")
    queue.add("b")
    await queue.get()
    queue.retry("a")
    tasks = {"name": "tasks"}
    assert registry.get_sample_value("workqueue_depth", tasks) == 1
    assert registry.get_sample_value("workqueue_adds_total", tasks) == 2
    assert registry.get_sample_value("workqueue_retries_total", tasks) == 1
    assert registry.get_sample_value("workqueue_adds_total", {"name": "pools"}) == 0
    queue.close()

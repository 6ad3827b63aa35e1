"""Executor pools in numbers: tasks by phase, executors by standing, the size that is aimed at."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shoal.controllers.ploto.pool import PoolKey, pool_key_of
from shoal.controllers.ploto.pool_roster import Standing
from shoal.controllers.ploto.roster import Roster

_POOL = ["namespace", "pool", "pool_type"]


class ExecutorPoolMetrics(Collector):
    """Pools that tasks ask for are shown whether they exist or not."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def collect(self) -> Iterator[Metric]:
        yield self._tasks()
        executors = GaugeMetricFamily(
            "shoal_executors", "Executors of a pool, by standing.", labels=[*_POOL, "state"]
        )
        targets = GaugeMetricFamily(
            "shoal_executor_pool_target", "How many executors a pool shall have.", labels=_POOL
        )
        for pool in self._roster.pools():
            for standing in Standing:
                state = standing.value.lower()
                executors.add_metric([*_labels(pool.key), state], pool.count(standing))
            targets.add_metric(_labels(pool.key), pool.target)
        yield from (executors, targets)

    def _tasks(self) -> Metric:
        family = GaugeMetricFamily("shoal_tasks", "Tasks, by phase.", labels=[*_POOL, "phase"])
        counts = Counter((pool_key_of(task), task.phase) for task in self._roster.tasks())
        for (key, phase), count in counts.items():
            family.add_metric([*_labels(key), phase.value], count)
        return family


def _labels(key: PoolKey) -> list[str]:
    return [key.namespace, key.name, key.type]

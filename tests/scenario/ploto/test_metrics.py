"""Executor pools in numbers, while they work."""

from prometheus_client import CollectorRegistry

from shoal.controllers.ploto.metrics import ExecutorPoolMetrics


async def test_a_pool_shows_its_tasks_and_executors(pools) -> None:
    async with pools.controllers() as roster, pools.nodes():
        registry = CollectorRegistry()
        registry.register(ExecutorPoolMetrics(roster))
        pool = {"namespace": "default", "pool": "pool", "pool_type": "Dynamic"}
        await pools.make_pool()
        await pools.idle(2)
        assert registry.get_sample_value("shoal_executors", {**pool, "state": "idle"}) == 2
        assert registry.get_sample_value("shoal_executors", {**pool, "state": "busy"}) == 0
        assert registry.get_sample_value("shoal_executor_pool_target", pool) == 2
        await pools.make_task("first")
        await pools.make_task("nowhere", executorPool="elsewhere")

        async def is_completed() -> bool:
            return registry.get_sample_value("shoal_tasks", {**pool, "phase": "Completed"}) == 1

        await pools.eventually(is_completed)
        pending = {**pool, "pool": "elsewhere", "phase": "Pending"}
        assert registry.get_sample_value("shoal_tasks", pending) == 1

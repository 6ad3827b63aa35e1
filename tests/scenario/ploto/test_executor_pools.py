"""What a user of executor pools sees."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from shoal.api.meta import find_condition
from shoal.api.ploto import DYNAMIC_EXECUTOR_POOLS, FIXED_EXECUTOR_POOLS, TASKS
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject
from shoal.client.protocol import Client, DeleteOptions
from shoal.controllers.ploto.archive import FileArchive
from shoal.testing.executors import Outcome


class Gate:
    """Work that is done when the test says so."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.is_open = asyncio.Event()

    async def work(self, task: JsonObject) -> Outcome:
        self.started.append(task["name"])
        await self.is_open.wait()
        return Outcome.COMPLETE


class DeletionsSeen:
    """A client that remembers what grace pods were left."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.graces: dict[str, int | None] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def delete(
        self, resource: Any, name: str, namespace: str = "", options: Any = None
    ) -> Any:
        if resource is PODS:
            self.graces[name] = options.grace_period_s
        return await self._client.delete(resource, name, namespace, options or DeleteOptions())


async def test_tasks_complete_and_the_pool_keeps_its_size(any_pools) -> None:
    pools = any_pools
    await pools.make_pool()
    async with pools.controllers(), pools.nodes() as executors:
        for number in range(6):
            await pools.make_task(f"task-{number}")
        finished = await pools.finished()
        assert {task.status.phase for task in finished.values()} == {"Completed"}
        assert all(t.status.executor_pod_name.startswith("pool-") for t in finished.values())
        assert all(t.status.started_at and t.status.finished_at for t in finished.values())
        assert len(executors.runs) == 6
        await pools.idle(2)


async def test_a_pool_grows_with_the_work_and_comes_back_to_its_minimum(any_pools) -> None:
    pools, gate = any_pools, Gate()
    pools.work = gate.work
    await pools.make_pool()
    async with pools.controllers(), pools.nodes():
        for number in range(6):
            await pools.make_task(f"task-{number}")

        async def has_grown() -> bool:
            return len(gate.started) == 5

        await pools.eventually(has_grown)
        assert (await pools.events())["ScaledUp"].startswith("from 4 to 5 executors: ")
        gate.is_open.set()
        await pools.finished()
        await pools.idle(2)
        assert len(await pools.executor_pods()) == 2
        assert (await pools.events())["ScaledDown"].startswith("from ")


async def test_a_task_whose_executor_dies_fails_and_the_executor_is_replaced(any_pools) -> None:
    pools = any_pools
    await pools.make_pool()
    async with pools.controllers(), pools.nodes() as executors:
        await pools.make_task("crash", para="crash")
        task = await pools.reaches("crash", "Failed")
        assert task.status.failed_time == 1
        assert len(executors.runs) == 1
        await pools.idle(2)
        assert task.status.executor_pod_name not in await pools.executor_pods()
        assert "exited with code 1" in (await pools.events())["ExecutorDied"]


async def test_a_reentrant_task_runs_again_as_often_as_its_retry_limit(any_pools) -> None:
    pools = any_pools
    await pools.make_pool()
    async with pools.controllers(), pools.nodes() as executors:
        await pools.make_task("crash", para="crash", reentrant=True)
        task = await pools.reaches("crash", "Failed")
        assert task.status.failed_time == 4
        assert len(executors.runs) == 4
        assert len({pod for pod, _ in executors.runs}) == 4


async def test_a_reentrant_task_that_survives_is_completed(any_pools) -> None:
    pools = any_pools

    async def crash_once(task: JsonObject) -> Outcome:
        return Outcome.CRASH if task["attempt"] == 1 else Outcome.COMPLETE

    pools.work = crash_once
    await pools.make_pool()
    async with pools.controllers(), pools.nodes():
        await pools.make_task("again", reentrant=True)
        task = await pools.reaches("again", "Completed")
        assert task.status.failed_time == 1


async def test_higher_priority_goes_first_then_the_older(pools) -> None:
    gate = Gate()
    pools.work = gate.work
    await pools.make_pool(minExecutor=1, initialExecutor=1, maxExecutor=1)
    async with pools.controllers(), pools.nodes():
        await pools.make_task("first")
        await pools.reaches("first", "Running")
        for name, priority in (("old", 0), ("young", 0), ("low", -1), ("high", 1)):
            await pools.make_task(name, priority=priority)
            await pools.clock.advance(1.0)
        gate.is_open.set()
        await pools.finished()
        assert gate.started == ["first", "high", "old", "young", "low"]


async def test_status_says_why_a_task_waits_and_how_it_ended(pools) -> None:
    async def fail(task: JsonObject) -> Outcome:
        return Outcome.FAIL

    pools.work = fail
    async with pools.controllers():
        await pools.make_task("early")
        task = await pools.reaches("early", "Pending")
        condition = find_condition(task.status.conditions, "Assigned")
        assert condition is not None
        assert (condition.status, condition.reason) == ("False", "PoolNotFound")

        await pools.make_pool()

        async def is_told() -> bool:
            task = await pools.task("early")
            assigned = find_condition(task.status.conditions, "Assigned")
            return assigned is not None and assigned.reason == "ExecutorsNotReady"

        await pools.eventually(is_told)
        async with pools.nodes():
            task = await pools.reaches("early", "Failed")
            finished = find_condition(task.status.conditions, "Finished")
            assert finished is not None and finished.reason == "Failed"


async def test_only_idle_executors_are_removed(pools) -> None:
    gate = Gate()
    pools.work = gate.work
    await pools.make_pool(initialExecutor=4, minExecutor=1, webhook={"url": "http://hook/"})
    async with pools.controllers(), pools.nodes():
        await pools.idle(4)
        await pools.make_task("long")
        task = await pools.reaches("long", "Running")
        pools.adviser.answer = 0

        async def has_shrunk() -> bool:
            return list(await pools.executor_pods()) == [task.status.executor_pod_name]

        await pools.eventually(has_shrunk)
        gate.is_open.set()
        await pools.reaches("long", "Completed")


async def test_a_webhook_sets_the_size_within_bounds_and_its_failure_keeps_it(pools) -> None:
    await pools.make_pool(scalePeriodSeconds=3, webhook={"url": "http://hook/"})
    async with pools.controllers(), pools.nodes():
        await pools.idle(2)
        pools.adviser.answer = 40
        await pools.idle(5)
        assert (await pools.events())["ScaledUp"] == "from 2 to 5 executors: the webhook wants 40"
        pools.adviser.answer = None

        async def is_warned() -> bool:
            return "ScaleWebhookFailed" in await pools.events()

        await pools.eventually(is_warned)
        await pools.idle(5)
        question = pools.adviser.questions[-1]
        assert (question.total_executor, question.period_seconds) == (5, 3)


async def test_a_new_template_replaces_idle_executors_at_once_and_busy_ones_later(pools) -> None:
    gate = Gate()
    pools.work = gate.work
    await pools.make_pool()
    async with pools.controllers(), pools.nodes():
        await pools.idle(2)
        await pools.make_task("long")
        busy = (await pools.reaches("long", "Running")).status.executor_pod_name
        idle = (set(await pools.executor_pods()) - {busy}).pop()
        changes = {"spec": {"container": {"name": "work", "image": "work:2"}}}
        await pools.client.patch(DYNAMIC_EXECUTOR_POOLS, "pool", changes, "default")

        async def images() -> dict[str, str]:
            pods = await pools.executor_pods()
            return {name: pod.spec.containers[0].image for name, pod in pods.items()}

        async def is_idle_replaced() -> bool:
            now = await images()
            return idle not in now and sorted(now.values()) == ["work", "work:2"]

        await pools.eventually(is_idle_replaced)
        assert busy in await images()
        gate.is_open.set()

        async def are_all_replaced() -> bool:
            return list((await images()).values()) == ["work:2", "work:2"]

        await pools.eventually(are_all_replaced)
        assert (await pools.task("long")).status.phase == "Completed"


async def test_a_controller_that_starts_anew_takes_up_where_the_last_one_was(any_pools) -> None:
    pools, gate = any_pools, Gate()
    pools.work = gate.work
    await pools.make_pool()
    async with pools.nodes() as executors:
        async with pools.controllers():
            await pools.idle(2)
            for number in range(4):
                await pools.make_task(f"task-{number}")

            async def are_two_started() -> bool:
                return len(gate.started) == 2

            await pools.eventually(are_two_started)
        gate.is_open.set()
        async with pools.controllers():
            finished = await pools.finished()
        assert {task.status.phase for task in finished.values()} == {"Completed"}
        tasks_run = [task for _, task in executors.runs]
        assert len(tasks_run) == len(set(tasks_run)) == 4


async def test_a_task_whose_executor_was_not_told_is_delivered_after_a_restart(pools) -> None:
    await pools.make_pool()
    async with pools.nodes():
        async with pools.controllers():
            await pools.idle(2)
        pod = next(iter((await pools.executor_pods()).values()))
        await pools.make_task("half")
        # What a controller leaves that dies between its two writes.
        status = {"phase": "Running", "executorPodName": pod.metadata.name, "failedTime": 0}
        await pools.client.patch(TASKS, "half", {"status": status}, "default", subresource="status")
        async with pools.controllers():
            await pools.reaches("half", "Completed")


async def test_a_task_whose_executor_vanished_while_nobody_looked_fails(pools) -> None:
    gate = Gate()
    pools.work = gate.work
    await pools.make_pool()
    async with pools.nodes():
        async with pools.controllers():
            await pools.make_task("long")
            task = await pools.reaches("long", "Running")
        await pools.client.delete(PODS, task.status.executor_pod_name, "default")
        async with pools.controllers():
            task = await pools.reaches("long", "Failed")
            assert task.status.message.endswith("its pod is gone")


async def test_deleting_a_running_task_ends_its_executor_at_once(pools) -> None:
    gate = Gate()
    pools.work = gate.work
    pools.client = DeletionsSeen(pools.client)
    await pools.make_pool()
    async with pools.controllers(), pools.nodes():
        await pools.make_task("unwanted")
        task = await pools.reaches("unwanted", "Running")
        await pools.client.delete(TASKS, "unwanted", "default")
        await pools.idle(2)
        assert task.status.executor_pod_name not in await pools.executor_pods()
        # Not the 30 s in which a container may finish a task that is still wanted.
        assert pools.client.graces == {task.status.executor_pod_name: 1}


async def test_finished_tasks_go_through_the_archive_when_their_time_is_over(
    pools, tmp_path: Path
) -> None:
    path = tmp_path / "archive.jsonl"
    pools.archive = FileArchive(path)
    await pools.make_pool()
    async with pools.controllers(), pools.nodes():
        await pools.make_task("short", ttlSecondsAfterFinished=30)
        await pools.make_task("other", ttlSecondsAfterFinished=10_000)
        await pools.finished()

        async def is_gone() -> bool:
            return set(await pools.tasks()) == {"other"}

        await pools.eventually(is_gone)
        (line,) = path.read_bytes().splitlines()
        archived = msgspec.json.decode(line)
        assert archived["metadata"]["name"] == "short"
        assert archived["status"]["phase"] == "Completed"


async def test_a_fixed_pool_keeps_its_number_of_executors(any_pools) -> None:
    pools = any_pools
    container = {"name": "work", "image": "work"}
    body = {
        "apiVersion": "ploto.io/v1",
        "kind": "FixedExecutorPool",
        "metadata": {"name": "fixed"},
        "spec": {"executor": 3, "container": container},
    }
    await pools.client.create(FIXED_EXECUTOR_POOLS, body, "default")
    async with pools.controllers(), pools.nodes():
        for number in range(5):
            await pools.make_task(f"t-{number}", executorPool="fixed", executorPoolType="Fixed")
        await pools.finished()

        async def are_idle(count: int) -> bool:
            pool = await pools.client.get(FIXED_EXECUTOR_POOLS, "fixed", "default")
            return pool.status.available_executor == count

        await pools.eventually(lambda: are_idle(3))
        changes = {"spec": {"executor": 1}}
        await pools.client.patch(FIXED_EXECUTOR_POOLS, "fixed", changes, "default")
        await pools.eventually(lambda: are_idle(1))


async def test_executors_that_cannot_start_are_replaced_ever_more_slowly(pools) -> None:
    await pools.make_pool(minExecutor=1, initialExecutor=1)
    async with pools.controllers():
        seen: set[str] = set()
        for _ in range(60):
            for name, pod in (await pools.executor_pods()).items():
                if not pod.is_finished:
                    seen.add(name)
                    status = {"phase": "Failed", "reason": "Evicted", "message": "no room"}
                    await pools.client.patch(
                        PODS, name, {"status": status}, "default", subresource="status"
                    )
            await pools.clock.advance(1.0)
        # At once, then after 1, 2, 4, 8, 16 and 32 seconds.
        assert 5 <= len(seen) <= 8
        assert (await pools.events())["ExecutorDied"].endswith("died: no room")

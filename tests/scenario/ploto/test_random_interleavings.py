"""Late answers, crashes, restarts at any moment: each task runs as often as it may, no more."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from shoal.api.ploto import TASKS, Task
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client, ConnectionFailed, WatchEvent
from shoal.testing.executors import Outcome

TASKS_TOTAL = 40


class Occupancy:
    """Watches the tasks as the server has them: which run, and on which executor."""

    def __init__(self) -> None:
        self._running: dict[str, str] = {}
        self.doubles: list[str] = []

    def on_task(self, old: Task | None, new: Task | None) -> None:
        task = new or old
        assert task is not None
        self._running.pop(task.metadata.uid, None)
        if new is None or new.status.phase != "Running":
            return
        if new.status.executor_pod_name in self._running.values():
            self.doubles.append(new.status.executor_pod_name)
        self._running[new.metadata.uid] = new.status.executor_pod_name


class UnevenClient:
    """A client whose calls take a random number of turns, there and back; now and then an answer
    is lost although the call was carried out, and watch events come late."""

    def __init__(self, client: Client, rng: random.Random) -> None:
        self._client = client
        self._rng = rng

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def _turns(self) -> None:
        for _ in range(self._rng.randrange(8)):
            await asyncio.sleep(0)

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        await self._turns()
        answer = await getattr(self._client, name)(*args, **kwargs)
        await self._turns()
        if name in {"patch", "delete", "create"} and self._rng.random() < 0.02:
            raise ConnectionFailed("the answer was lost")
        return answer

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call("get", *args, **kwargs)

    async def create(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call("create", *args, **kwargs)

    async def patch(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call("patch", *args, **kwargs)

    async def delete(self, *args: Any, **kwargs: Any) -> Any:
        return await self._call("delete", *args, **kwargs)

    def watch(
        self, *args: Any, **kwargs: Any
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent[Any]]]:
        return self._late_watch(*args, **kwargs)

    @asynccontextmanager
    async def _late_watch(
        self, *args: Any, **kwargs: Any
    ) -> AsyncIterator[AsyncIterator[WatchEvent[Any]]]:
        async with self._client.watch(*args, **kwargs) as events:

            async def late() -> AsyncIterator[WatchEvent[Any]]:
                async for event in events:
                    await self._turns()
                    yield event

            yield late()


@pytest.mark.parametrize("seed", range(8))
async def test_no_task_runs_more_often_than_it_may(any_pools, seed: int, tmp_path: Path) -> None:
    pools, rng = any_pools, random.Random(seed)
    occupancy, informers = Occupancy(), InformerSet(pools.client, pools.clock, rng)
    informers.informer(TASKS).add_handler(occupancy.on_task)
    watching = asyncio.create_task(informers.run())
    pools.client = UnevenClient(pools.client, rng)
    at_work: Counter[str] = Counter()
    most_at_work: Counter[str] = Counter()

    async def work(task: JsonObject) -> Outcome:
        at_work[task["uid"]] += 1
        most_at_work[task["uid"]] = max(most_at_work[task["uid"]], at_work[task["uid"]])
        try:
            for _ in range(rng.randrange(20)):
                await asyncio.sleep(0)
        finally:
            at_work[task["uid"]] -= 1
        chance = rng.random()
        if chance < 0.1:
            return Outcome.CRASH
        return Outcome.FAIL if chance < 0.2 else Outcome.COMPLETE

    pools.work = work
    await retried(lambda: pools.make_pool(minExecutor=3, initialExecutor=3, maxExecutor=6))
    async with pools.nodes() as executors:
        for number in range(TASKS_TOTAL):
            is_reentrant = number % 2 == 0
            await retried(lambda n=number, r=is_reentrant: pools.make_task(f"t-{n}", reentrant=r))
        for _ in range(4):
            async with pools.controllers():
                for _ in range(rng.randrange(200)):
                    await asyncio.sleep(0)
        async with pools.controllers():
            finished = await pools.finished()
            await pools.idle(3)

    watching.cancel()
    assert occupancy.doubles == []
    assert set(most_at_work.values()) == {1}, "a task was at work on two executors"
    runs = Counter(task for _, task in executors.runs)
    assert len(finished) == TASKS_TOTAL
    for task in finished.values():
        count = runs[task.metadata.uid]
        assert count == task.status.failed_time + (0 if died_last(task) else 1)
        assert count <= (4 if task.spec.reentrant else 1)


def died_last(task: Any) -> bool:
    """Its last run ended by the death of its executor."""
    limit = 3 if task.spec.reentrant else 0
    return task.status.phase == "Failed" and task.status.failed_time == limit + 1


async def retried(call: Any) -> None:
    """What a user does whose connection failed."""
    while True:
        try:
            await call()
            return
        except ConnectionFailed:
            continue
        except ApiError as error:
            assert error.is_already_exists
            return

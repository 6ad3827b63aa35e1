"""Executor pools end to end, in memory: the real API handlers, controllers and sidecars."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from shoal.api.crds import all_crds
from shoal.api.ploto import DYNAMIC_EXECUTOR_POOLS, TASKS, DynamicExecutorPool, Task, Webhook
from shoal.api.ploto_scaling import ScaleQuestion
from shoal.api.resource import JsonObject
from shoal.base.clock import SystemClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.ploto.controller import PlotoOptions, ploto_controllers
from shoal.controllers.ploto.roster import Roster
from shoal.controllers.ploto.webhook import WebhookFailed
from shoal.testing.cluster import memory_cluster
from shoal.testing.executors import FakeExecutors, Work, complete


class ScriptedAdviser:
    """Answers what it is told to; None fails."""

    def __init__(self) -> None:
        self.answer: int | None = None
        self.questions: list[ScaleQuestion] = []

    async def advise(self, webhook: Webhook, question: ScaleQuestion) -> int:
        self.questions.append(question)
        if self.answer is None:
            raise WebhookFailed("no answer within 10 s")
        return self.answer


@dataclass
class Pools:
    client: Client
    adviser: ScriptedAdviser
    directory: Path
    work: Work = complete
    executors: FakeExecutors | None = None

    @asynccontextmanager
    async def controllers(self) -> AsyncIterator[Roster]:
        """One life of the controller process."""
        clock = SystemClock()
        informers = InformerSet(self.client, clock, random.Random(0))
        recorder = EventRecorder(self.client, "ploto-controller", clock)
        roster = Roster()
        options = PlotoOptions(sidecar_image="sidecar:1")
        controllers = ploto_controllers(
            self.client, informers, recorder, self.adviser, clock, options, roster
        )
        running = [asyncio.create_task(informers.run()), asyncio.create_task(recorder.run())]
        await informers.wait_synced()
        running += [asyncio.create_task(controller.run()) for controller in controllers]
        try:
            yield roster
        finally:
            await cancel(running)

    @asynccontextmanager
    async def nodes(self) -> AsyncIterator[FakeExecutors]:
        """What makes pods run."""
        clock = SystemClock()
        informers = InformerSet(self.client, clock, random.Random(0))
        executors = FakeExecutors(self.client, informers, clock, self.directory, self.work)
        running = [asyncio.create_task(informers.run()), asyncio.create_task(executors.run())]
        try:
            yield executors
        finally:
            await cancel(running)

    async def make_pool(self, name: str = "pool", **spec: object) -> DynamicExecutorPool:
        fields: JsonObject = {"minExecutor": 2, "maxExecutor": 5, "initialExecutor": 2}
        fields |= {"container": {"name": "work", "image": "work"}, **spec}
        body = {
            "apiVersion": "ploto.io/v1",
            "kind": "DynamicExecutorPool",
            "metadata": {"name": name},
            "spec": fields,
        }
        return await self.client.create(DYNAMIC_EXECUTOR_POOLS, body, "default")

    async def make_task(self, name: str, **spec: object) -> Task:
        fields = {"executorPool": "pool", "executorPoolType": "Dynamic", **spec}
        body = {
            "apiVersion": "ploto.io/v1",
            "kind": "Task",
            "metadata": {"name": name},
            "spec": fields,
        }
        return await self.client.create(TASKS, body, "default")

    async def tasks(self) -> dict[str, Task]:
        page = await self.client.list(TASKS, "default")
        return {task.metadata.name: task for task in page.items}

    async def finished(self) -> dict[str, Task]:
        """Wait until every task is in a final phase."""

        async def are_final() -> bool:
            return all(task.phase.is_final for task in (await self.tasks()).values())

        await until(are_final)
        return await self.tasks()


async def cancel(running: list[asyncio.Task[None]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def until(is_so: Callable[[], Awaitable[bool]], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not await is_so():
            await asyncio.sleep(0.01)


@pytest.fixture
async def pools(tmp_path: Path) -> AsyncIterator[Pools]:
    async with memory_cluster(crds=all_crds()) as cluster:
        yield Pools(cluster.client, ScriptedAdviser(), tmp_path)

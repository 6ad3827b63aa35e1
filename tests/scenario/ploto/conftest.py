"""Executor pools end to end, in memory: the real API handlers, controllers and sidecars."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from shoal.api.core import EVENTS
from shoal.api.crds import all_crds
from shoal.api.ploto import DYNAMIC_EXECUTOR_POOLS, TASKS, DynamicExecutorPool, Task, Webhook
from shoal.api.ploto_scaling import ScaleQuestion
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject, Resource
from shoal.base.clock import VirtualClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.ploto.archive import ArchiveSink
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
    clock: VirtualClock
    adviser: ScriptedAdviser
    directory: Path
    work: Work = complete
    archive: ArchiveSink | None = None

    @asynccontextmanager
    async def controllers(self) -> AsyncIterator[Roster]:
        """One life of the controller process."""
        clock = self.clock
        informers = InformerSet(self.client, clock, random.Random(0))
        recorder = EventRecorder(self.client, "ploto-controller", clock)
        roster = Roster()
        options = PlotoOptions(sidecar_image="sidecar:1", archive=self.archive)
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
        clock = self.clock
        informers = InformerSet(self.client, clock, random.Random(0))
        executors = FakeExecutors(self.client, informers, clock, self.directory, self.work)
        running = [asyncio.create_task(informers.run()), asyncio.create_task(executors.run())]
        try:
            yield executors
        finally:
            await cancel(running)

    async def make_pool(self, name: str = "pool", **spec: object) -> DynamicExecutorPool:
        """Two executors at least and at first, five at most."""
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

    async def pool(self, name: str = "pool") -> DynamicExecutorPool:
        return await self.client.get(DYNAMIC_EXECUTOR_POOLS, name, "default")

    async def task(self, name: str) -> Task:
        return await self.client.get(TASKS, name, "default")

    async def executor_pods(self) -> dict[str, Pod]:
        page = await self.client.list(PODS, "default", label_selector="ploto.io/pool")
        return {pod.metadata.name: pod for pod in page.items}

    async def events(self, name: str = "pool") -> dict[str, str]:
        """The newest message by reason."""
        page = await self.client.list(EVENTS, "default")
        mine = [e for e in page.items if e.involved_object.name == name]
        return {event.reason: event.message for event in mine}

    async def eventually(self, is_so: Callable[[], Awaitable[bool]]) -> None:
        """Wait while time passes by the second, at most ten minutes of it."""
        for _ in range(600):
            for _ in range(20):
                if await is_so():
                    return
                # Sidecars and containers meet in real files: let the kernel tell them.
                await asyncio.sleep(0.001)
            await self.clock.advance(1.0)
        raise AssertionError("it has not come about in ten minutes")

    async def idle(self, count: int, name: str = "pool") -> None:
        """Wait until the pool's status shows so many idle executors, and no other."""

        async def is_idle() -> bool:
            status = (await self.pool(name)).status
            return (status.total_executor, status.available_executor) == (count, count)

        await self.eventually(is_idle)

    async def reaches(self, name: str, phase: str) -> Task:
        async def has_phase() -> bool:
            return (await self.task(name)).status.phase == phase

        await self.eventually(has_phase)
        return await self.task(name)

    async def tasks(self) -> dict[str, Task]:
        page = await self.client.list(TASKS, "default")
        return {task.metadata.name: task for task in page.items}

    async def finished(self) -> dict[str, Task]:
        """Wait until every task is in a final phase."""

        async def are_final() -> bool:
            return all(task.phase.is_final for task in (await self.tasks()).values())

        await self.eventually(are_final)
        return await self.tasks()


async def cancel(running: list[asyncio.Task[None]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


PLOTO_CRDS = Path(__file__).parents[3] / "examples" / "ploto-quickstart" / "crds"


def plotos_own_crds() -> list[JsonObject]:
    return [yaml.safe_load(path.read_text()) for path in sorted(PLOTO_CRDS.iterdir())]


async def apply_over_ours(client: Client) -> None:
    """What `kubectl apply -f` of Ploto's definitions leaves: merged into those of ours, lists
    replaced."""
    for crd in plotos_own_crds():
        await client.patch(CRDS, crd["metadata"]["name"], crd)


CRDS: Resource[JsonObject] = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    JsonObject,
    namespaced=False,
)


@asynccontextmanager
async def open_pools(directory: Path) -> AsyncIterator[Pools]:
    clock = VirtualClock()
    async with memory_cluster(crds=all_crds(), clock=clock) as cluster:
        yield Pools(cluster.client, clock, ScriptedAdviser(), directory)


@pytest.fixture
async def pools(tmp_path: Path) -> AsyncIterator[Pools]:
    async with open_pools(tmp_path) as pools:
        yield pools


@pytest.fixture
async def plotos_pools(tmp_path: Path) -> AsyncIterator[Pools]:
    async with open_pools(tmp_path) as pools:
        await apply_over_ours(pools.client)
        yield pools


@pytest.fixture(params=["shoal", "ploto"])
async def any_pools(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pools]:
    """Also with Ploto's own definitions, which drop the fields that are not Ploto's."""
    async with open_pools(tmp_path) as pools:
        if request.param == "ploto":
            await apply_over_ours(pools.client)
        yield pools

"""How soon gangs have their nodes in a whole control plane: all of it in this process.

    clients ──> API server on SQLite, every write synced <──> scheduler, Volcano controllers

Nodes are objects only, so that nothing runs. Clients, scheduler and controllers go through the
server's local client, as the parts of `shoal up` do. The clock runs from the first create to the
last binding that a watch has shown.
"""

import asyncio
import gc
import random
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from pathlib import Path

import msgspec

from shoal.api.crds import all_crds
from shoal.api.node import NODES
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.volcano.job import JOBS
from shoal.api.volcano.keys import GROUP_NAME, JOB_NAME
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.base.clock import SystemClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.volcano.family import VolcanoControllers
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.loop import SchedulerLoop
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.store.protocol import Encoder, Entry
from shoal.store.sqlite import SqliteStore
from shoal.testing.cluster import memory_cluster
from shoal.testing.gang_load import (
    NAMESPACE,
    GangLoad,
    GangsMeasured,
    Watcher,
    Way,
    job,
    members,
    pod_group,
)
from shoal.testing.scheduling_load import Report, make_nodes

_CLIENTS = 16
_PERIOD_S = 0.005
"""Between two looks at what is bound."""
_STUCK_S = 30.0
"""Without another binding for so long, the rest does not fit."""
_NEW_OBJECTS = 10_000
"""Before a search for cyclic garbage, as `shoal up` has it."""


def measure_through_api(
    load: GangLoad, way: Way, report: Report = lambda text: None
) -> GangsMeasured:
    """`way`: API or JOBS. Everything is gone afterwards. Gangs that do not fit are waited for
    until nothing has been bound for half a minute."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(load, way, report, Path(folder)))


async def _measure(load: GangLoad, way: Way, report: Report, folder: Path) -> GangsMeasured:
    clock = SystemClock()
    store = await CountingStore.open(folder / "store.db", clock=clock)
    async with memory_cluster(clock=clock, store=store, crds=all_crds()) as cluster:
        report("making nodes")
        await _create_nodes(cluster.client, load.nodes)
        async with _scheduled(cluster.client, clock) as informers:
            with searching_seldom():
                store.writes.clear()
                watcher = Watcher(load)
                _follow_pods(informers, watcher)
                creating = asyncio.gather(
                    *(
                        _create(cluster.client, load, way, first, watcher)
                        for first in range(_CLIENTS)
                    )
                )
                await _all_bound(load, watcher, report)
                await creating
                return watcher.measured(way, store.writes)


class CountingStore(SqliteStore):
    """Knows how many writes there were, by verb and collection."""

    @cached_property
    def writes(self) -> Counter[str]:
        return Counter()

    async def create(self, key: str, encode: Encoder) -> Entry:
        self._count("create", key)
        return await super().create(key, encode)

    async def update(self, key: str, encode: Encoder, *, expected: int) -> Entry:
        self._count("update", key)
        return await super().update(key, encode, expected=expected)

    async def delete(self, key: str, encode: Encoder, *, expected: int) -> Entry:
        self._count("delete", key)
        return await super().delete(key, encode, expected=expected)

    def _count(self, verb: str, key: str) -> None:
        self.writes[f"{verb} {key.partition('/')[0]}"] += 1


@contextmanager
def searching_seldom() -> Generator[None]:
    """Cyclic garbage is searched for as in a running control plane."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@asynccontextmanager
async def _scheduled(client: Client, clock: SystemClock) -> AsyncGenerator[InformerSet]:
    """The scheduler and the Volcano controllers at work; they know all nodes and queues."""
    informers = InformerSet(client, clock, random.Random(0))
    recorders: list[EventRecorder] = []

    def recorder_of(component: str) -> EventRecorder:
        recorders.append(EventRecorder(client, component, clock))
        return recorders[-1]

    scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
    loop = SchedulerLoop(scheduler, client, informers, recorder_of("default-scheduler"), clock)
    controllers = VolcanoControllers(client, informers, recorder_of, clock)
    services = [informers, loop, controllers, *recorders]
    tasks = [asyncio.create_task(each.run()) for each in services]
    try:
        await informers.wait_synced()
        while not scheduler.gangs.book.queues():
            await asyncio.sleep(_PERIOD_S)
        yield informers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _follow_pods(informers: InformerSet, watcher: Watcher) -> None:
    def note(before: Pod | None, after: Pod | None) -> None:
        if after is None or not after.spec.node_name or (before and before.spec.node_name):
            return
        annotations = after.metadata.annotations
        watcher.note_bound(annotations.get(JOB_NAME) or annotations.get(GROUP_NAME, ""))

    informers.informer(PODS).add_handler(note)


async def _create_nodes(client: Client, count: int) -> None:
    for node in make_nodes(count):
        manifest: JsonObject = msgspec.to_builtins(node)
        del manifest["metadata"]["uid"]
        await client.create(NODES, manifest)


async def _create(client: Client, load: GangLoad, way: Way, first: int, watcher: Watcher) -> None:
    """What one of the clients does, gang after gang."""
    for number in range(first, load.gangs, _CLIENTS):
        group = pod_group(load, number)
        watcher.created(group["metadata"]["name"])
        if way is Way.JOBS:
            await client.create(JOBS, job(load, number), NAMESPACE)
            continue
        await client.create(POD_GROUPS, group, NAMESPACE)
        for pod in members(load, number):
            await client.create(PODS, pod, NAMESPACE)


async def _all_bound(load: GangLoad, watcher: Watcher, report: Report) -> None:
    bound, since_s = 0, watcher.now_s
    while not watcher.is_done:
        await asyncio.sleep(_PERIOD_S)
        if watcher.bound > bound:
            bound, since_s = watcher.bound, watcher.now_s
            report(f"{bound} of {load.pods} pods bound")
        elif watcher.now_s - since_s > _STUCK_S:
            return

"""Pods a second through everything: API server on SQLite, watches, scheduler, bindings, events.

Nodes are objects only. The clock runs from the first create of a pod to the last binding that the
store has kept, as in kube-scheduler's own end-to-end figures; creates go on at the same time.
"""

import asyncio
import random
import tempfile
import time
from pathlib import Path

from shoal.api.node import NODES
from shoal.api.pod import PODS, Pod
from shoal.apiserver.local import LocalClient
from shoal.base.clock import SystemClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.loop import SchedulerLoop
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.testing.builders import make_node, make_pod
from tests.bench.embedded import embedded_client

_CREATORS = 16
_PODS = 5_000


async def end_to_end() -> dict[str, float]:
    """5,000 pods onto 1,000 and onto 5,000 nodes."""
    return {
        f"pods_per_s_{nodes}_nodes": round(await _pods_per_s(nodes), 1) for nodes in (1_000, 5_000)
    }


async def _pods_per_s(nodes: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        async with embedded_client(Path(folder)) as client:
            await _create_nodes(client, nodes)
            tasks, all_bound = _start_scheduler(client)
            try:
                # Everybody has heard of all nodes once one pod is bound.
                await _create_pods(client, ["first"])
                await _bound(all_bound, 1)
                begun_s = time.perf_counter()
                names = [f"pod-{number}" for number in range(_PODS)]
                await asyncio.gather(
                    *(_create_pods(client, names[i::_CREATORS]) for i in range(_CREATORS))
                )
                await _bound(all_bound, _PODS + 1)
                return _PODS / (time.perf_counter() - begun_s)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


def _start_scheduler(client: LocalClient) -> tuple[list[asyncio.Task[None]], set[str]]:
    """The service, and the names of pods that the API server says are bound."""
    clock = SystemClock()
    informers = InformerSet(client, clock, random.Random(0))
    recorder = EventRecorder(client, "default-scheduler", clock)
    scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
    loop = SchedulerLoop(scheduler, client, informers, recorder, clock)
    bound: set[str] = set()

    def note(before: Pod | None, after: Pod | None) -> None:
        if after is not None and after.spec.node_name:
            bound.add(after.metadata.name)

    informers.informer(PODS).add_handler(note)
    return [asyncio.create_task(each.run()) for each in (informers, recorder, loop)], bound


async def _create_nodes(client: LocalClient, count: int) -> None:
    for number in range(count):
        node = (
            make_node(f"node-{number}").capacity(cpu="32", memory="128Gi").zone(f"z{number % 10}")
        )
        manifest = node.zone(f"zone-{number % 10}").manifest()
        del manifest["metadata"]["uid"]
        await client.create(NODES, manifest)


async def _create_pods(client: LocalClient, names: list[str]) -> None:
    for name in names:
        manifest = make_pod(name).req(cpu="100m", memory="500Mi").manifest()
        del manifest["metadata"]["uid"]
        await client.create(PODS, manifest, "default")


async def _bound(names: set[str], count: int) -> None:
    while len(names) < count:
        await asyncio.sleep(0.005)

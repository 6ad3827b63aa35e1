"""Volumes are written before their pods are bound, and bindings wait for the volume controller."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from shoal.api.meta import find_condition
from shoal.api.node import NODES
from shoal.api.pod import PODS, Pod
from shoal.api.storage import (
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    CLAIMS,
    PERSISTENT_VOLUMES,
    STORAGE_CLASSES,
    PersistentVolume,
)
from shoal.base.clock import VirtualClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.loop import SchedulerLoop
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.cluster import memory_cluster
from tests.volumes import LOCAL_CLASS, claim, volume
from tests.waiting import eventually

LOCAL = {"path": "/data"}


@dataclass
class Bench:
    """A scheduler on a cluster with the nodes n0 and n1, in virtual time."""

    client: Client
    clock: VirtualClock

    async def add_pod(self, pod: PodBuilder) -> None:
        manifest = pod.container().manifest()
        del manifest["metadata"]["uid"]
        await self.client.create(PODS, manifest, "default")

    async def add_volume(self, name: str, node: str) -> None:
        manifest = volume(name, node, local=LOCAL)
        manifest["metadata"] = {"name": name}
        await self.client.create(PERSISTENT_VOLUMES, manifest)
        available = {"status": {"phase": "Available"}}
        await self.client.patch(PERSISTENT_VOLUMES, name, available, subresource="status")

    async def add_claim(self, name: str) -> None:
        manifest = claim(name)
        manifest["metadata"] = {"name": name}
        await self.client.create(CLAIMS, manifest, "default")

    async def complete(self, name: str, volume_name: str) -> None:
        """What the volume controller does with a volume that names a claim."""
        metadata = {"annotations": {BIND_COMPLETED: "yes"}}
        patch = {"metadata": metadata, "spec": {"volumeName": volume_name}}
        await self.client.patch(CLAIMS, name, patch, "default")

    async def pod(self, name: str) -> Pod:
        return await self.client.get(PODS, name, "default")

    async def placed(self, name: str) -> Pod | None:
        pod = await self.pod(name)
        return pod if pod.spec.node_name else None

    async def claimed(self, name: str) -> PersistentVolume | None:
        found = await self.client.get(PERSISTENT_VOLUMES, name)
        return found if found.spec.claim_ref else None

    async def later(self, name: str) -> Pod | None:
        """The pod once it is placed; a second passes with each look."""
        await self.clock.advance(1)
        return await self.placed(name)

    async def complaint(self, name: str) -> str:
        """Why the pod is not placed; ten seconds pass with each look."""
        await self.clock.advance(10)
        said = find_condition((await self.pod(name)).status.conditions, "PodScheduled")
        return said.message if said else ""


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        client = cluster.client
        for name in ("n0", "n1"):
            node = make_node(name).capacity(cpu="4")
            await client.create(NODES, node.manifest())
        await client.create(STORAGE_CLASSES, LOCAL_CLASS)
        informers = InformerSet(client, clock, random.Random(0))
        recorder = EventRecorder(client, "default-scheduler", clock)
        scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
        loop = SchedulerLoop(scheduler, client, informers, recorder, clock)
        tasks = [asyncio.create_task(each.run()) for each in (informers, recorder, loop)]
        yield Bench(client, clock)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_pod_is_bound_after_its_volume(bench: Bench) -> None:
    await bench.add_volume("v", "n1")
    await bench.add_claim("data")
    await bench.add_pod(make_pod("a").claim("data"))
    written = await eventually(lambda: bench.claimed("v"))
    wanted = await bench.client.get(CLAIMS, "data", "default")
    assert written.spec.claim_ref is not None
    assert written.spec.claim_ref.uid == wanted.metadata.uid
    assert written.metadata.annotations == {BOUND_BY_CONTROLLER: "yes"}
    await bench.clock.advance(30)
    assert await bench.placed("a") is None
    await bench.complete("data", "v")
    pod = await eventually(lambda: bench.later("a"))
    assert pod.spec.node_name == "n1"


async def test_a_claim_that_is_never_bound_fails_the_binding(bench: Bench) -> None:
    await bench.add_volume("v", "n1")
    await bench.add_claim("data")
    await bench.add_pod(make_pod("a").claim("data"))
    await eventually(lambda: bench.claimed("v"))
    text = 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded'
    assert await eventually(lambda: bench.complaint("a")) == text


async def test_bindings_that_wait_hold_up_no_other_pod(bench: Bench) -> None:
    for number in range(80):
        await bench.add_volume(f"v{number}", "n1")
        await bench.add_claim(f"c{number}")
        await bench.add_pod(make_pod(f"p{number}").claim(f"c{number}"))
    await eventually(lambda: bench.claimed("v79"))
    await bench.add_pod(make_pod("plain"))
    await eventually(lambda: bench.placed("plain"))
    assert await bench.placed("p0") is None

"""Pods of nodes that are gone, on a cluster in memory."""

import asyncio
import random
from contextlib import asynccontextmanager

from shoal.api.node import NODES
from shoal.api.pod import PODS
from shoal.base.clock import VirtualClock
from shoal.client.informer import InformerSet
from shoal.client.protocol import DeleteOptions
from shoal.controllers.kube.pod_gc import QUARANTINE_S, pod_gc_controller
from shoal.testing.builders import make_node, make_pod
from shoal.testing.cluster import memory_cluster
from tests.waiting import eventually

NS = "default"


@asynccontextmanager
async def collector():
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        informers = InformerSet(cluster.client, clock, random.Random(1))
        controller = pod_gc_controller(cluster.client, informers, clock)
        tasks = [asyncio.create_task(informers.run())]
        await informers.wait_synced()
        tasks.append(asyncio.create_task(controller.run()))
        try:
            yield cluster.client, clock
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def pod(name, node="", **meta):
    return make_pod(name).container().node(node).meta(**meta).manifest()


async def names(client):
    return {each.metadata.name for each in (await client.list(PODS, NS)).items}


async def passes(clock):
    """Time, while the collector has turns to see and act."""
    for _ in range(10):
        await clock.advance(QUARANTINE_S / 5)


async def test_pods_of_a_node_that_is_gone_fail_and_go_even_while_they_terminate():
    async with collector() as (client, clock):
        for name in ("gone", "stays"):
            await client.create(NODES, make_node(name).manifest())
        for name, node in (("a", "gone"), ("b", "gone"), ("c", "stays")):
            await client.create(PODS, pod(name, node), NS)
        await client.delete(PODS, "b", NS, DeleteOptions(grace_period_s=3600))
        await passes(clock)
        assert await names(client) == {"a", "b", "c"}
        async with client.watch(PODS, NS, send_initial_events=True) as events:
            await client.delete(NODES, "gone")
            await passes(clock)
            assert await names(client) == {"c"}
            last = {}
            async for event in events:
                if event.type == "DELETED":
                    last[event.object.metadata.name] = event.object
                if last.keys() == {"a", "b"}:
                    break
        for each in last.values():
            assert each.status.phase == "Failed"
            [condition] = [c for c in each.status.conditions if c.type == "DisruptionTarget"]
            assert (condition.status, condition.reason, condition.message) == (
                "True", "DeletionByPodGC", "PodGC: node no longer exists",
            )  # fmt: skip


async def test_a_node_that_comes_within_the_quarantine_keeps_its_pods():
    async with collector() as (client, clock):
        await client.create(PODS, pod("early", "n"), NS)
        await clock.advance(QUARANTINE_S / 2)
        await client.create(NODES, make_node("n").manifest())
        await passes(clock)
        assert await names(client) == {"early"}


async def test_a_pod_that_was_bound_to_a_node_that_never_was_goes():
    async with collector() as (client, clock):
        await client.create(PODS, pod("lost", "nowhere"), NS)
        await passes(clock)
        assert await names(client) == set()


async def test_a_deleted_pod_without_a_node_is_failed_and_goes_once_nothing_holds_it():
    async with collector() as (client, clock):
        await client.create(PODS, pod("held", finalizers=["example.com/hold"]), NS)
        await client.delete(PODS, "held", NS)

        async def failed():
            await clock.advance(0)
            return (await client.get(PODS, "held", NS)).status.phase == "Failed"

        await eventually(failed)
        await client.patch(PODS, "held", {"metadata": {"finalizers": []}}, NS)
        assert await names(client) == set()

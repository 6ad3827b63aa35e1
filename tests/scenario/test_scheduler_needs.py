"""What plugins look up beyond nodes and pods, on a server that does not serve all of it."""

import asyncio
import random
from contextlib import AsyncExitStack

from shoal.api.core import SERVICES
from shoal.api.node import NODES
from shoal.api.pod import PODS
from shoal.client.discovery import discover
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.loop import SchedulerLoop
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.testing.builders import make_node, make_pod
from shoal.testing.cluster import memory_cluster
from tests.waiting import eventually


async def test_a_collection_that_the_server_does_not_serve_holds_nobody_up() -> None:
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(memory_cluster())
        client, clock = cluster.client, cluster.clock
        informers = InformerSet(client, clock, random.Random(0))
        recorder = EventRecorder(client, "default-scheduler", clock)
        scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
        served = {each.resource.group_resource for each in await discover(client)}
        needed = {each.group_resource for each in scheduler.needs}
        assert SERVICES.group_resource in needed & served
        assert "replicationcontrollers" in needed - served
        loop = SchedulerLoop(scheduler, client, informers, recorder, clock)
        tasks = [asyncio.create_task(each.run()) for each in (informers, recorder, loop)]
        for task in tasks:
            stack.callback(task.cancel)
        node = make_node("n").capacity(cpu="1").manifest()
        await client.create(NODES, {**node, "metadata": {"name": "n"}})
        pod = make_pod("p").container().manifest()
        await client.create(PODS, {**pod, "metadata": {"name": "p"}}, "default")

        async def is_bound() -> bool:
            return (await client.get(PODS, "p", "default")).spec.node_name == "n"

        await eventually(is_bound)

"""How the proxy of Services is run: with a control plane in memory and the real program."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator

import pytest

from shoal.agent.network.layout import LOOPBACK
from shoal.agent.network.service_proxy import ServiceProxy
from shoal.api.core import Service
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.base.clock import SystemClock
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.testing.cluster import memory_cluster
from tests.plane import free_port
from tests.waiting import eventually


class World:
    def __init__(self, client: Client, proxy: ServiceProxy, refusals: list[str]) -> None:
        self.client = client
        self.proxy = proxy
        self.refusals = refusals

    async def lend(self, name: str, port: int, target_port: int) -> None:
        """A pod to which a port of the node leads."""
        ports = [{"containerPort": target_port, "hostPort": port}]
        container = {"name": "c", "image": "img", "ports": ports}
        body: JsonObject = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {"nodeName": "n", "containers": [container]},
        }
        await self.client.create(PODS, body, "default")
        status = {"status": {"podIP": LOOPBACK}}
        await self.client.patch(PODS, name, status, "default", subresource="status")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with memory_cluster() as cluster:
        informers = InformerSet(cluster.client, SystemClock(), random.Random(1))
        refusals: list[str] = []

        def refused(about: Service | Pod, message: str) -> None:
            refusals.append(f"{about.metadata.name}: {message}")

        proxy = ServiceProxy(informers, LOOPBACK, refused)
        running = asyncio.create_task(informers.run())
        yield World(cluster.client, proxy, refusals)
        running.cancel()


async def echo() -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()

    return await asyncio.start_server(answer, LOOPBACK, 0)


async def answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except ConnectionRefusedError:
        return False
    writer.write(b"x")
    writer.write_eof()
    is_there = await reader.read() == b"x"
    writer.close()
    return is_there


async def test_nothing_is_lost_when_the_proxy_cannot_be_started_at_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await echo() as server:
        port = free_port()
        await world.lend("web", port, server.sockets[0].getsockname()[1])
        with monkeypatch.context() as patch, pytest.raises(FileNotFoundError):
            patch.setattr(sys, "executable", "/no/such/python")
            await asyncio.wait_for(world.proxy.run(), 30)
        running = asyncio.create_task(world.proxy.run())
        await eventually(lambda: answers(port), "the pod answers")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert world.refusals == []

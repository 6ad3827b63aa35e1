"""How the proxy of Services is run: with a control plane in memory and the real program."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shoal.agent.network.layout import LOOPBACK
from shoal.agent.network.proxy_process import ProxyProcess
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
    def __init__(self, client: Client, informers: InformerSet, data_dir: Path) -> None:
        self.client = client
        self.process = ProxyProcess(data_dir)
        self.refusals: list[str] = []
        self.proxy = ServiceProxy(informers, self.process, LOOPBACK, self._refused)

    def _refused(self, about: Service | Pod, message: str) -> None:
        self.refusals.append(f"{about.metadata.name}: {message}")

    @asynccontextmanager
    async def plane(self) -> AsyncGenerator[None]:
        """Meanwhile the proxy is told what to do."""
        running = asyncio.create_task(self.proxy.run())
        yield
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

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

    async def finish(self, name: str) -> None:
        await self.client.patch(
            PODS, name, {"status": {"phase": "Succeeded"}}, "default", subresource="status"
        )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with memory_cluster() as cluster:
        informers = InformerSet(cluster.client, SystemClock(), random.Random(1))
        made = World(cluster.client, informers, tmp_path)
        running = asyncio.create_task(informers.run())
        yield made
        running.cancel()
        made.process.end()


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
    try:
        writer.write(b"x")
        writer.write_eof()
        return await reader.read() == b"x"
    except OSError:
        # The proxy still listens for a pod that is not there.
        return False
    finally:
        writer.close()


async def is_listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def test_nothing_is_lost_when_the_proxy_cannot_be_started_at_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await echo() as server:
        port = free_port()
        await world.lend("web", port, server.sockets[0].getsockname()[1])
        with monkeypatch.context() as patch, pytest.raises(FileNotFoundError):
            patch.setattr(sys, "executable", "/no/such/python")
            await asyncio.wait_for(world.proxy.run(), 30)
        async with world.plane():
            await eventually(lambda: answers(port), "the pod answers")
    assert world.refusals == []


async def test_what_was_asked_for_is_done_while_nobody_asks_and_by_the_same_proxy_after(
    world: World,
) -> None:
    async with await echo() as server:
        target = server.sockets[0].getsockname()[1]
        old, new = free_port(), free_port()
        await world.lend("old", old, target)
        async with world.plane():
            await eventually(lambda: answers(old), "the pod answers")
        pid = world.process.pid
        reader, writer = await asyncio.open_connection(LOOPBACK, old)
        writer.write(b"be")
        assert await answers(old)
        await world.lend("new", new, target)
        async with world.plane():
            await eventually(lambda: answers(new), "the pod that came meanwhile answers")
            assert await answers(old)
            assert world.process.pid == pid
        writer.write(b"gin")
        writer.write_eof()
        assert await reader.read() == b"begin"
        writer.close()
    assert world.refusals == []


async def test_what_went_while_nobody_asked_is_given_up(world: World) -> None:
    async with await echo() as server:
        target = server.sockets[0].getsockname()[1]
        kept, gone = free_port(), free_port()
        await world.lend("kept", kept, target)
        await world.lend("gone", gone, target)
        async with world.plane():
            await eventually(lambda: answers(gone), "the pod answers")
            await eventually(lambda: answers(kept), "the pod answers")
        await world.finish("gone")
        async with world.plane():

            async def is_given_up() -> bool:
                return not await answers(gone)

            await eventually(is_given_up, "nobody listens for the pod that has finished")
            assert await answers(kept)


async def test_a_port_that_passed_on_while_nobody_asked_leads_to_its_next_owner(
    world: World,
) -> None:
    async with await echo() as server:
        target = server.sockets[0].getsockname()[1]
        port = free_port()
        await world.lend("z", port, free_port())
        async with world.plane():
            await eventually(lambda: is_listening(port), "somebody listens")
        await world.finish("z")
        await world.lend("a", port, target)
        async with world.plane():
            await eventually(lambda: answers(port), "the next pod answers")
    assert world.refusals == []


async def test_a_proxy_that_is_killed_is_replaced(world: World) -> None:
    async with await echo() as server:
        port = free_port()
        await world.lend("web", port, server.sockets[0].getsockname()[1])
        async with world.plane():
            await eventually(lambda: answers(port), "the pod answers")
        killed = world.process.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: world.process.pid is None, "it is dead")
        async with world.plane():
            await eventually(lambda: answers(port), "the pod answers again")


async def test_the_end_of_the_proxy_is_told(world: World) -> None:
    port = free_port()
    await world.lend("web", port, free_port())
    running = asyncio.create_task(world.proxy.run())
    await eventually(lambda: is_listening(port), "the proxy listens")
    world.process.end()
    with pytest.raises(ExceptionGroup) as ended:
        await asyncio.wait_for(running, 30)
    assert ended.group_contains(OSError, match="the proxy of Services ended")

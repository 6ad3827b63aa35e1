"""The proxy with real sockets, on the loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from shoal.agent.network.proxy.listeners import Listeners
from shoal.agent.network.proxy.wire import Forward, Instruction, Target
from tests.plane import free_port
from tests.waiting import eventually

CLUSTER_IP = "127.240.77.1"
"""In 127/8, as the addresses of Services are where there is no bridge."""


@pytest.fixture
async def listeners() -> AsyncIterator[Listeners]:
    made = Listeners()
    yield made
    await made.follow(Instruction("web", ()))


async def follow(listeners: Listeners, port: int, *targets: Target, protocol: str = "TCP") -> None:
    forward = Forward(CLUSTER_IP, port, protocol, targets)
    assert await listeners.follow(Instruction("web", (forward,))) is None


async def echo(name: bytes) -> tuple[asyncio.Server, Target]:
    """A server that answers with its name and what it got, when all of that is there."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name + await reader.read())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[:2]


async def ask(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(CLUSTER_IP, port)
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def test_connections_go_to_the_targets_in_turn(listeners: Listeners) -> None:
    (one, first), (two, second) = await echo(b"1:"), await echo(b"2:")
    async with one, two:
        port = free_port()
        await follow(listeners, port, first, second)
        answers = [await ask(port, b"x") for _ in range(4)]
    assert sorted(answers) == [b"1:x", b"1:x", b"2:x", b"2:x"]


async def test_megabytes_pass_whole_while_one_side_has_ended_its_half(
    listeners: Listeners,
) -> None:
    server, target = await echo(b"")
    data = bytes(range(256)) * 40_000
    async with server:
        port = free_port()
        await follow(listeners, port, target)
        assert await ask(port, data) == data


async def test_a_target_that_refuses_is_passed_over(listeners: Listeners) -> None:
    server, target = await echo(b"up:")
    async with server:
        port = free_port()
        await follow(listeners, port, ("127.0.0.1", free_port()), target)
        assert [await ask(port, b"") for _ in range(2)] == [b"up:", b"up:"]


async def test_without_targets_connections_are_refused(listeners: Listeners) -> None:
    server, target = await echo(b"")
    async with server:
        port = free_port()
        await follow(listeners, port, target)
        await follow(listeners, port)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(CLUSTER_IP, port)


async def test_connections_outlive_the_end_of_their_listener(listeners: Listeners) -> None:
    server, target = await echo(b"late:")
    async with server:
        port = free_port()
        await follow(listeners, port, target)
        reader, writer = await asyncio.open_connection(CLUSTER_IP, port)
        writer.write(b"a")
        await follow(listeners, port)
        writer.write(b"b")
        writer.write_eof()
        assert await reader.read() == b"late:ab"
        writer.close()


async def test_what_the_machine_refuses_is_said(listeners: Listeners) -> None:
    with socket.create_server((CLUSTER_IP, 0)) as taken:
        port = taken.getsockname()[1]
        forward = Forward(CLUSTER_IP, port, "TCP", (("127.0.0.1", 1),))
        refusal = await listeners.follow(Instruction("web", (forward,)))
    assert refusal is not None and refusal.name == "web"
    assert f"{CLUSTER_IP}:{port} cannot be listened on" in refusal.message


async def test_datagrams_find_their_way_there_and_back(listeners: Listeners) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        far.setblocking(False)
        port = free_port()
        await follow(listeners, port, far.getsockname(), protocol="UDP")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
            near.setblocking(False)
            await loop.sock_connect(near, (CLUSTER_IP, port))
            for word in (b"one", b"two"):
                await loop.sock_sendall(near, word)
                data, proxy = await asyncio.wait_for(loop.sock_recvfrom(far, 99), 10)
                await loop.sock_sendto(far, data.upper(), proxy)
                assert await asyncio.wait_for(loop.sock_recv(near, 99), 10) == word.upper()


async def test_a_client_that_goes_away_takes_its_connection_to_the_target_along(
    listeners: Listeners,
) -> None:
    ended = asyncio.Event()

    async def wait_for_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        except ConnectionResetError:
            pass
        writer.close()
        ended.set()

    server = await asyncio.start_server(wait_for_end, "127.0.0.1", 0)
    async with server:
        port = free_port()
        await follow(listeners, port, server.sockets[0].getsockname()[:2])
        _, writer = await asyncio.open_connection(CLUSTER_IP, port)
        writer.write(b"x")
        writer.transport.abort()
        await eventually(ended.is_set)


async def test_datagrams_of_a_client_that_never_pauses_follow_the_targets(
    listeners: Listeners,
) -> None:
    loop = asyncio.get_running_loop()
    kind = (socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket(*kind) as old, socket.socket(*kind) as new, socket.socket(*kind) as near:
        for far in (old, new):
            far.bind(("127.0.0.1", 0))
            far.setblocking(False)
        near.setblocking(False)
        port = free_port()
        await follow(listeners, port, old.getsockname(), protocol="UDP")
        await loop.sock_connect(near, (CLUSTER_IP, port))
        await loop.sock_sendall(near, b"one")
        assert await asyncio.wait_for(loop.sock_recv(old, 99), 10) == b"one"
        await follow(listeners, port, new.getsockname(), protocol="UDP")
        await loop.sock_sendall(near, b"two")
        assert await asyncio.wait_for(loop.sock_recv(new, 99), 10) == b"two"


async def test_an_address_that_was_refused_is_taken_when_it_is_free(listeners: Listeners) -> None:
    server, target = await echo(b"up:")
    async with server:
        with socket.create_server((CLUSTER_IP, 0)) as taken:
            port = taken.getsockname()[1]
            forward = Forward(CLUSTER_IP, port, "TCP", (target,))
            assert await listeners.follow(Instruction("web", (forward,))) is not None
        await listeners.retry()
        assert await ask(port, b"x") == b"up:x"


async def test_an_address_goes_to_the_next_object_that_wants_it(listeners: Listeners) -> None:
    (one, first), (two, second) = await echo(b"1:"), await echo(b"2:")
    async with one, two:
        port = free_port()
        await follow(listeners, port, first)
        forward = Forward(CLUSTER_IP, port, "TCP", (second,))
        assert await listeners.follow(Instruction("next", (forward,))) is not None
        await follow(listeners, port)
        assert await ask(port, b"x") == b"2:x"
        await listeners.follow(Instruction("next", ()))
        await listeners.retry()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(CLUSTER_IP, port)

"""Whom the proxy listens to, with real sockets on the loopback."""

import asyncio
import shutil
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from shoal.agent.network.proxy.control import Control
from shoal.agent.network.proxy.listeners import Listeners
from shoal.agent.network.proxy.place import SOCKET_FILE, come_to_door, open_door
from shoal.agent.network.proxy.wire import PROTOCOL, Forward, ForwardTable, Instruction, ProxyHello
from tests.plane import free_port
from tests.waiting import eventually

ADDRESS = "127.240.78.1"
NOBODY = (("127.0.0.1", 1),)


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listeners = Listeners()
        control = Control(self.listeners, open_door(folder), folder / SOCKET_FILE, look_s=0.02)
        self.running = asyncio.create_task(control.run())

    async def come(self) -> tuple[StreamReader, StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(sock=come_to_door(self.folder))
        hello = msgspec.json.decode(await reader.readline(), type=ProxyHello)
        assert hello.protocol == PROTOCOL
        return reader, writer


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    folder = tmp_path / "proxy"
    folder.mkdir()
    made = Site(folder)
    await asyncio.sleep(0)
    yield made
    made.running.cancel()
    await asyncio.gather(made.running, return_exceptions=True)
    await made.listeners.follow_table(ForwardTable(()))


def line(message: ForwardTable | Instruction) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def web(port: int, name: str = "web") -> Instruction:
    return Instruction(name, (Forward(ADDRESS, port, "TCP", NOBODY),))


def is_served(port: int) -> bool:
    """Nobody can come between: the listeners are in this thread."""
    try:
        socket.create_server((ADDRESS, port)).close()
    except OSError:
        return True
    return False


async def until_served(port: int, *, is_wanted: bool = True) -> None:
    await eventually(lambda: is_served(port) is is_wanted, f"{port} is served: {is_wanted}")


async def test_what_was_said_holds_when_the_control_plane_is_gone(site: Site) -> None:
    port, next_port = free_port(), free_port()
    _, writer = await site.come()
    writer.write(line(ForwardTable((web(port),))))
    # It is killed in the middle of a word.
    writer.write(line(web(next_port))[:-20])
    await until_served(port)
    writer.transport.abort()
    _, writer = await site.come()
    assert is_served(port)
    assert not is_served(next_port)
    writer.close()


async def test_a_table_takes_the_place_of_all_that_was_said(site: Site) -> None:
    kept, gone, come = free_port(), free_port(), free_port()
    _, first = await site.come()
    first.write(line(ForwardTable((web(kept, "kept"), web(gone, "gone")))))
    await until_served(gone)
    _, second = await site.come()
    second.write(line(ForwardTable((web(kept, "kept"), web(come, "come")))))
    await until_served(come)
    await until_served(gone, is_wanted=False)
    assert is_served(kept)
    first.close()
    second.close()


async def test_the_last_that_says_something_is_obeyed_and_others_are_let_go(site: Site) -> None:
    port, late = free_port(), free_port()
    reader, first = await site.come()
    first.write(line(ForwardTable((web(port),))))
    await until_served(port)
    _, looking = await site.come()
    looking.close()
    first.write(line(Instruction("web", ())))
    await until_served(port, is_wanted=False)
    _, second = await site.come()
    second.write(line(ForwardTable((web(port),))))
    assert await asyncio.wait_for(reader.read(), 10) == b""
    first.write(line(web(late, "late")))
    await until_served(port)
    assert not is_served(late)
    first.close()
    second.close()


async def test_what_is_refused_is_said_to_who_asked(site: Site) -> None:
    reader, writer = await site.come()
    nowhere = Instruction("web", (Forward("192.0.2.1", 80, "TCP", NOBODY),))
    writer.write(line(ForwardTable((nowhere,))))
    assert b'"name":"web"' in await asyncio.wait_for(reader.readline(), 10)
    writer.write(line(nowhere))
    assert b"192.0.2.1:80 cannot be listened on" in await asyncio.wait_for(reader.readline(), 10)
    writer.close()


async def test_it_ends_when_its_folder_is_gone_but_not_under_a_control_plane(site: Site) -> None:
    port = free_port()
    _, writer = await site.come()
    writer.write(line(ForwardTable((web(port),))))
    await until_served(port)
    await asyncio.to_thread(shutil.rmtree, site.folder)
    done, _ = await asyncio.wait([site.running], timeout=0.1)
    assert not done
    writer.close()
    await asyncio.wait_for(site.running, 10)


async def test_it_ends_when_another_has_its_place(site: Site) -> None:
    port = free_port()
    _, writer = await site.come()
    writer.write(line(ForwardTable((web(port),))))
    await until_served(port)
    writer.close()
    with open_door(site.folder):
        await asyncio.wait_for(site.running, 10)

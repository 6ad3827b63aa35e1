"""Finding, starting and ending the proxy, which is nobody's child; with real processes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shoal.agent.network.proxy.wire import PROTOCOL
from shoal.agent.network.proxy_process import ProxyProcess
from tests.runtimes import is_alive

OTHER = """
import os
import sys
from pathlib import Path
from shoal.agent.network.proxy.place import open_door
door = open_door(Path(sys.argv[1]))
if len(sys.argv) > 3:
    os.setuid(int(sys.argv[3]))
door.listen()
print(flush=True)
kept = []
while True:
    connection, _ = door.accept()
    try:
        connection.sendall(sys.argv[2].encode())
    except OSError:
        pass  # Somebody only looked who listens.
    kept.append(connection)
"""
"""Listens where a proxy would, as the user it is told to be, and says what it is told to."""


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[ProxyProcess]:
    # Longer than the address of a socket may be.
    data_dir = tmp_path / ("d" * 120)
    data_dir.mkdir()
    made = ProxyProcess(data_dir, patience_s=10)
    yield made
    made.end()


async def test_a_proxy_that_was_started_is_nobodys_child_and_found_again(
    process: ProxyProcess,
) -> None:
    assert await process.adopt() is None
    _, writer = await process.start()
    pid = process.pid
    assert pid is not None
    parent, _, session = stat(pid)[1:4]
    assert int(parent) != os.getpid()
    assert int(session) != os.getsid(0)
    writer.close()
    found = await process.adopt()
    assert found is not None
    assert process.pid == pid
    found[1].close()


async def test_a_proxy_that_is_ended_is_gone_with_its_connections(process: ProxyProcess) -> None:
    reader, writer = await process.start()
    pid = process.pid
    await asyncio.to_thread(process.end)
    assert process.pid is None
    assert await asyncio.wait_for(reader.read(), 10) == b""
    assert pid is not None
    assert not is_alive(pid)
    writer.close()
    await asyncio.to_thread(process.end)
    assert await process.adopt() is None


async def test_one_proxy_is_there_when_two_are_started(process: ProxyProcess) -> None:
    _, first = await process.start()
    pid = process.pid
    with pytest.raises(OSError, match="another proxy has"):
        await process.start()
    assert process.pid == pid
    first.close()


@pytest.mark.parametrize(
    "said", ['{"protocol":0}\n', '{"protocol":0,"of":"another age"}\n', "hello\n", ""]
)
async def test_a_proxy_that_cannot_be_understood_is_ended(tmp_path: Path, said: str) -> None:
    process = ProxyProcess(tmp_path, patience_s=10 if said else 0.1)
    folder = tmp_path / "proxy"
    folder.mkdir()
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OTHER, folder, said, stdout=asyncio.subprocess.PIPE
    )
    assert other.stdout is not None
    await other.stdout.readline()
    assert process.pid == other.pid
    assert await process.adopt() is None
    assert await asyncio.wait_for(other.wait(), 10) == -9
    _, writer = await process.start()
    writer.close()
    process.end()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
async def test_a_proxy_of_another_user_is_replaced(tmp_path: Path) -> None:
    process = ProxyProcess(tmp_path, patience_s=10)
    folder = tmp_path / "proxy"
    folder.mkdir()
    hello = f'{{"protocol":{PROTOCOL}}}\n'
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OTHER, folder, hello, "65534", stdout=asyncio.subprocess.PIPE
    )
    assert other.stdout is not None
    await other.stdout.readline()
    assert process.pid == other.pid
    assert await process.adopt() is None
    assert await asyncio.wait_for(other.wait(), 10) == -9


def stat(pid: int | None) -> list[str]:
    """State, parent, group, session."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()

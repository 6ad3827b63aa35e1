"""Containers whose disk has no room left when they end. Needs root, for a small disk."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.shim.container_log import RotatingLog
from shoal.agent.runtime.shim.syscalls import mount, unmount_lazily
from tests.runtimes import Agents, end_all, make_agents

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")

_BLOCK = b"x" * 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Two megabytes and a hundred files."""
    place = tmp_path / "disk"
    place.mkdir()
    mount("tmpfs", str(place), "tmpfs", 0, "size=2m,nr_inodes=100")
    yield place
    unmount_lazily(str(place))


@pytest.fixture(params=["sandbox", "process"])
async def agents(request: pytest.FixtureRequest, disk: Path) -> AsyncIterator[Agents]:
    agents = await make_agents(request.param, disk / "pods")
    await agents.runtime.recover()
    yield agents
    await agents.restart()
    await end_all(agents)


def fill_up(disk: Path) -> None:
    """To the last block, and the last file."""
    with pytest.raises(OSError, match="No space left"), (disk / "filler").open("wb", 0) as filler:
        while True:
            filler.write(_BLOCK)
    use_up_files(disk)


def use_up_files(disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        for number in range(1000):
            (disk / f"file-{number}").touch()


async def test_the_exit_code_outlasts_a_full_disk(
    agents: Agents, disk: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    # For reading as well: this waits for nobody, should the container not come up.
    gate_fd = os.open(gate, os.O_RDWR)
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sh", "-c", f"read word < {gate}; exit 9"))
    fill_up(disk)
    os.write(gate_fd, b"go\n")
    assert (await agents.next_exit()).exit_code == 9
    os.close(gate_fd)
    await agents.restart()
    [found] = await agents.runtime.recover()
    [container] = found.containers
    assert container.exit is not None
    assert (container.key, container.exit.exit_code) == (key, 9)


async def test_an_end_for_which_there_is_no_room_is_told_all_the_same(
    agents: Agents, disk: Path
) -> None:
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sleep", "1000"))
    for reserved in PodPaths(agents.root, pod.uid).container(key).glob(".*"):
        reserved.unlink()
    fill_up(disk)
    await agents.runtime.terminate(key)
    assert (await agents.next_exit()).exit_code == 137


async def test_a_start_for_which_there_is_no_room_fails(agents: Agents, disk: Path) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "true")
    fill_up(disk)
    answer = await agents.runtime.start(spec)
    assert "No space left" in str(answer)


def test_a_log_goes_on_when_no_other_file_can_be_made(disk: Path) -> None:
    path = disk / "0.log"
    log = RotatingLog(str(path), max_file_bytes=10, kept_files=3)
    use_up_files(disk)
    for number in range(3):
        log.write(b"entry-%d\n" % number)
    assert path.read_bytes() == b"entry-0\nentry-1\nentry-2\n"

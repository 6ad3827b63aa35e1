"""Records of containers that cannot be read, for now or for good: programs that are in no sandbox
know where they are."""

import os
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shoal.agent.runtime.containers import ShimRuntime
from shoal.agent.runtime.process import ProcessConfinement
from shoal.agent.runtime.spawning import Spawner
from shoal.base.clock import SystemClock
from tests.runtimes import Agents, end_all, make_agents

SPOIL = """read word < {gate}
rm -rf $SHOAL_CONTAINER_DIRECTORY/{name}
mkdir $SHOAL_CONTAINER_DIRECTORY/{name}
exit 9
"""
"""Waits at the gate: its start is to be known by then."""


class Gate:
    """Where a program waits until the test lets it on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        # For reading as well: this waits for nobody.
        self.fd = os.open(path, os.O_RDWR)

    def open(self) -> None:
        os.write(self.fd, b"go\n")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path / "gate")
    yield gate
    os.close(gate.fd)


@pytest.fixture
async def agents(tmp_path: Path) -> AsyncIterator[Agents]:
    agents = await make_agents("process", tmp_path / "pods")
    await agents.runtime.recover()
    yield agents
    await agents.restart()
    await end_all(agents)


@pytest.mark.parametrize(("name", "exit_code"), [("exit.json", 137), ("shim.json", 9)])
async def test_a_container_that_spoils_a_record_has_an_end_and_the_agent_comes_back(
    agents: Agents, gate: Gate, name: str, exit_code: int
) -> None:
    pod = await agents.pod()
    script = SPOIL.format(gate=gate.path, name=name)
    await agents.start(agents.spec(pod, "sh", "-c", script))
    gate.open()
    assert (await agents.next_exit()).exit_code == exit_code
    await agents.restart()
    [found] = await agents.runtime.recover()
    [container] = found.containers
    assert container.exit is not None
    assert container.exit.exit_code == exit_code


async def test_a_pod_whose_record_was_spoiled_is_found_and_can_be_removed(agents: Agents) -> None:
    pod = await agents.pod()
    script = "rm $SHOAL_POD_DIRECTORY/pod.json; mkdir $SHOAL_POD_DIRECTORY/pod.json"
    await agents.run(agents.spec(pod, "sh", "-c", script))
    await agents.restart()
    [found] = await agents.runtime.recover()
    assert found.uid == pod.uid
    await agents.runtime.remove_pod(pod.uid)
    assert not (agents.root / pod.uid).exists()


class LaterClock(SystemClock):
    """Whoever waits finds that there are descriptors again."""

    def __init__(self) -> None:
        self.limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    def take_descriptors(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, self.limits[1]))

    def give_descriptors(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self.limits)

    async def sleep(self, delay_s: float) -> None:
        self.give_descriptors()
        await super().sleep(0)


async def test_an_end_for_which_there_is_no_descriptor_is_told_later(
    tmp_path: Path, gate: Gate
) -> None:
    clock, root = LaterClock(), tmp_path / "pods"
    agents = Agents(
        lambda: ShimRuntime(root, ProcessConfinement(), None, Spawner(root, clock), clock), root
    )
    await agents.runtime.recover()
    pod = await agents.pod()
    await agents.start(agents.spec(pod, "sh", "-c", f"read word < {gate.path}; exit 9"))
    clock.take_descriptors()
    try:
        gate.open()
        assert (await agents.next_exit()).exit_code == 9
        # Else nobody had to wait.
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == clock.limits
    finally:
        clock.give_descriptors()
    await end_all(agents)

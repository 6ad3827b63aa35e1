"""Records of containers that cannot be read, for now or for good: programs that are in no sandbox
know where they are."""

import os
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shoal.agent.runtime.containers import ShimRuntime
from shoal.agent.runtime.process import ProcessConfinement
from shoal.agent.runtime.spawning import Spawner
from shoal.base.clock import SystemClock
from tests.runtimes import Agents, end_all, make_agents

SPOIL = "rm -rf $SHOAL_CONTAINER_DIRECTORY/{0}; mkdir $SHOAL_CONTAINER_DIRECTORY/{0}; exit 9"


@pytest.fixture
async def agents(tmp_path: Path) -> AsyncIterator[Agents]:
    agents = await make_agents("process", tmp_path / "pods")
    await agents.runtime.recover()
    yield agents
    await agents.restart()
    await end_all(agents)


@pytest.mark.parametrize(("name", "exit_code"), [("exit.json", 137), ("shim.json", 9)])
async def test_a_container_that_spoils_a_record_has_an_end_and_the_agent_comes_back(
    agents: Agents, name: str, exit_code: int
) -> None:
    pod = await agents.pod()
    ended = await agents.run(agents.spec(pod, "sh", "-c", SPOIL.format(name)))
    assert ended.exit_code == exit_code
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


async def test_an_end_for_which_there_is_no_descriptor_is_told_later(tmp_path: Path) -> None:
    clock, root, gate = LaterClock(), tmp_path / "pods", tmp_path / "gate"
    agents = Agents(
        lambda: ShimRuntime(root, ProcessConfinement(), None, Spawner(root, clock), clock), root
    )
    await agents.runtime.recover()
    os.mkfifo(gate)
    gate_fd = os.open(gate, os.O_RDWR)
    pod = await agents.pod()
    await agents.start(agents.spec(pod, "sh", "-c", f"read word < {gate}; exit 9"))
    clock.take_descriptors()
    try:
        os.write(gate_fd, b"go\n")
        assert (await agents.next_exit()).exit_code == 9
        # Else nobody had to wait.
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == clock.limits
    finally:
        clock.give_descriptors()
    os.close(gate_fd)
    await end_all(agents)

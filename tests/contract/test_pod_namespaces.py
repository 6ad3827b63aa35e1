"""Network namespaces of pods on a bridge of their own, with the real runtime. Needs root."""

import errno
import os
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shoal.agent.network import bridge
from shoal.agent.network.layout import (
    AddressPlan,
    bridge_name,
    choose_subnet,
    on_bridge,
    taken_networks,
)
from shoal.agent.network.namespaces import PodNamespaces
from shoal.agent.runtime.containers import ShimRuntime
from shoal.agent.runtime.protocol import ContainerKey
from shoal.agent.runtime.shim import syscalls
from tests.runtimes import Agents, end_all, make_agents
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a bridge needs root")

LISTEN = """
import socket, time
server = socket.create_server(("0.0.0.0", 8080))
print("listening", flush=True)
time.sleep(1000)
"""
CONNECT = 'import socket, sys; socket.create_connection((sys.argv[1], 8080), 5); print("reached")'


@pytest.fixture
def plan(tmp_path: Path) -> AddressPlan:
    owner = str(tmp_path)
    taken = taken_networks(Path("/proc/net/route").read_text(), bridge_name(owner))
    subnet = choose_subnet(owner, taken)
    assert subnet is not None
    return on_bridge(owner, subnet)


@pytest.fixture
async def agents(plan: AddressPlan, tmp_path: Path) -> AsyncIterator[Agents]:
    root = tmp_path / "pods"
    plain = await make_agents("sandbox", root)
    await plain.runtime.close()
    set_up(plan, str(tmp_path))

    def make() -> ShimRuntime:
        runtime = plain.make()
        assert isinstance(runtime, ShimRuntime)
        runtime.connect(PodNamespaces(plan))
        return runtime

    made = Agents(make, root)
    await made.runtime.recover()
    yield made
    await made.restart()
    await end_all(made)
    in_a_thread(bridge.take_down, plan.bridge)


def set_up(plan: AddressPlan, owner: str) -> None:
    in_a_thread(bridge.set_up, plan, owner)


def in_a_thread(work: Callable[..., object], *arguments: object) -> None:
    """As the control plane does it: pyroute2 wants a thread without an event loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work, *arguments).result()


def address(plan: AddressPlan, number: int) -> str:
    return str(plan.first_pod + number)


async def listening(agents: Agents, plan: AddressPlan, number: int) -> ContainerKey:
    pod = await agents.pod(f"pod-{number}", pod_ip=address(plan, number))
    key = await agents.start(agents.spec(pod, sys.executable, "-c", LISTEN))
    assert await agents.wait_output(key) == ["listening"]
    return key


async def test_pods_listen_on_the_same_port_and_reach_each_other(
    agents: Agents, plan: AddressPlan
) -> None:
    await listening(agents, plan, 1)
    await listening(agents, plan, 2)
    pod = await agents.pod("pod-3", pod_ip=address(plan, 3))
    for number in (1, 2):
        argv = (sys.executable, "-c", CONNECT, address(plan, number))
        key = await agents.start(agents.spec(pod, *argv, name=f"to-{number}"))
        assert await agents.wait_output(key) == ["reached"]


async def test_containers_of_a_pod_and_commands_in_them_share_its_localhost(
    agents: Agents, plan: AddressPlan
) -> None:
    key = await listening(agents, plan, 1)
    pod = await agents.pod("pod-1", pod_ip=address(plan, 1))
    argv = [sys.executable, "-c", CONNECT, "127.0.0.1"]
    other = await agents.start(agents.spec(pod, *argv, name="other"))
    assert await agents.wait_output(other) == ["reached"]
    result = await agents.runtime.exec(key, argv, 30)
    assert (result.exit_code, result.output) == (0, "reached\n")


async def test_a_pod_keeps_its_namespace_when_the_agent_is_started_again(
    agents: Agents, plan: AddressPlan
) -> None:
    await listening(agents, plan, 1)
    await agents.restart()
    await agents.runtime.recover()
    pod = await agents.pod("pod-1", pod_ip=address(plan, 1))
    argv = (sys.executable, "-c", CONNECT, "127.0.0.1")
    key = await agents.start(agents.spec(pod, *argv, name="later"))
    assert await agents.wait_output(key) == ["reached"]


async def test_nothing_is_left_of_a_pod_that_is_removed(agents: Agents, plan: AddressPlan) -> None:
    await listening(agents, plan, 1)
    assert bridge.is_needed(plan.bridge)
    await agents.runtime.remove_pod("pod-1")
    assert not bridge.is_needed(plan.bridge)
    await agents.runtime.close()
    ports = Path(f"/sys/class/net/{plan.bridge}/brif")
    await eventually(lambda: not any(ports.iterdir()), "no cable is left")


async def test_namespaces_of_pods_that_left_no_record_are_let_go(
    agents: Agents, plan: AddressPlan
) -> None:
    networks = PodNamespaces(plan)
    await networks.attach("orphan", address(plan, 9))
    await networks.close()
    assert bridge.is_needed(plan.bridge)
    await agents.restart()
    await agents.runtime.recover()
    assert not bridge.is_needed(plan.bridge)


async def test_no_thread_has_to_come_back_from_the_namespace_of_a_pod(
    agents: Agents, plan: AddressPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(fd: int, flags: int) -> None:
        raise OSError(errno.EPERM, "join a namespace")

    networks = PodNamespaces(plan)
    with monkeypatch.context() as kernel:
        kernel.setattr(syscalls, "setns", refused)
        for number in range(6):
            await networks.attach(f"orphan-{number}", address(plan, number))
        await networks.close()
    await agents.restart()
    await agents.runtime.recover()
    assert not bridge.is_needed(plan.bridge)


async def test_a_bridge_goes_when_its_data_folder_has_gone(
    plan: AddressPlan, tmp_path: Path
) -> None:
    set_up(plan, str(tmp_path / "gone"))
    assert bridge.link_index(plan.bridge) is not None
    in_a_thread(bridge.remove_abandoned, "")
    assert bridge.link_index(plan.bridge) is None
    assert not bridge.namespaces_folder(plan.bridge).exists()


async def test_a_pod_that_has_ended_gives_its_place_on_the_bridge_back(
    agents: Agents, plan: AddressPlan
) -> None:
    pod = await agents.pod("pod-1", pod_ip=address(plan, 1))
    key = await agents.start(agents.spec(pod, "echo", "done"))
    await agents.next_exit()
    await agents.runtime.release_pod("pod-1")
    await agents.runtime.release_pod("pod-1")
    assert not bridge.is_needed(plan.bridge)
    assert await agents.wait_output(key) == ["done"]

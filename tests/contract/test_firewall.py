"""What passes between pods, the machine and its neighbours, with the kernel's own rules. Needs
root, and iproute2 for the test's own neighbour."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from shoal.agent.network import bridge
from shoal.agent.network.firewall import remove_table
from shoal.agent.network.layout import (
    AddressPlan,
    bridge_name,
    choose_subnet,
    on_bridge,
    taken_networks,
)

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="a bridge needs root"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="needs iproute2"),
    pytest.mark.xdist_group("firewall"),
]

# Of this test run alone, below the ports that the kernel gives to those who ask for any.
PORT = 20000 + os.getpid() % 10000
SERVE = f"""
import socket
server = socket.create_server(("0.0.0.0", {PORT}))
print("ready", flush=True)
while True:
    connection, peer = server.accept()
    connection.sendall(peer[0].encode())
    connection.close()
"""
ASK = f"""
import socket, sys
address, patience_s = sys.argv[1], float(sys.argv[2])
print(socket.create_connection((address, {PORT}), patience_s).recv(50).decode())
"""
_OUTSIDE = ip_address("198.18.0.0") + 4 * (os.getpid() % 16384)
MACHINE_OUTSIDE, NEIGHBOUR = str(_OUTSIDE + 1), str(_OUTSIDE + 2)
HERE = ""
PATIENCE_S, SILENCE_S = 20, 1
"""For an answer, and for none."""


def run(line: str) -> None:
    subprocess.run(line.split(), check=True, capture_output=True)


def inside(namespace: str, *words: str) -> list[str]:
    entered = ["ip", "netns", "exec", namespace] if namespace else []
    return [*entered, sys.executable, "-c", *words]


@contextmanager
def serving(where: str) -> Generator[None]:
    """A server on all addresses of a namespace."""
    with subprocess.Popen(inside(where, SERVE), stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None and server.stdout.readline() == "ready\n"
            yield
        finally:
            server.kill()


class Site:
    """A pod on a bridge, and a neighbour of the machine that routes through it; both serve."""

    def __init__(self, plan: AddressPlan) -> None:
        self.plan = plan
        self.pod_ip = str(plan.pods[10])
        tag = f"{os.getpid() % 100000}"
        self.pod, self.neighbour = f"fwp{tag}", f"fwn{tag}"
        self._servers = ExitStack()

    def build(self) -> None:
        bits = self.plan.pods.prefixlen
        self._host(self.pod, f"{self.pod_ip}/{bits}", self.plan.host)
        run(f"ip link set {self.pod}h master {self.plan.bridge} up")
        self._host(self.neighbour, f"{NEIGHBOUR}/30", MACHINE_OUTSIDE)
        for where in (self.pod, self.neighbour):
            self._servers.enter_context(serving(where))

    def _host(self, name: str, address: str, gateway: str) -> None:
        run(f"ip netns add {name}")
        run(f"ip link add {name}h type veth peer name eth0 netns {name}")
        run(f"ip -n {name} addr add {address} dev eth0")
        run(f"ip -n {name} link set eth0 up")
        run(f"ip link set {name}h up")
        if name == self.neighbour:
            run(f"ip addr add {gateway}/30 dev {name}h")
        run(f"ip -n {name} route add default via {gateway}")

    def seen(self, asking: str, address: str, patience_s: float = PATIENCE_S) -> str:
        """As whom the server at the address sees the one who asks; empty where nobody answers."""
        words = inside(asking, ASK, address, str(patience_s))
        return subprocess.run(words, capture_output=True, text=True).stdout.strip()

    def is_silent(self, asking: str, address: str) -> bool:
        return not self.seen(asking, address, SILENCE_S)

    def end(self) -> None:
        self._servers.close()
        for name in (self.pod, self.neighbour):
            # The kernel takes a namespace down later, a link at once: the next test's link may
            # bear the same name.
            subprocess.run(["ip", "link", "del", f"{name}h"], capture_output=True)
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        bridge.take_down(self.plan.bridge)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    owner = str(tmp_path)
    taken = taken_networks(Path("/proc/net/route").read_text(), bridge_name(owner))
    subnet = choose_subnet(owner, taken)
    assert subnet is not None
    made = Site(on_bridge(owner, subnet))
    try:
        sentences = bridge.set_up(made.plan, owner)
        if any("nftables" in sentence for sentence in sentences):
            pytest.skip(f"this kernel lacks what the rules need: {sentences}")
        made.build()
        yield made
    finally:
        made.end()


def test_pods_go_out_as_the_machine_and_nobody_comes_in(site: Site):
    assert site.seen(HERE, site.pod_ip) == site.plan.host
    assert site.seen(site.pod, NEIGHBOUR) == MACHINE_OUTSIDE
    assert site.is_silent(site.neighbour, site.pod_ip)
    # Without the rules it would come in: that the silence is theirs.
    remove_table(site.plan.bridge)
    assert site.seen(site.neighbour, site.pod_ip) == NEIGHBOUR


def test_addresses_of_the_machine_in_the_subnet_are_for_pods_only(site: Site):
    with serving(HERE):
        assert site.seen(site.pod, site.plan.host) == site.pod_ip
        assert site.seen(HERE, site.plan.host) == site.plan.host
        assert site.seen(site.neighbour, MACHINE_OUTSIDE) == NEIGHBOUR
        assert site.is_silent(site.neighbour, site.plan.host)

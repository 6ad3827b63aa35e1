"""Pods with networks of their own: ports, names and addresses, through everything.

Needs root; tests/contract/test_service_proxy.py has what an ordinary user gets.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from pyroute2.nftables.main import NFTables

from shoal.agent.network import bridge
from shoal.agent.network.layout import bridge_name
from shoal.agent.network.proxy_process import ProxyProcess
from shoal.base.clock import SystemClock
from shoal.standalone.leftovers import end_pods
from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import SHOAL, Plane, free_port, plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("pod-networks"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a bridge needs root"),
]

SERVER = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["HOSTNAME"].encode())
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Answer).serve_forever()
"""
SERVICES = """
{apiVersion: v1, kind: Service, metadata: {name: one},
 spec: {selector: {app: one}, ports: [{port: 80, targetPort: 8080}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: two},
 spec: {selector: {app: two}, ports: [{port: 80, targetPort: 8080}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: set},
 spec: {clusterIP: None, selector: {set: "yes"}, ports: [{port: 8080}]}}
"""
ASK = """
import sys, time, urllib.request
for name in sys.argv[1:]:
    for _ in range(100):
        try:
            print(name, urllib.request.urlopen(f"http://{name}", timeout=5).read().decode())
            break
        except OSError:
            time.sleep(0.2)
"""
LISTENER = """
import socket
server = socket.create_server(("0.0.0.0", 7000))
connection, _ = server.accept()
while word := connection.recv(99):
    connection.sendall(word)
"""
TALKER = """
import socket, sys, time
for _ in range(100):
    try:
        connection = socket.create_connection((sys.argv[1], 7000), 5)
        break
    except OSError:
        time.sleep(0.2)
while True:
    connection.sendall(b"x")
    assert connection.recv(99)
    print("alive", flush=True)
    time.sleep(0.2)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up() -> AsyncIterator[Plane]:
    async with plane() as each:
        yield each
        name = bridge_name(str(each.folder.resolve()))
        assert bridge.link_index(name) is not None
    assert bridge.link_index(name) is None
    assert not bridge.namespaces_folder(name).exists()


@pytest.fixture
def kubectl(up: Plane, tmp_path: Path) -> Kubectl:
    return Kubectl(OF_THE_WHEEL, up.kubeconfig, tmp_path)


def pod(name: str, *argv: str, **spec: object) -> dict[str, object]:
    container = {"name": "main", "image": "any", "command": list(argv)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name, "set": "yes"}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], **spec},
    }


async def apply(kubectl: Kubectl, *objects: dict[str, object]) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    await kubectl("apply", "-f", "-", stdin=json.dumps(listed))


async def output_of(kubectl: Kubectl, name: str, lines: int) -> list[str]:
    async def has_lines() -> bool:
        # Refused while the container is being made.
        return len((await kubectl.run("logs", name)).out.splitlines()) >= lines

    await eventually(has_lines, f"{name} prints {lines} lines", pause_s=SLOW_PAUSE_S)
    return (await kubectl("logs", name)).splitlines()


async def test_pods_with_the_same_port_are_found_by_the_names_of_their_services(
    kubectl: Kubectl,
) -> None:
    await kubectl("apply", "-f", "-", stdin=SERVICES)
    server = (sys.executable, "-c", SERVER)
    await apply(
        kubectl,
        pod("one", *server, hostname="one", subdomain="set"),
        pod("two", *server, hostname="two", subdomain="set"),
    )
    names = ["one", "two.default", "one.default.svc.cluster.local", "two.set:8080"]
    await apply(kubectl, pod("asking", sys.executable, "-c", ASK, *names, restartPolicy="Never"))
    answers = await output_of(kubectl, "asking", len(names))
    assert answers == [f"{name} {name[:3]}" for name in names]


async def test_the_machine_reaches_pods_and_services(up: Plane, kubectl: Kubectl) -> None:
    # Other modules may run in between, and end the plane of the test before.
    await kubectl("apply", "-f", "-", stdin=SERVICES)
    await apply(kubectl, pod("one", sys.executable, "-c", SERVER, hostname="one", subdomain="set"))
    address = await kubectl("get", "service", "one", "-o", "jsonpath={.spec.clusterIP}")
    assert await answered(address) == "one"
    proxy = ProxyProcess(up.folder).pid
    assert proxy is not None
    os.kill(proxy, signal.SIGKILL)
    assert await answered(address) == "one"


async def test_a_connection_between_pods_outlives_the_control_plane(
    up: Plane, kubectl: Kubectl
) -> None:
    await apply(kubectl, pod("listener", sys.executable, "-c", LISTENER))

    async def has_address() -> str:
        return await kubectl("get", "pod", "listener", "-o", "jsonpath={.status.podIP}")

    await eventually(has_address, "listener has an address", pause_s=SLOW_PAUSE_S)
    address = await has_address()
    await apply(
        kubectl, pod("talker", sys.executable, "-c", TALKER, address, restartPolicy="Never")
    )
    before = len(await output_of(kubectl, "talker", 2))
    await up.kill()
    await up.start()
    await output_of(kubectl, "talker", before + 5)
    assert await kubectl("get", "pod", "talker", "-o", "jsonpath={.status.phase}") == "Running"
    # An address leads where it led.
    assert await has_address() == address


async def test_services_go_on_while_there_is_no_control_plane(up: Plane, kubectl: Kubectl) -> None:
    far = pod("far", sys.executable, "-c", LISTENER)
    served = (service("far", 7000, 7000), service("one", 80, 8080))
    await apply(
        kubectl,
        *served,
        far,
        pod("one", sys.executable, "-c", SERVER, hostname="one", subdomain="set"),
    )
    talk = (sys.executable, "-c", TALKER, "far")
    await apply(kubectl, pod("near", *talk, restartPolicy="Never"))
    await output_of(kubectl, "near", 2)
    address = await address_of(kubectl, "one")
    assert await answered(address) == "one"
    proxy = ProxyProcess(up.folder).pid
    log = await log_of(kubectl, up, "near")
    await up.kill()
    before = alive(log)
    await eventually(lambda: alive(log) >= before + 3, "bytes pass meanwhile", pause_s=SLOW_PAUSE_S)
    assert await answered(address) == "one"
    await up.start()
    before = alive(log)
    await eventually(lambda: alive(log) >= before + 3, "bytes pass after", pause_s=SLOW_PAUSE_S)
    await apply(kubectl, service("late", 80, 8080, app="one"))
    assert await answered(await address_of(kubectl, "late")) == "one"
    assert ProxyProcess(up.folder).pid == proxy
    assert await kubectl("get", "pod", "near", "-o", "jsonpath={.status.phase}") == "Running"


@pytest_asyncio.fixture(loop_scope="module")
async def lone(tmp_path: Path) -> AsyncIterator[Plane]:
    """A plane for one test, which ends it."""
    each = Plane(tmp_path)
    await each.start()
    yield each
    await each.stop()
    await end_pods(tmp_path, SystemClock())


async def test_down_leaves_nothing_of_a_control_plane_that_was_killed(
    lone: Plane, tmp_path: Path
) -> None:
    kubectl = Kubectl(OF_THE_WHEEL, lone.kubeconfig, tmp_path)
    one = pod("one", sys.executable, "-c", SERVER, hostname="one")
    await apply(kubectl, service("one", 80, 8080), one)
    address = await address_of(kubectl, "one")
    assert await answered(address) == "one"
    proxy = ProxyProcess(tmp_path)
    assert proxy.pid is not None
    await lone.kill()
    assert await answered(address) == "one"
    await down(tmp_path)
    await check_nothing_is_left(tmp_path)


async def test_what_pods_on_the_network_of_the_machine_need_stays_for_them(
    lone: Plane, tmp_path: Path
) -> None:
    kubectl = Kubectl(OF_THE_WHEEL, lone.kubeconfig, tmp_path)
    port = free_port()
    server = SERVER.replace("8080", str(port))
    one = pod("one", sys.executable, "-c", server, hostNetwork=True)
    await apply(kubectl, service("one", 80, port), one)
    address = await address_of(kubectl, "one")
    assert await answered(address)
    assert await lone.stop() == 0
    assert await answered(address)
    await down(tmp_path)
    await check_nothing_is_left(tmp_path)


async def down(folder: Path) -> None:
    ended = await asyncio.create_subprocess_exec(SHOAL, "down", "--data-dir", folder)
    assert await ended.wait() == 0


async def check_nothing_is_left(folder: Path) -> None:
    name = bridge_name(str(folder.resolve()))
    assert ProxyProcess(folder).pid is None
    assert bridge.link_index(name) is None
    assert not bridge.namespaces_folder(name).exists()
    assert name not in await asyncio.to_thread(table_names)
    assert str(folder) not in " ".join(command_lines())


async def test_a_second_control_plane_on_the_data_leaves_the_bridge_alone(up: Plane) -> None:
    second = Plane(up.folder)
    with pytest.raises(RuntimeError):
        await second.start()
    assert bridge.link_index(bridge_name(str(up.folder.resolve()))) is not None


async def test_a_pod_on_the_network_of_the_machine_has_its_address(kubectl: Kubectl) -> None:
    script = "cat /proc/net/dev; echo; sleep 1000"
    await apply(kubectl, pod("host", "sh", "-c", script, hostNetwork=True))
    text = "\n".join(await output_of(kubectl, "host", 4))
    assert "shb" in text
    shown = await kubectl("get", "pod", "host", "-o", "jsonpath={.status.podIP} {.status.hostIP}")
    pod_ip, host_ip = shown.split()
    assert pod_ip == host_ip


def service(name: str, port: int, target_port: int, app: str = "") -> dict[str, object]:
    ports = [{"port": port, "targetPort": target_port}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": app or name}, "ports": ports},
    }


async def address_of(kubectl: Kubectl, service: str) -> str:
    return await kubectl("get", "service", service, "-o", "jsonpath={.spec.clusterIP}")


async def log_of(kubectl: Kubectl, up: Plane, name: str) -> Path:
    """The file that a pod's output is in."""
    uid = await kubectl("get", "pod", name, "-o", "jsonpath={.metadata.uid}")
    (found,) = (up.folder / "pods" / uid / "logs").glob("*/0.log")
    return found


def alive(log: Path) -> int:
    return log.read_text().count("alive")


def table_names() -> list[str]:
    with NFTables(nfgen_family=socket.AF_INET) as tables:
        return [table.get_attr("NFTA_TABLE_NAME") for table in tables.get_tables()]


def command_lines() -> list[str]:
    found: list[str] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_text())
        except OSError:
            # It has ended meanwhile.
            continue
    return found


async def answered(address: str) -> str:
    found = ""

    async def ask() -> bool:
        nonlocal found
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://{address}") as answer,
            ):
                found = await answer.text()
        except aiohttp.ClientError:
            return False
        return True

    await eventually(ask, f"{address} answers", pause_s=SLOW_PAUSE_S)
    return found

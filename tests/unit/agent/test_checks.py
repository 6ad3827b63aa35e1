"""Probes and hooks against real sockets and a machine without processes."""

import socket

import pytest
from aiohttp import web

from shoal.agent.checks import Checked, Checks, port_number
from shoal.agent.runtime.protocol import ContainerKey, ContainerSpec, ExecResult, PodSandbox
from shoal.api.pod import (
    Container,
    ContainerPort,
    ExecAction,
    HttpGetAction,
    HttpHeader,
    LifecycleHandler,
    Probe,
    TcpSocketAction,
)
from shoal.base.clock import VirtualClock
from shoal.client.http_session import HttpSession
from shoal.testing.runtime import FakeMachine, FakeRuntime

KEY = ContainerKey("u", "c", 0)
SANDBOX = PodSandbox(
    uid="u", namespace="ns", name="p", hostname="p", pod_ip="127.0.0.1", hosts_text=""
)


@pytest.fixture
def machine():
    return FakeMachine(VirtualClock())


@pytest.fixture
async def checks(machine):
    runtime = FakeRuntime(machine)
    await runtime.prepare_pod(SANDBOX)
    await runtime.start(ContainerSpec(key=KEY, pod=SANDBOX, argv=["serve"], env={}))
    async with HttpSession() as session:
        yield Checks(runtime, session, machine.clock)


@pytest.fixture
async def server():
    seen = []

    async def answer(request):
        seen.append(request)
        return web.Response(status=int(request.match_info["code"]))

    app = web.Application()
    app.router.add_get("/{code}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1], seen
    await runner.cleanup()


def checked(port=1):
    ports = [ContainerPort(container_port=port, name="web")]
    return Checked(key=KEY, container=Container(name="c", ports=ports), pod_ip="127.0.0.1")


@pytest.mark.parametrize(("code", "is_success"), [(200, True), (399, True), (404, False)])
async def test_http_succeeds_below_400(checks, server, code, is_success):
    port, _ = server
    probe = Probe(http_get=HttpGetAction(port=port, path=f"/{code}"))
    result = await checks.probe(checked(), probe)
    assert result.is_success is is_success
    if not is_success:
        assert result.message == f"HTTP probe failed with statuscode: {code}"


async def test_http_finds_a_named_port_and_sends_headers(checks, server):
    port, seen = server
    headers = [HttpHeader(name="X-Test", value="1")]
    action = HttpGetAction(port="web", path="200", http_headers=headers)
    result = await checks.probe(checked(port), Probe(http_get=action))
    assert result.is_success
    assert seen[0].headers["X-Test"] == "1"


async def test_a_port_that_nobody_listens_on_is_refused(checks, server, unused_port):
    url = f"http://127.0.0.1:{unused_port}/"
    result = await checks.probe(checked(), Probe(http_get=HttpGetAction(port=unused_port)))
    refused = f"dial tcp 127.0.0.1:{unused_port}: connect: connection refused"
    assert (result.is_success, result.message) == (False, f'Get "{url}": {refused}')
    result = await checks.probe(checked(), Probe(tcp_socket=TcpSocketAction(port=unused_port)))
    assert (result.is_success, result.message) == (False, refused)


@pytest.fixture
async def unused_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


async def test_a_connection_is_enough_for_tcp(checks, server):
    port, _ = server
    result = await checks.probe(checked(), Probe(tcp_socket=TcpSocketAction(port=port)))
    assert result.is_success


async def test_a_command_succeeds_by_its_exit_code(checks, machine):
    machine.answer = lambda key, argv: ExecResult(exit_code=1, output="not yet")
    result = await checks.probe(checked(), Probe(exec=ExecAction(command=["test"])))
    assert (result.is_success, result.message) == (False, "not yet")
    machine.answer = lambda key, argv: ExecResult(exit_code=3)
    result = await checks.probe(checked(), Probe(exec=ExecAction(command=["test"])))
    assert (result.is_success, result.message) == (False, "command exited with 3")
    machine.answer = lambda key, argv: ExecResult(exit_code=0)
    assert (await checks.probe(checked(), Probe(exec=ExecAction(command=["test"])))).is_success


async def test_hooks_take_the_same_handlers(checks, machine):
    handler = LifecycleHandler(exec=ExecAction(command=["true"]))
    assert (await checks.run_hook(checked(), handler, 5)).is_success
    assert machine.executed == [(KEY, ["true"])]


@pytest.mark.parametrize(
    "fields",
    [
        {"http_get": HttpGetAction(port=1, host="a..b")},
        {"http_get": HttpGetAction(port="70000")},
        {"tcp_socket": TcpSocketAction(port=1, host="a..b")},
        {"tcp_socket": TcpSocketAction(port="70000")},
    ],
)
async def test_a_check_that_cannot_be_begun_has_failed(checks, fields):
    result = await checks.probe(checked(), Probe(**fields))
    assert not result.is_success
    assert result.message
    assert await checks.run_hook(checked(), LifecycleHandler(**fields), 5) == result


async def test_a_header_that_nobody_can_send_fails_the_check(checks, server):
    port, seen = server
    header = HttpHeader(name="A", value="a\nb")
    action = HttpGetAction(port=port, path="200", http_headers=[header])
    result = await checks.probe(checked(), Probe(http_get=action))
    assert not result.is_success
    assert result.message.startswith(f'Get "http://127.0.0.1:{port}/200": ')
    assert not seen


async def test_a_command_that_cannot_be_asked_for_has_failed(checks, machine):
    def refuse(key, argv):
        raise ValueError("embedded null byte")

    machine.answer = refuse
    result = await checks.probe(checked(), Probe(exec=ExecAction(command=["test"])))
    assert (result.is_success, result.message) == (False, "embedded null byte")


def test_ports_are_numbers_texts_or_names():
    container = checked(8080).container
    assert port_number(container, 1) == 1
    assert port_number(container, "81") == 81
    assert port_number(container, "web") == 8080
    assert port_number(container, "no") is None
    assert port_number(container, "0") is None
    assert port_number(container, "65536") is None

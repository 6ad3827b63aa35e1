"""Pools that cannot work, applied by kubectl: each says why, and the rest goes on."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import Plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("python-client"),
]

POOL = {
    "apiVersion": "ploto.io/v1",
    "kind": "DynamicExecutorPool",
    "metadata": {"name": "pool"},
    "spec": {
        "initialExecutor": 1,
        "minExecutor": 1,
        "maxExecutor": 3,
        "scalePeriodSeconds": 1,
        "container": {"name": "worker", "image": "shoal/simple-logger"},
    },
}
TASK = {
    "apiVersion": "ploto.io/v1",
    "kind": "Task",
    "metadata": {"name": "t"},
    "spec": {"executorPool": "pool", "executorPoolType": "Dynamic", "para": "hello"},
}


@pytest.fixture
def kubectl(up: Plane, homes: Path, namespace: str) -> Kubectl:
    return Kubectl(OF_THE_WHEEL, up.kubeconfig, homes).in_namespace(namespace)


def pool(**spec: object) -> str:
    return json.dumps({**POOL, "spec": {**POOL["spec"], **spec}})


async def until_told(kubectl: Kubectl, of: str, text: str) -> None:
    async def is_told() -> bool:
        return text in await kubectl("events", "--for", of)

    await eventually(is_told, text, pause_s=SLOW_PAUSE_S)


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """The address of a webhook that answers always the same, or never (None)."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await ended.wait()
        else:
            writer.write(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
                % (len(answer), answer)
            )
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/scale"
        ended.set()


async def test_a_pool_whose_container_does_not_exist_says_so(kubectl: Kubectl):
    container = {"name": "worker", "image": "nobody/knows:1"}
    await kubectl("create", "-f", "-", stdin=pool(container=container))
    await kubectl("create", "-f", "-", stdin=json.dumps(TASK))

    async def is_shown() -> bool:
        return "NoImageCommand" in await kubectl("get", "pods")

    await eventually(is_shown, pause_s=SLOW_PAUSE_S)
    [executor] = (await kubectl("get", "pods", "-o", "name")).split()
    assert 'no mapping in shoal.yaml matches its image "nobody/knows:1"' in (
        await kubectl("describe", executor)
    )
    assert await kubectl("get", "task", "t", "-o", "jsonpath={.status.phase}") == "Pending"
    # Mended: the executor is replaced and the task runs.
    await kubectl("apply", "-f", "-", stdin=pool())
    await kubectl("wait", "--for=jsonpath={.status.phase}=Completed", "task/t", "--timeout=50s")


async def test_a_pool_without_a_possible_container_is_refused(kubectl: Kubectl):
    nameless = await kubectl.refused(
        "create", "-f", "-", stdin=pool(container={"image": "shoal/simple-logger"})
    )
    assert "spec.container.name: Required value" in nameless
    upside_down = await kubectl.refused("create", "-f", "-", stdin=pool(minExecutor=9))
    assert "Invalid value" in upside_down


@pytest.mark.parametrize(
    ("answer", "text"), [(None, "no answer within 1 s"), (b"lots", "the answer makes no sense")]
)
async def test_a_webhook_that_hangs_or_talks_nonsense_leaves_the_size(
    kubectl: Kubectl, answer: bytes | None, text: str
):
    async with answering(answer) as url:
        webhook = {"url": url, "timeoutSeconds": 1}
        await kubectl("create", "-f", "-", stdin=pool(webhook=webhook))
        await until_told(kubectl, "DynamicExecutorPool/pool", text)
        await kubectl("create", "-f", "-", stdin=json.dumps(TASK))
        completed = "--for=jsonpath={.status.phase}=Completed"
        await kubectl("wait", completed, "task/t", "--timeout=50s")
        size = await kubectl("get", "dep", "pool", "-o", "jsonpath={.status.totalExecutor}")
        assert size == "1"


async def test_a_webhook_whose_service_has_no_pod_is_named(kubectl: Kubectl):
    service = {"name": "none", "path": "/scale", "port": 80}
    await kubectl("create", "-f", "-", stdin=pool(webhook={"service": service}))
    await until_told(kubectl, "DynamicExecutorPool/pool", 'services "none" not found')
    await kubectl("create", "service", "clusterip", "none", "--tcp=80:80")
    await until_told(kubectl, "DynamicExecutorPool/pool", "has no ready pod")


async def test_an_executor_that_fails_its_task_and_ends_costs_no_other_task(kubectl: Kubectl):
    program = """
from shoal.executor import tasks
for task in tasks():
    if task.para == "bad":
        raise ValueError("oops")
"""
    container = {"name": "worker", "image": "busybox", "command": [sys.executable, "-c", program]}
    await kubectl("create", "-f", "-", stdin=pool(container=container, maxExecutor=1))
    bad, good = [f"bad-{n}" for n in range(3)], [f"good-{n}" for n in range(6)]
    for name in (bad[0], good[0], good[1], bad[1], good[2], good[3], bad[2], good[4], good[5]):
        spec = {**TASK["spec"], "para": name.partition("-")[0]}
        task = json.dumps({**TASK, "metadata": {"name": name}, "spec": spec})
        await kubectl("create", "-f", "-", stdin=task)
    completed = "--for=jsonpath={.status.phase}=Completed"
    await kubectl("wait", completed, "--timeout=50s", *(f"task/{name}" for name in good))
    failed = "--for=jsonpath={.status.phase}=Failed"
    await kubectl("wait", failed, "--timeout=50s", *(f"task/{name}" for name in bad))
    message = await kubectl("get", "task", bad[0], "-o", "jsonpath={.status.message}")
    assert message.endswith("its program ended with ValueError: oops")
    warnings = await kubectl("get", "events", "--field-selector", "reason=Unhealthy")
    assert "the sidecar is not ready" not in warnings


async def test_a_pool_whose_command_does_not_exist_says_so_on_its_tasks(kubectl: Kubectl):
    container = {"name": "worker", "image": "busybox", "command": ["/no/such/binary"]}
    await kubectl("create", "-f", "-", stdin=pool(container=container))
    await kubectl("create", "-f", "-", stdin=json.dumps(TASK))
    await until_told(kubectl, "DynamicExecutorPool/pool", "/no/such/binary")

    async def is_told() -> bool:
        task = json.loads(await kubectl("get", "task", "t", "-o", "json"))
        conditions = task.get("status", {}).get("conditions", [])
        return any(
            c["reason"] == "ExecutorsFailing" and "/no/such/binary" in c["message"]
            for c in conditions
        )

    await eventually(is_told, pause_s=SLOW_PAUSE_S)

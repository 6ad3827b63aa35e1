"""The `ploto` section of shoal.yaml, on a whole control plane."""

import asyncio
import sys
from pathlib import Path

import aiohttp
import msgspec
import pytest

from shoal.api.ploto import FIXED_EXECUTOR_POOLS, TASKS
from shoal.client.connection import load_connection
from shoal.client.http import HttpClient
from tests.plane import free_port, plane
from tests.waiting import eventually

LIMIT_S = 60

EXECUTOR = """
from shoal.executor import tasks

for task in tasks():
    pass
"""

POOL = {
    "apiVersion": "ploto.io/v1",
    "kind": "FixedExecutorPool",
    "metadata": {"name": "pool"},
    "spec": {
        "executor": 1,
        "container": {
            "name": "work",
            "image": "any",
            "command": [sys.executable, "-c", EXECUTOR],
        },
    },
}


def a_task(name: str, **spec: object) -> dict[str, object]:
    return {
        "apiVersion": "ploto.io/v1",
        "kind": "Task",
        "metadata": {"name": name},
        "spec": {"executorPool": "pool", "executorPoolType": "Fixed", **spec},
    }


@pytest.mark.slow
async def test_a_finished_task_leaves_a_line_in_the_archive_and_numbers(tmp_path: Path) -> None:
    archive = tmp_path / "done.jsonl"
    health, metrics = free_port(), free_port()
    config = tmp_path / "shoal.yaml"
    config.write_text(
        f"ploto: {{healthPort: {health}, metricsPort: {metrics}, archive: done.jsonl,"
        " archiveAfterSeconds: 0}"
    )
    async with (
        asyncio.timeout(LIMIT_S),
        plane("--config", str(config)) as each,
        aiohttp.ClientSession() as session,
    ):
        client = HttpClient(await load_connection(each.kubeconfig))

        async def scraped() -> str:
            async with session.get(f"http://127.0.0.1:{metrics}/metrics") as response:
                return await response.text()

        async def is_healthy() -> bool:
            async with session.get(f"http://127.0.0.1:{health}/health") as response:
                return response.status == 200

        async def is_gone() -> bool:
            page = await client.list(TASKS, "default")
            return [task.metadata.name for task in page.items] == ["kept"]

        async def is_counted() -> bool:
            labels = 'namespace="default",phase="Completed",pool="pool",pool_type="Fixed"'
            return f"shoal_tasks{{{labels}}} 1.0" in await scraped()

        try:
            await eventually(is_healthy)
            await client.create(FIXED_EXECUTOR_POOLS, POOL, "default")
            await client.create(TASKS, a_task("kept", ttlSecondsAfterFinished=10_000), "default")
            await client.create(TASKS, a_task("done", para="x"), "default")
            await eventually(is_gone)
            await eventually(is_counted)
            request = 'code="201",group="ploto.io",resource="tasks",subresource="",verb="POST"'
            assert f"apiserver_request_total{{{request}}} 2.0" in await scraped()
            unknown = session.get(f"https://127.0.0.1:{each.port}/metrics", ssl=False)
            async with unknown as response:
                assert response.status == 401, "the API server's own metrics ask for a token"
        finally:
            await client.close()
    (line,) = archive.read_bytes().splitlines()
    archived = msgspec.json.decode(line)
    assert (archived["metadata"]["name"], archived["spec"]["para"]) == ("done", "x")
    assert archived["status"]["phase"] == "Completed"

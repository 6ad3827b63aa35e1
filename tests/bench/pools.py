"""Executor pools end to end: real executors, real tasks, over `shoal up`."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

from shoal.api.ploto import FIXED_EXECUTOR_POOLS, TASKS, Task
from shoal.api.pod import PODS
from shoal.client.connection import load_connection
from shoal.client.http import HttpClient
from tests.plane import Plane, percentile, plane

_EXECUTORS = 10
_TASKS = 1_000
_LATENCY_TASKS = 100

_LOOP = "from shoal.executor import tasks\nfor task in tasks():\n    pass\n"
_POOL = {
    "apiVersion": "ploto.io/v1",
    "kind": "FixedExecutorPool",
    "metadata": {"name": "bench"},
    "spec": {
        "executor": _EXECUTORS,
        "container": {"name": "loop", "image": "any", "command": [sys.executable, "-c", _LOOP]},
    },
}


def task(name: str) -> dict[str, object]:
    return {
        "apiVersion": "ploto.io/v1",
        "kind": "Task",
        "metadata": {"name": name},
        "spec": {"executorPool": "bench", "executorPoolType": "Fixed"},
    }


@contextlib.asynccontextmanager
async def _pool() -> AsyncIterator[tuple[Plane, HttpClient]]:
    """A control plane with ten ready executors."""
    async with plane() as each:
        client = HttpClient(await load_connection(Path(each.kubeconfig)))
        try:
            await client.create(FIXED_EXECUTOR_POOLS, _POOL, "default")
            while True:
                page = await client.list(PODS, "default")
                if sum(pod.is_ready for pod in page.items) == _EXECUTORS:
                    break
                await asyncio.sleep(0.1)
            yield each, client
        finally:
            await client.close()


async def throughput() -> dict[str, float]:
    """1,000 empty tasks on ten executors: from the first create to the last completion."""
    async with _pool() as (each, client):
        before_s, first = each.cpu_s(), await _revision(client)
        started_s = time.perf_counter()
        finished = asyncio.create_task(_finished(client, _TASKS))
        numbers = iter(range(_TASKS))

        async def creator() -> None:
            for number in numbers:
                await client.create(TASKS, task(f"empty-{number}"), "default")

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(creator())
        created_s = time.perf_counter() - started_s
        phases = await finished
        elapsed_s = time.perf_counter() - started_s
        used_s, last = each.cpu_s() - before_s, await _revision(client)
    return {
        "executors": _EXECUTORS,
        "tasks": _TASKS,
        "completed": phases.count("Completed"),
        "creating_s": round(created_s, 2),
        "elapsed_s": round(elapsed_s, 2),
        "tasks_per_s": round(_TASKS / elapsed_s, 1),
        "server_cpu_ms_per_task": round(1000 * used_s / _TASKS, 2),
        "writes_per_task": round((last - first) / _TASKS, 1),
    }


async def _revision(client: HttpClient) -> int:
    return int((await client.list(PODS, "default", limit=1)).resource_version)


async def _finished(client: HttpClient, count: int) -> list[str]:
    phases: dict[str, str] = {}
    async with client.watch(TASKS, "default", send_initial_events=True) as events:
        async for event in events:
            if event.object is not None and event.object.status.phase in {"Completed", "Failed"}:
                phases[event.object.metadata.name] = event.object.status.phase
                if len(phases) == count:
                    break
    return list(phases.values())


async def latency() -> dict[str, float]:
    """From a task's create call to `Running` in a watch, while executors are idle."""
    async with _pool() as (_, client):
        waits_s: list[float] = []
        page = await client.list(TASKS, "default")
        async with client.watch(TASKS, "default", resource_version=page.resource_version) as events:
            for number in range(_LATENCY_TASKS):
                name = f"single-{number}"
                started_s = time.perf_counter()
                await client.create(TASKS, task(name), "default")
                async for event in events:
                    seen = event.object
                    if seen is None or seen.metadata.name != name:
                        continue
                    if _has_started(seen) and len(waits_s) == number:
                        waits_s.append(time.perf_counter() - started_s)
                    if seen.status.phase == "Completed":
                        break
    return {
        "tasks": _LATENCY_TASKS,
        "create_to_start_p50_ms": round(1000 * percentile(waits_s, 0.5), 1),
        "create_to_start_p95_ms": round(1000 * percentile(waits_s, 0.95), 1),
    }


def _has_started(each: Task) -> bool:
    started: datetime | None = each.status.started_at
    return started is not None or each.status.phase in {"Running", "Completed"}

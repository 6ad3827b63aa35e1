"""kill -9 of the control plane with 200 tasks under way: none is lost, none runs twice.

Every run of a task leaves a line in a file of its own, written by the executor itself, so what
really ran is known apart from what the control plane says.
"""

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from shoal.api.ploto import FIXED_EXECUTOR_POOLS, TASKS
from shoal.client.connection import load_connection
from shoal.client.http import HttpClient
from tests.plane import Plane, plane
from tests.waiting import SLOW_PAUSE_S, eventually

EXECUTORS = 8
TASKS_COUNT = 200
LIMIT_S = 240

EXECUTOR = """
import os, sys, time
from shoal.executor import tasks

for task in tasks():
    with open(os.path.join(sys.argv[1], task.name), "a") as runs:
        runs.write(f"{task.uid} {task.attempt}\\n")
    time.sleep(float(task.para))
"""


def pool(folder: Path, executors: int) -> dict[str, object]:
    return {
        "apiVersion": "ploto.io/v1",
        "kind": "FixedExecutorPool",
        "metadata": {"name": "crash"},
        "spec": {
            "executor": executors,
            "container": {
                "name": "worker",
                "image": "any",
                "command": [sys.executable, "-c", EXECUTOR, str(folder)],
            },
        },
    }


def task(name: str, seconds: float) -> dict[str, object]:
    return {
        "apiVersion": "ploto.io/v1",
        "kind": "Task",
        "metadata": {"name": name},
        "spec": {
            "executorPool": "crash",
            "executorPoolType": "Fixed",
            "para": f"{seconds:.2f}",
        },
    }


async def connect(each: Plane) -> HttpClient:
    return HttpClient(await load_connection(each.kubeconfig))


async def phases(client: HttpClient) -> Counter[str]:
    page = await client.list(TASKS, "default")
    return Counter(item.status.phase or "Pending" for item in page.items)


async def all_run(client: HttpClient, executors: int) -> bool:
    return (await phases(client))["Running"] >= executors


async def until_finished(client: HttpClient) -> Counter[str]:
    async def final() -> Counter[str] | None:
        seen = await phases(client)
        return seen if seen["Completed"] + seen["Failed"] == TASKS_COUNT else None

    return await eventually(final, pause_s=SLOW_PAUSE_S, patience_s=LIMIT_S)


async def crash_twice(
    folder: Path, rng: random.Random, executors: int, seconds: tuple[float, float], *flags: str
) -> tuple[Counter[str], dict[str, list[str]]]:
    """Kill and restart the control plane twice while tasks run. Gives the final phases, and the
    lines that the runs of each task left."""
    async with plane(*flags) as each:
        client = await connect(each)
        await client.create(FIXED_EXECUTOR_POOLS, pool(folder, executors), "default")
        for number in range(TASKS_COUNT):
            await client.create(TASKS, task(f"t-{number}", rng.uniform(*seconds)), "default")
        await eventually(lambda: all_run(client, executors), pause_s=SLOW_PAUSE_S)
        for _ in range(2):
            await asyncio.sleep(rng.uniform(0.0, 4.0))
            await client.close()
            await each.kill()
            await asyncio.sleep(rng.uniform(0.0, 1.0))
            await each.start()
            client = await connect(each)
        seen = await until_finished(client)
        await client.close()
    return seen, {path.name: path.read_text().splitlines() for path in folder.iterdir()}


def check_once(seen: Counter[str], runs: dict[str, list[str]]) -> None:
    twice = {name: lines for name, lines in runs.items() if len(lines) > 1}
    assert twice == {}, f"ran more than once: {twice}"
    assert len(runs) == TASKS_COUNT, "some tasks never ran"
    assert seen == {"Completed": TASKS_COUNT}


SOAK_SEEDS = [pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 24)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, *SOAK_SEEDS])
async def test_after_kill_9_every_task_ends_exactly_once(seed, tmp_path):
    async with asyncio.timeout(LIMIT_S):
        rng = random.Random(seed)
        check_once(*await crash_twice(tmp_path, rng, EXECUTORS, (0.02, 0.4)))


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
async def test_after_kill_9_with_all_tasks_running_at_once_every_one_ends_once(seed, tmp_path):
    async with asyncio.timeout(2 * LIMIT_S):
        rng = random.Random(seed)
        flags = ("--node-resources", f"pods={TASKS_COUNT + 50}")
        check_once(*await crash_twice(tmp_path, rng, TASKS_COUNT, (90.0, 100.0), *flags))

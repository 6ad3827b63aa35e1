"""kill -9 of the control plane while a Volcano job starts and while a policy restarts it: the job
ends where it would have ended without."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from shoal.api.pod import PODS
from shoal.api.volcano.job import JOBS, Job
from shoal.client.connection import load_connection
from shoal.client.http import HttpClient
from shoal.client.protocol import ConnectionFailed
from tests.plane import Plane, plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("shoal-up")]

NS = "default"
WORKERS = 3


def job() -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "any",
        "command": ["sleep", "600"],
        "resources": {"requests": {"cpu": "1"}},
    }
    spec = {
        "containers": [container],
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
    }
    return {
        "apiVersion": JOBS.api_version,
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {
            "minAvailable": WORKERS,
            "policies": [{"event": "PodEvicted", "action": "RestartJob"}],
            "tasks": [{"name": "w", "replicas": WORKERS, "template": {"spec": spec}}],
        },
    }


@pytest.fixture
async def up() -> AsyncIterator[Plane]:
    async with plane("--node-resources", "cpu=4,memory=8Gi") as up:
        yield up


async def until(what: str, look: Callable[[], Awaitable[Any]]) -> Any:
    async def look_while_it_is_down() -> Any:
        try:
            return await look()
        except ConnectionFailed:
            return None

    return await eventually(look_while_it_is_down, what, pause_s=SLOW_PAUSE_S)


async def until_runs(client: HttpClient, retries: int) -> Job:
    async def runs() -> Job | None:
        found = await client.get(JOBS, "j", NS)
        status = found.status
        is_whole = (status.running, status.terminating) == (WORKERS, 0)
        is_so = (status.state.phase, status.retry_count) == ("Running", retries)
        return found if is_so and is_whole else None

    return await until(f"the job to run after {retries} restarts", runs)


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.3, 1.2])
async def test_a_job_is_started_and_restarted_once_whatever_is_killed(up: Plane, delay_s: float):
    client = HttpClient(await load_connection(up.kubeconfig))
    try:
        await client.create(JOBS, job(), NS)
        await asyncio.sleep(delay_s / 4)
        await up.kill()
        await up.start()
        started = await until_runs(client, 0)
        assert started.status.version == 0
        await client.delete(PODS, "j-w-1", NS)
        await asyncio.sleep(delay_s / 4)
        await up.kill()
        await up.start()
        restarted = await until_runs(client, 1)
        assert restarted.status.version == 1
        pods = (await client.list(PODS, NS)).items
        made = {pod.metadata.annotations["volcano.sh/job-version"] for pod in pods}
        assert (len(pods), made) == (WORKERS, {"1"})
    finally:
        await client.close()

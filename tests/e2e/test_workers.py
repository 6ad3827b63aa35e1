"""The examples of Workers on `shoal up`: real Jobs, real pods, real queues, and a kill -9."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import Plane, plane
from tests.tree import PROJECT
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.slow,
    pytest.mark.xdist_group("workers"),
    pytest.mark.asyncio(loop_scope="module"),
]

EXAMPLES = PROJECT / "examples" / "workers"
ENDS = {
    "batch-once": ("Failed", "Pod"),
    "batch-resumable": ("Succeeded", "Job"),
    "nightly": ("Scheduled", "CronJob"),
    "queue-drain": ("Succeeded", "Job"),
    "queue-item-per-pod": ("Succeeded", "Job"),
    "queue-job-per-item": ("Succeeded", "Job"),
    "stream": ("Running", "Deployment"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Plane, Kubectl]]:
    async with plane("--node-resources", "cpu=4,memory=8Gi") as up:
        kubectl = Kubectl(OF_THE_WHEEL, up.kubeconfig, tmp_path_factory.mktemp("home"))
        await kubectl("apply", "-f", str(EXAMPLES))
        yield up, kubectl


async def worker(kubectl: Kubectl, name: str) -> dict[str, Any]:
    return json.loads(await kubectl("get", "worker", name, "-o", "json"))


async def until_phase(kubectl: Kubectl, name: str, phase: str) -> dict[str, Any]:
    async def is_there() -> dict[str, Any] | None:
        found = await worker(kubectl, name)
        return found if found.get("status", {}).get("phase") == phase else None

    return await eventually(is_there, f"{name} is {phase}", pause_s=SLOW_PAUSE_S, patience_s=120)


@pytest.mark.parametrize("name", ENDS)
async def test_each_example_becomes_its_object_and_comes_to_its_end(
    site: tuple[Plane, Kubectl], name: str
):
    _, kubectl = site
    phase, kind = ENDS[name]
    found = await until_phase(kubectl, name, phase)
    assert found["status"]["strategy"]["kind"] == kind
    if name == "queue-drain":
        assert found["status"]["progress"]["done"] == 4


async def test_a_failed_batch_stays_failed_over_a_kill_and_cleans_up_when_it_is_asked_for_again(
    site: tuple[Plane, Kubectl],
):
    up, kubectl = site
    await until_phase(kubectl, "batch-once", "Failed")
    await up.kill()
    await up.start()
    found = await until_phase(kubectl, "batch-once", "Failed")
    assert (found["status"]["run"], found["status"]["lastError"]["exitCode"]) == (1, 3)
    await kubectl("patch", "worker", "batch-once", "--type=merge", "-p", '{"spec": {"run": 2}}')

    async def has_run_again() -> bool:
        status = (await worker(kubectl, "batch-once"))["status"]
        return status["run"] == 2 and status["phase"] == "Failed"

    await eventually(has_run_again, "run 2", pause_s=SLOW_PAUSE_S, patience_s=120)
    cleanup = await kubectl("logs", "batch-once-2", "-c", "cleanup")
    assert "dropping what the failed run left" in cleanup
    pods = await kubectl("get", "pods", "-l", "shoal.io/worker=batch-once", "-o", "name")
    assert pods.split() == ["pod/batch-once-1", "pod/batch-once-2"]

"""examples/volcano as its README has it: `shoal up`, kubectl, Volcano's manifests."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shoal.agent.node_status import RUNTIME_LABEL
from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.slow,
    pytest.mark.xdist_group("volcano-examples"),
    pytest.mark.asyncio(loop_scope="module"),
]

EXAMPLES = Path(__file__).parents[2] / "examples" / "volcano"
PATIENCE_S = 60


class User:
    """Somebody with kubectl."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl

    async def apply(self, name: str) -> None:
        await self.kubectl("apply", "-f", str(EXAMPLES / name))

    async def get(self, kind: str, name: str) -> dict[str, Any]:
        return json.loads(await self.kubectl("get", kind, name, "-o", "json"))

    async def until_phase(self, kind: str, name: str, phase: str) -> dict[str, Any]:
        async def is_there() -> dict[str, Any] | None:
            found = await self.get(kind, name)
            return found if found.get("status", {}).get("state", {}).get("phase") == phase else None

        what = f"{kind} {name} to be {phase}"
        return await eventually(is_there, what, pause_s=SLOW_PAUSE_S, patience_s=PATIENCE_S)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def user(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[User]:
    async with plane("--node-resources", "cpu=4,memory=8Gi") as up:
        user = User(Kubectl(OF_THE_WHEEL, up.kubeconfig, tmp_path_factory.mktemp("kubectl")))
        # Its minute comes while the others run.
        await user.apply("cron-job.yaml")
        yield user


async def test_a_job_is_restarted_once_and_completed_by_its_master(user: User) -> None:
    await user.apply("job-with-policies.yaml")
    job = await user.until_phase("vcjob", "policies", "Completed")
    assert job["status"]["retryCount"] == 1
    hosts = "policies-worker-0.policies,policies-worker-1.policies"
    said = await user.kubectl("logs", "policies-master-0")
    assert said.strip() == f"attempt 1 with 2 workers: {hosts}"


async def test_workers_find_the_server_that_the_plugin_names(user: User) -> None:
    (node,) = json.loads(await user.kubectl("get", "nodes", "-o", "json"))["items"]
    if node["metadata"]["labels"][RUNTIME_LABEL] != "sandbox":
        pytest.skip("pods have no addresses of their own on this machine")
    await user.apply("tensorflow.yaml")
    await user.until_phase("vcjob", "tensorflow", "Completed")
    for index in range(2):
        said = await user.kubectl("logs", f"tensorflow-worker-{index}")
        assert said.splitlines()[-1] == f"worker {index} has 0.5"


async def test_the_steps_of_a_flow_follow_each_other(user: User) -> None:
    await user.apply("job-flow.yaml")
    flow = await user.until_phase("jobflow", "words", "Succeed")
    jobs = [f"words-{step}" for step in ("fetch", "count", "sort", "report")]
    assert flow["status"]["completedJobs"] == jobs
    assert (await user.kubectl("logs", "words-report-work-0")).strip() == "reported"


async def test_a_cron_job_makes_jobs(user: User) -> None:
    async def has_run() -> bool:
        return "lastSuccessfulTime" in (await user.get("cronvcjob", "nightly")).get("status", {})

    await eventually(has_run, "a job to complete", pause_s=SLOW_PAUSE_S, patience_s=90)

"""A C project compiled by three pods for a fourth, with Debian's distcc."""

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from shoal.agent.node_status import RUNTIME_LABEL
from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("distccd") is None, reason="distcc is not installed"),
]

EXAMPLE = Path(__file__).parents[2] / "examples" / "distcc"
WORKERS = [f"distcc-worker-{index}" for index in range(3)]
OBJECTS = 202
"""200 modules, the function that they share, and the program."""
PATIENCE_S = 120


async def phase_of(kubectl: Kubectl) -> str:
    return await kubectl("get", "vcjob", "distcc", "-o", "jsonpath={.status.state.phase}")


async def whole_log(kubectl: Kubectl, pod: str) -> str:
    """All that the pod says from its start to its end."""

    async def has_begun() -> bool:
        found = await kubectl(
            "get", "pod", pod, "--ignore-not-found", "-o", "jsonpath={.status.phase}"
        )
        return found not in ("", "Pending")

    await eventually(has_begun, f"{pod} begins", pause_s=SLOW_PAUSE_S, patience_s=PATIENCE_S)
    process = await kubectl.start("logs", "--follow", pod)
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return out.decode()


async def test_every_worker_compiles_its_part(tmp_path: Path) -> None:
    async with plane("--node-resources", "cpu=4,memory=8Gi") as up:
        kubectl = Kubectl(OF_THE_WHEEL, up.kubeconfig, tmp_path)
        (node,) = json.loads(await kubectl("get", "nodes", "-o", "json"))["items"]
        if node["metadata"]["labels"][RUNTIME_LABEL] != "sandbox":
            pytest.skip("this machine allows no sandboxes")
        await kubectl("apply", "-f", str(EXAMPLE))
        async with asyncio.TaskGroup() as group:
            following = [group.create_task(whole_log(kubectl, pod)) for pod in WORKERS]

            async def is_over() -> bool:
                return await phase_of(kubectl) in ("Completed", "Failed", "Aborted", "Terminated")

            await eventually(is_over, "the job ends", pause_s=SLOW_PAUSE_S, patience_s=PATIENCE_S)
        master = await kubectl("logs", "distcc-master-0")
        assert await phase_of(kubectl) == "Completed", master
        assert "200 modules make 257850, expected 257850" in master
        # What distcc says on the master, and what each distccd says itself.
        counts = dict(re.findall(r"^(\S+)\.distcc compiled (\d+) files$", master, re.MULTILINE))
        logs = await asyncio.gather(*following)
        served = {pod: str(log.count("COMPILE_OK")) for pod, log in zip(WORKERS, logs, strict=True)}
        assert counts == served
        assert all(int(count) > 0 for count in served.values())
        assert sum(map(int, served.values())) == OBJECTS

        async def workers_are_gone() -> bool:
            left = await kubectl("get", "pods", "-o", "name")
            return left.split() == ["pod/distcc-master-0"]

        await eventually(workers_are_gone, "the workers end", pause_s=SLOW_PAUSE_S)

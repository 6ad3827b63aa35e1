"""Ploto's own quick start, as it is, by kubectl: its definitions, webhook, pool and tasks."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import plane

pytestmark = [pytest.mark.kubectl, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[2] / "examples" / "ploto-quickstart"
LIMIT_S = 180
EXPECTED = {
    **{f"simple-logger-{i}": "Completed" for i in (1, 2, 3)},
    **{f"reentrant-{i}": "Completed" for i in (1, 2, 3)},
    **{f"crash-{i}": "Failed" for i in (1, 2, 3)},
}


async def test_every_task_that_does_not_crash_completes_and_the_pool_shrinks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The mapping says python3: it has to be the one that Shoal is installed for.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    async with asyncio.timeout(LIMIT_S), plane("--config", str(EXAMPLE / "shoal.yaml")) as up:
        kubectl = Kubectl(OF_THE_WHEEL, up.kubeconfig, tmp_path)
        for name in ("crds", "webhook.yaml", "dep-simple-logger.yaml", "tasks.yaml"):
            await kubectl("apply", "-f", str(EXAMPLE / name))
        sizes: set[int] = set()
        while True:
            phases = await task_phases(kubectl)
            pool = await status(kubectl, "dep/dep-simple-logger")
            sizes.add(pool.get("totalExecutor", 0))
            if phases == EXPECTED and pool.get("totalExecutor") == 2:
                break
            await asyncio.sleep(0.2)
        table = await kubectl("get", "tasks")
        pods = await kubectl("get", "pods", "-o", "name")
        again = await kubectl("apply", "-f", str(EXAMPLE / "tasks.yaml"))
    assert max(sizes) <= 5
    assert pods.count("pod/dep-simple-logger") == 2
    assert "EXECUTORPOOLTYPE" in table.splitlines()[0]
    assert {line.split()[1] for line in again.splitlines()} == {"unchanged"}


async def status(kubectl: Kubectl, what: str) -> dict[str, int]:
    return json.loads(await kubectl("get", what, "-o", "json")).get("status", {})


async def task_phases(kubectl: Kubectl) -> dict[str, str]:
    tasks = json.loads(await kubectl("get", "tasks", "-o", "json"))["items"]
    return {each["metadata"]["name"]: each.get("status", {}).get("phase", "") for each in tasks}

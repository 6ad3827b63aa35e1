"""Ploto's own quick start, as it is, by kubectl: its definitions, webhook, pool and tasks."""

import json
import sys
from pathlib import Path

import pytest

from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [pytest.mark.kubectl, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[2] / "examples" / "ploto-quickstart"
PATIENCE_S = 180
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
    async with plane("--config", str(EXAMPLE / "shoal.yaml")) as up:
        kubectl = Kubectl(OF_THE_WHEEL, up.kubeconfig, tmp_path)
        for name in ("crds", "webhook.yaml", "dep-simple-logger.yaml", "tasks.yaml"):
            await kubectl("apply", "-f", str(EXAMPLE / name))
        sizes: set[int] = set()

        async def is_done() -> bool:
            size = (await status(kubectl, "dep/dep-simple-logger")).get("totalExecutor", 0)
            sizes.add(size)
            return size == 2 and await task_phases(kubectl) == EXPECTED

        await eventually(is_done, pause_s=SLOW_PAUSE_S, patience_s=PATIENCE_S)
        table = await kubectl("get", "tasks")

        async def has_two_pods() -> bool:
            return (await kubectl("get", "pods", "-o", "name")).count("pod/dep-simple-logger") == 2

        # One that is told to go is counted no more, and is still there for a moment.
        await eventually(has_two_pods, pause_s=SLOW_PAUSE_S, patience_s=PATIENCE_S)
        again = await kubectl("apply", "-f", str(EXAMPLE / "tasks.yaml"))
    assert max(sizes) <= 5
    assert "EXECUTORPOOLTYPE" in table.splitlines()[0]
    assert {line.split()[1] for line in again.splitlines()} == {"unchanged"}


async def status(kubectl: Kubectl, what: str) -> dict[str, int]:
    return json.loads(await kubectl("get", what, "-o", "json")).get("status", {})


async def task_phases(kubectl: Kubectl) -> dict[str, str]:
    tasks = json.loads(await kubectl("get", "tasks", "-o", "json"))["items"]
    return {each["metadata"]["name"]: each.get("status", {}).get("phase", "") for each in tasks}

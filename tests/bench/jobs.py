"""How many Jobs a second a control plane takes in, and how soon they have their pods."""

import asyncio
import json
import sys
from pathlib import Path


async def taken_in() -> object:
    """2,000 Jobs of one pod each, created by 32 clients; neither scheduler nor agent."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("shoal")), "bench", "jobs", "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode == 0, "its errors are on stderr"
    return json.loads(printed)

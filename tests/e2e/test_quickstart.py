"""`shoal demo`: the first thing a new user runs."""

import asyncio
import os
import re
import tempfile
from pathlib import Path

import pytest

from tests.plane import SHOAL

pytestmark = pytest.mark.slow

LIMIT_S = 120


def processes_of(folder: Path) -> list[str]:
    """Command lines that name the folder."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if str(folder) in command:
            found.append(command)
    return found


async def test_the_demo_keeps_its_three_promises_and_leaves_nothing() -> None:
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        process = await asyncio.create_subprocess_exec(
            SHOAL, "demo",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "TMPDIR": name},
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
        assert processes_of(Path(name)) == []
        assert os.listdir(name) == []
    text = out.decode()
    assert process.returncode == 0, text + err.decode()
    assert err == b""
    assert "yes 6 of 6 tasks completed on executors" in text
    assert re.search(r"yes the pool grew from 2 to [3-5] executors", text)
    assert re.search(r"yes the pool came back to 2 after \d+ s", text)

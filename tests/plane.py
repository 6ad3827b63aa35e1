"""`shoal up` as users start it, for tests and measurements that need the real thing."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from shoal.base.clock import SystemClock
from shoal.standalone.leftovers import end_pods

SHOAL = Path(sys.executable).parent / "shoal"


class Plane:
    """A running `shoal up` on a data folder that outlives it."""

    def __init__(self, folder: Path, flags: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.flags = flags
        self.kubeconfig = folder / "kubeconfig"
        # The same after a restart: pods that outlive the control plane know its address.
        self.port = free_port()
        self.process: asyncio.subprocess.Process | None = None
        self.ready_s = 0.0
        """From the command to its ready line."""

    async def start(self) -> None:
        """Return when the ready line is there."""
        started_s = time.monotonic()
        with (self.folder / "stderr").open("ab") as stderr:
            self.process = await asyncio.create_subprocess_exec(
                SHOAL, "up", "--data-dir", self.folder, "--port", str(self.port), *self.flags,
                stdout=asyncio.subprocess.PIPE, stderr=stderr,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), 60)
        if b"ready" not in line:
            raise RuntimeError(f"shoal up said {line!r}: {self.stderr()}")
        self.ready_s = time.monotonic() - started_s

    async def stop(self) -> int:
        """End it politely; returns its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)

    async def kill(self) -> None:
        """kill -9 of the control plane alone: containers go on."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def log(self) -> str:
        """The end of shoal.log."""
        return (self.folder / "shoal.log").read_text()[-5000:]

    def cpu_s(self) -> float:
        """What the control plane has used so far, with all processes below it."""
        return sum(cpu_s(pid) for pid in self.pids())

    def pids(self) -> list[int]:
        """The control plane's process and all below it."""
        assert self.process is not None
        return descendants(self.process.pid)


@contextlib.asynccontextmanager
async def plane(*flags: str) -> AsyncIterator[Plane]:
    """A running control plane in a temporary folder; on exit its pods are gone too."""
    with tempfile.TemporaryDirectory(prefix="shoal-", ignore_cleanup_errors=True) as name:
        each = Plane(Path(name), flags)
        await each.start()
        try:
            yield each
        finally:
            code = await each.stop()
            # Containers outlive the control plane; those of a test must not outlive the test.
            await end_pods(each.folder, SystemClock())
            if code:
                raise RuntimeError(f"shoal up ended with {code}: {each.stderr()}{each.log()}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def descendants(pid: int) -> list[int]:
    """`pid` and every process below it, read from /proc."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = Path(entry.path, "stat").read_text()
                parent = int(stat.rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def rss_mib(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def cpu_s(pid: int) -> float:
    """User and system time that a process has used."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

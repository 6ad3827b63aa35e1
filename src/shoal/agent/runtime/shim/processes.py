"""Processes by identity, and process trees, read from /proc.

A pid alone names a process only as long as it lives; pid, start time and boot together name one
process for ever, so a recycled pid is never taken for a container.
"""

import errno
import os
import signal
from dataclasses import dataclass


@dataclass(frozen=True)
class ProcessIdentity:
    pid: int
    start_ticks: int
    """Field 22 of /proc/PID/stat: clock ticks after boot."""
    boot_id: str


def _stat_fields(pid: int) -> list[bytes]:
    """Fields of /proc/PID/stat from the third (state) on. Raises OSError when it is gone."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        # The second field is the command in parentheses, and may hold anything, those included.
        return file.read().rpartition(b")")[2].split()


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def identify(pid: int) -> ProcessIdentity:
    """Raises OSError when there is no such process, or only its zombie is left."""
    state, *fields = _stat_fields(pid)
    if state in {b"Z", b"X"}:
        raise ProcessLookupError(errno.ESRCH, f"process {pid} has ended")
    return ProcessIdentity(pid, int(fields[18]), boot_id())


def open_process(identity: ProcessIdentity) -> int | None:
    """A pidfd of exactly this process; None when it has ended."""
    try:
        pidfd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    # The pidfd holds whoever has the pid now; if that one is who we mean, it will stay so.
    try:
        if identify(identity.pid) == identity:
            return pidfd
    except OSError:
        pass
    os.close(pidfd)
    return None


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def descendants(ancestor: int) -> list[int]:
    """Children, their children and so on, parents first."""
    children: dict[int, list[int]] = {}
    for pid in all_pids():
        try:
            parent = int(_stat_fields(pid)[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(pid)
    found = list(children.get(ancestor, []))
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def kill_quietly(pid: int) -> None:
    """SIGKILL; it may be gone, or may have become someone else's by a setuid program."""
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass

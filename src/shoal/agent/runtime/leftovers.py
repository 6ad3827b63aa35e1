"""Cleaning up after a pod: processes that got away, mounts, directories."""

import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

from shoal.agent.runtime.shim.filesystem import is_within, mount_points
from shoal.agent.runtime.shim.processes import all_pids, kill_quietly
from shoal.agent.runtime.shim.syscalls import unmount_lazily

POD_DIRECTORY_VARIABLE = "SHOAL_POD_DIRECTORY"
CONTAINER_DIRECTORY_VARIABLE = "SHOAL_CONTAINER_DIRECTORY"
"""Marks in the environment of processes that no namespace holds together: of the pod, and of one
attempt to run one container."""

_KILL_ROUNDS = 500
_PAUSE_S = 0.01


def kill_marked(variable: str, directory: Path) -> None:
    """SIGKILL to every process with this mark, and to those it starts meanwhile; blocking.
    For plain processes whose shim was killed: nothing else remembers whose they were."""
    mark = f"{variable}={directory}".encode()
    for _ in range(_KILL_ROUNDS):
        marked = [pid for pid in all_pids() if _has_variable(pid, mark)]
        if not marked:
            return
        for pid in marked:
            kill_quietly(pid)
        time.sleep(_PAUSE_S)


def _has_variable(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        # Gone, a zombie, or somebody else's.
        return False


def remove_tree(directory: Path) -> None:
    """Delete a directory that no process uses any more. Mounts below it are taken off first, or
    their content would be deleted. Raises OSError."""
    for mount_point in reversed(mount_points("/proc/self/mountinfo")):
        if is_within(mount_point, str(directory)):
            unmount_lazily(mount_point)
    if directory.exists():
        shutil.rmtree(directory, onerror=_open_up_and_retry)


def _open_up_and_retry(
    remove: Callable[[str], object],
    path: str,
    error: tuple[type[BaseException], BaseException, object],
) -> None:
    """A container may have left directories that even their owner cannot write."""
    if not isinstance(error[1], PermissionError):
        raise error[1]
    for directory in (Path(path).parent, Path(path)):
        if directory.is_dir() and not directory.is_symlink():
            directory.chmod(stat.S_IMODE(directory.stat().st_mode) | stat.S_IRWXU)
    if remove in (os.open, os.scandir, os.listdir):
        shutil.rmtree(path)
    else:
        remove(path)

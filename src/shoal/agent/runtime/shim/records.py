"""What a shim leaves on disk: who it is (`shim.json`), and how its container ended (`exit.json`).

Records are written to a temporary name and renamed, so a reader sees all or nothing. Room for the
record of the end is set aside before the start, so that a disk that is full by then does not turn
every end into a kill. A directory descriptor is used because the path means something else once
the shim has its own root.
"""

import errno
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from shoal.agent.runtime.shim.processes import ProcessIdentity

SHIM_FILE = "shim.json"
EXIT_FILE = "exit.json"
_RESERVED_BYTES = 512
"""More than a record without a message takes."""
_OF_THE_FILE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES, errno.EIO}
)


@dataclass(frozen=True, kw_only=True)
class ShimRecord:
    """Written before the container starts: what is not recorded never ran."""

    pid: int
    start_ticks: int
    boot_id: str
    started_ns: int
    """Wall-clock time of the start, since the epoch."""

    @property
    def identity(self) -> ProcessIdentity:
        return ProcessIdentity(self.pid, self.start_ticks, self.boot_id)


@dataclass(frozen=True, kw_only=True)
class ExitRecord:
    exit_code: int
    signal: int
    is_oom_killed: bool
    started_ns: int
    finished_ns: int
    start_failure: str = ""
    """Why nothing ran; empty when something did."""


_Record = TypeVar("_Record", ShimRecord, ExitRecord)


def reserve_exit_record(directory_fd: int) -> None:
    """Take the room that the record of the end will need. Raises OSError where there is none."""
    _write(directory_fd, EXIT_FILE, b" " * _RESERVED_BYTES, is_synced=False)


def write_record(directory_fd: int, name: str, record: ShimRecord | ExitRecord) -> None:
    """Raises OSError. An end outlasts a power cut; a shim does not, so its record need not."""
    data = json.dumps(asdict(record)).encode()
    _write(directory_fd, name, data, is_synced=isinstance(record, ExitRecord))
    temporary = _temporary(name)
    os.rename(temporary, name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
    if isinstance(record, ExitRecord):
        # The name is the directory's: without this a power cut can take it back.
        os.fsync(directory_fd)


def _temporary(name: str) -> str:
    """One at a time writes it: the launcher before there is a shim, the agent when it is dead."""
    return f".{name}"


def _write(directory_fd: int, name: str, data: bytes, *, is_synced: bool) -> None:
    """Over what was reserved: the file is cut when it is written, never before."""
    fd = os.open(_temporary(name), os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=directory_fd)
    try:
        if os.pwrite(fd, data, 0) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(fd, len(data))
        if is_synced:
            os.fsync(fd)
    finally:
        os.close(fd)


def read_shim_record(directory: Path) -> ShimRecord | None:
    """None where there is none that can be read. Raises OSError where that may pass."""
    return _read(directory / SHIM_FILE, ShimRecord)


def read_exit_record(directory: Path) -> ExitRecord | None:
    """None where there is none that can be read. Raises OSError where that may pass."""
    return _read(directory / EXIT_FILE, ExitRecord)


def _read(file: Path, kind: type[_Record]) -> _Record | None:
    try:
        return kind(**json.loads(file.read_bytes()))
    except (ValueError, TypeError):
        # After a power cut a file may be empty, or hold anything.
        return None
    except OSError as error:
        if is_of_the_file(error):
            return None
        raise


def is_of_the_file(error: OSError) -> bool:
    """Whether another attempt would find the same: there is no such file, the disk has lost it, or
    a program has put something else in its place. Not where only this process has run out of
    something: what cannot be read now may be good."""
    return error.errno in _OF_THE_FILE

"""What a shim leaves on disk: who it is (`shim.json`), and how its container ended (`exit.json`).

Records are written to a temporary name and renamed, so a reader sees all or nothing. A directory
descriptor is used because the path means something else once the shim has its own root.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from shoal.agent.runtime.shim.processes import ProcessIdentity

SHIM_FILE = "shim.json"
EXIT_FILE = "exit.json"


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


def write_record(directory_fd: int, name: str, record: ShimRecord | ExitRecord) -> None:
    temporary = f".{name}.{os.getpid()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=directory_fd)
    try:
        os.write(fd, json.dumps(asdict(record)).encode())
    finally:
        os.close(fd)
    os.rename(temporary, name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)


def read_shim_record(directory: Path) -> ShimRecord | None:
    try:
        return ShimRecord(**json.loads((directory / SHIM_FILE).read_bytes()))
    except FileNotFoundError:
        return None


def read_exit_record(directory: Path) -> ExitRecord | None:
    try:
        return ExitRecord(**json.loads((directory / EXIT_FILE).read_bytes()))
    except FileNotFoundError:
        return None

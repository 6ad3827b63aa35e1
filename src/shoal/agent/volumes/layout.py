"""Lay planned volumes out on disk. The only part of the volumes that touches files; blocking.

Files of ConfigMaps and the like are written the kubelet's way, so that a reader sees either the
old or the new set: a new directory with a time stamp for a name, the link `..data` swapped onto
it by a rename, and links beside it that lead through `..data`.
"""

import logging
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import assert_never

from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.shim.syscalls import MS_NODEV, MS_NOSUID, mount
from shoal.agent.volumes.ownership import READ, belongs_to, give_to_group
from shoal.agent.volumes.plan import (
    EmptyDirPlan,
    File,
    FilesPlan,
    HostPathPlan,
    VolumePlan,
    VolumeProblem,
)

_log = logging.getLogger(__name__)
_DATA = "..data"


def lay_out(
    plans: Sequence[VolumePlan], paths: PodPaths, now: datetime, group_id: int | None = None
) -> dict[str, Path]:
    """Make every volume, or bring it up to date; returns where each is on the host. What the pod
    owns is given to the group, if there is one. Raises VolumeProblem and OSError."""
    # Only root may give a file to a group that is not its own.
    group_id = group_id if os.geteuid() == 0 else None
    return {plan.name: _lay_out(plan, paths, now, group_id) for plan in plans}


def _lay_out(plan: VolumePlan, paths: PodPaths, now: datetime, group_id: int | None) -> Path:
    match plan:
        case EmptyDirPlan(name=name):
            directory = paths.volume(name)
            _empty_dir(plan, directory)
            if group_id is not None:
                give_to_group(directory, group_id, read_only=False)
            return directory
        case HostPathPlan():
            try:
                return _host_path(plan)
            except ValueError as error:
                why = f"hostPath {plan.path!r} cannot be used: {error}"
                raise VolumeProblem(plan.name, why) from error
        case FilesPlan(name=name, files=files):
            directory = paths.volume(name)
            directory.mkdir(parents=True, exist_ok=True)
            if group_id is not None:
                files = {path: replace(file, mode=file.mode | READ) for path, file in files.items()}
            write_files(directory, files, now, group_id)
            if group_id is not None and not belongs_to(directory, group_id):
                give_to_group(directory, group_id, read_only=True)
            return directory
        case _:
            assert_never(plan)


def _empty_dir(plan: EmptyDirPlan, directory: Path) -> None:
    if not directory.exists():
        directory.mkdir(parents=True)
        # Containers may run as anybody.
        directory.chmod(0o777)
    if plan.is_in_memory and not directory.is_mount():
        options = "mode=777" if plan.size_bytes is None else f"mode=777,size={plan.size_bytes}"
        try:
            mount("tmpfs", str(directory), "tmpfs", MS_NOSUID | MS_NODEV, options)
        except OSError as error:
            # `limitations` tells the pod's author.
            _log.info("volume %s is on disk: %s", directory, error)


def _host_path(plan: HostPathPlan) -> Path:
    path = Path(plan.path)
    match plan.type:
        case "" | "DirectoryOrCreate":
            if not path.exists():
                path.mkdir(parents=True, mode=0o755)
            if plan.type and not path.is_dir():
                raise _wrong_type(plan, "a directory")
        case "FileOrCreate":
            if not path.exists():
                path.touch(mode=0o644)
            if not path.is_file():
                raise _wrong_type(plan, "a file")
        case "Directory":
            if not path.is_dir():
                raise _wrong_type(plan, "a directory")
        case "File":
            if not path.is_file():
                raise _wrong_type(plan, "a file")
        case "Socket":
            if not path.is_socket():
                raise _wrong_type(plan, "a socket file")
        case "CharDevice":
            if not path.is_char_device():
                raise _wrong_type(plan, "a character device")
        case "BlockDevice":
            if not path.is_block_device():
                raise _wrong_type(plan, "a block device")
        case _:
            raise VolumeProblem(plan.name, f"{plan.type} is an invalid volume type")
    return path


def _wrong_type(plan: HostPathPlan, kind: str) -> VolumeProblem:
    return VolumeProblem(plan.name, f"hostPath type check failed: {plan.path} is not {kind}")


def write_files(
    directory: Path, files: Mapping[str, File], now: datetime, group_id: int | None = None
) -> None:
    """Make `files` the content of the volume, at once for all readers."""
    data = directory / _DATA
    version = directory / data.readlink() if data.is_symlink() else None
    if version is None or not _holds(version, files):
        version = directory / now.strftime("..%Y_%m_%d_%H_%M_%S.%f")
        try:
            _write_version(version, files, group_id)
        except OSError:
            shutil.rmtree(version, ignore_errors=True)
            raise
        # A link cannot be replaced by making it anew, only by a rename.
        link = directory / "..data_tmp"
        link.unlink(missing_ok=True)
        link.symlink_to(version.name)
        link.rename(data)
    # Even if nothing is new: whoever wrote it may have been killed before the rest was done.
    _point_at_data(directory, {PurePosixPath(name).parts[0] for name in files})
    for other in directory.glob("..[0-9]*"):
        if other != version:
            shutil.rmtree(other, ignore_errors=True)


def _write_version(new: Path, files: Mapping[str, File], group_id: int | None) -> None:
    if new.exists():
        shutil.rmtree(new)
    for name, file in files.items():
        path = new / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        path.chmod(file.mode)
    new.mkdir(exist_ok=True)
    if group_id is not None:
        give_to_group(new, group_id, read_only=True)


def _point_at_data(directory: Path, names: set[str]) -> None:
    for entry in os.scandir(directory):
        if not entry.name.startswith("..") and entry.name not in names:
            Path(entry.path).unlink()
    for name in names:
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(f"{_DATA}/{name}")


def _holds(directory: Path, files: Mapping[str, File]) -> bool:
    """Whether a version on disk has just these files."""
    paths = {str(path.relative_to(directory)): path for path in directory.rglob("*")}
    on_disk = {name for name, path in paths.items() if not path.is_dir()}
    return on_disk == set(files) and all(
        paths[name].read_bytes() == file.data
        and stat.S_IMODE(paths[name].stat().st_mode) == file.mode
        for name, file in files.items()
    )

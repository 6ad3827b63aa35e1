"""fsGroup: volumes that belong to a group, with rights for it. Blocking.

Modes are the kubelet's (Kubernetes v1.36, pkg/volume/volume_linux.go): the group may read, and
write where the volume is not read-only; new entries of directories inherit the group.
"""

import os
import stat
from pathlib import Path

READ = 0o440
_WRITE = 0o660
_DIRECTORY = stat.S_ISGID | 0o110


def give_to_group(directory: Path, group_id: int, *, read_only: bool) -> None:
    """Everything below, the directory itself last: whether it is done can be seen from that.
    Raises OSError where this process may not."""
    if not read_only and belongs_to(directory, group_id):
        return
    for parent, directories, files in os.walk(directory, topdown=False):
        for name in (*files, *directories):
            _give(Path(parent, name), group_id, READ if read_only else _WRITE)
    _give(directory, group_id, READ if read_only else _WRITE)


def belongs_to(directory: Path, group_id: int) -> bool:
    found = directory.stat()
    return found.st_gid == group_id and bool(found.st_mode & stat.S_ISGID)


def _give(path: Path, group_id: int, rights: int) -> None:
    os.chown(path, -1, group_id, follow_symlinks=False)
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return
    if stat.S_ISDIR(mode):
        rights |= _DIRECTORY
    path.chmod(stat.S_IMODE(mode) | rights)

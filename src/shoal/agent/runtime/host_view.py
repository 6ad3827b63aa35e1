"""What sandboxes do not see of the host, and what of that they do: the control plane has its keys,
its database and the files of all pods in one folder, which is nobody's business.

The control plane says what is hidden (`HostView`), the shim hides it (shim/filesystem.py).
"""

import stat
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from shoal.agent.runtime.protocol import Mount


def _nothing(_namespace: str) -> Sequence[Mount]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """The host as the pods of one control plane see it."""

    hidden: Sequence[Path] = ()
    """Folders and files that look empty. Absolute, without symbolic links."""
    shown: Callable[[str], Sequence[Mount]] = _nothing
    """What the pods of a namespace see all the same, made where it is missing. Raises OSError."""


def shut_folders(paths: Sequence[str], user_id: int, group_ids: Collection[int]) -> list[str]:
    """Of each path the outermost folder above it that the user may not enter, if there is one.
    Raises OSError."""
    found = (_shut_folder(Path(path), user_id, group_ids) for path in paths)
    return sorted({str(folder) for folder in found if folder is not None})


def _shut_folder(path: Path, user_id: int, group_ids: Collection[int]) -> Path | None:
    for folder in reversed(path.parents):
        status = folder.stat()
        if not may_enter(status.st_mode, status.st_uid, status.st_gid, user_id, group_ids):
            return folder
    return None


def may_enter(
    mode: int, owner_id: int, group_id: int, user_id: int, group_ids: Collection[int]
) -> bool:
    """Whether the rights of a folder let this user pass, as Linux reads them (path_resolution(7));
    root always may."""
    if user_id == 0:
        return True
    if user_id == owner_id:
        return bool(mode & stat.S_IXUSR)
    if group_id in group_ids:
        return bool(mode & stat.S_IXGRP)
    return bool(mode & stat.S_IXOTH)

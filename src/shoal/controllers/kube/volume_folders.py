"""The folders that are volumes: one below the data folder for each claim, named by its uid.

Blocking work is done in threads. A folder is removed only where it is one of these.
"""

import asyncio
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any


class VolumeFolders:
    def __init__(self, root: Path) -> None:
        """`root` is made when the first folder is."""
        self._root = root

    async def make(self, claim_uid: str) -> Path:
        """The folder of a claim, which may be there already. Raises OSError."""
        return await asyncio.to_thread(self._make, claim_uid)

    async def remove(self, path: Path) -> None:
        """The folder and all in it, if it is there. Raises OSError."""
        # `..` has a parent of its own in a path, and is another folder on the disk.
        if path.parent != self._root or path.name == "..":
            raise PermissionError(f"{path} is no folder of {self._root}; remove it by hand")
        await asyncio.to_thread(_remove, path)

    def _make(self, claim_uid: str) -> Path:
        path = self._root / claim_uid
        path.mkdir(parents=True, exist_ok=True)
        # Containers may run as anybody.
        path.chmod(0o777)
        return path


def _remove(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path, onerror=_try_again)


def _try_again(function: Callable[..., Any], name: str, error: Any) -> None:
    """What a program has made read-only goes, too."""
    path, problem = Path(name), error[1]
    if not isinstance(problem, PermissionError):
        raise problem
    for each in (path.parent, path):
        if not each.is_symlink():
            each.chmod(stat.S_IRWXU)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        function(name)

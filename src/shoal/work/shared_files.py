"""Files that several users of the machine write, in a folder that all of them may write.

SQLite gives the files that it makes beside a database the database's own rights, so it is enough
that those are right from the first moment. In such a folder anybody may also put a link to a file
of somebody else in the place of one: so none is followed there.
"""

import errno
import os
import secrets
import stat
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

_WRITE_FOR_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_MAX_LINKS = 40
"""As many as Linux follows."""


def past_links(path: Path) -> Path:
    """The file itself, which need not exist. Raises OSError for a link that anybody may have
    made."""
    for _ in range(_MAX_LINKS):
        if not path.is_symlink():
            return path
        if path.parent.stat().st_mode & stat.S_IWOTH:
            raise OSError(errno.ELOOP, "it is a link in a folder that everybody may write")
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def open_lock(path: Path) -> TextIOWrapper:
    """A file to be locked, made where it is missing. Raises OSError."""
    make_shared(path)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644), "r+")


def make_shared(path: Path) -> None:
    """Make an empty file, where there is none, that whoever may write its folder may write. A
    folder in which everybody owns what is theirs, like /tmp, says nothing of that kind. Raises
    OSError."""
    folder = path.parent.stat().st_mode
    others = folder & _WRITE_FOR_OTHERS
    if not others or folder & stat.S_ISVTX or path.exists():
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # Past the umask; who may write may read.
        os.fchmod(fd, 0o600 | others | others << 1)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.close(fd)
        draft.unlink()

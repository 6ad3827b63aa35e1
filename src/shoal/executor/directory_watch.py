"""Wait for files of one directory to come and go: inotify where there is one, else polling.

Standard library only, for `task_loop` lives in users' containers.
"""

import ctypes
import os
import select
import sys
from pathlib import Path

POLL_INTERVAL_S = 0.05
"""How often to look where the kernel does not tell."""

# linux/inotify.h; both ends of the contract rename files into place and remove them.
_IN_CLOSE_WRITE = 0x008
_IN_MOVED_FROM = 0x040
_IN_MOVED_TO = 0x080
_IN_DELETE = 0x200
_EVENTS = _IN_CLOSE_WRITE | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_DELETE


class DirectoryWatch:
    """Tells that something in a directory changed, not what: the reader looks again."""

    def __init__(self, directory: Path, *, use_inotify: bool = True) -> None:
        self._descriptor = _open_inotify(directory) if use_inotify else None

    @property
    def descriptor(self) -> int | None:
        """Readable when something changed; None where the caller has to poll."""
        return self._descriptor

    def drain(self) -> None:
        """Forget changes so far. Call it before looking, so that none is missed."""
        if self._descriptor is None:
            return
        try:
            while os.read(self._descriptor, 4096):
                pass
        except BlockingIOError:
            pass

    def wait(self, wake: int) -> None:
        """Block until something changed, `wake` is readable, or it is time to poll."""
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if self._descriptor is None:
            poll.poll(POLL_INTERVAL_S * 1000)
            return
        poll.register(self._descriptor, select.POLLIN)
        poll.poll()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _open_inotify(directory: Path) -> int | None:
    """A descriptor that watches `directory`, or None where the machine has no inotify (left)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if descriptor < 0:
        return None
    if libc.inotify_add_watch(descriptor, os.fsencode(directory), _EVENTS) < 0:
        os.close(descriptor)
        return None
    return descriptor

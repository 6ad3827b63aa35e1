"""Where a proxy and its control plane meet: a socket in a folder of the control plane's data.

The folder's path may be longer than addresses of sockets can be, so both go by a descriptor of it.
"""

import os
import socket
from collections.abc import Callable
from pathlib import Path

SOCKET_FILE = "socket"
LOCK_FILE = "lock"
"""Locked by the proxy as long as it lives."""
LOG_FILE = "log"


def open_door(folder: Path) -> socket.socket:
    """A socket to listen on; an old one is out of the way. Raises OSError."""
    (folder / SOCKET_FILE).unlink(missing_ok=True)
    return _made(folder, socket.socket.bind)


def come_to_door(folder: Path) -> socket.socket:
    """A connection to whoever listens there. Raises OSError: FileNotFoundError or
    ConnectionRefusedError where nobody does."""
    return _made(folder, socket.socket.connect)


def _made(folder: Path, meet: Callable[[socket.socket, str], None]) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    try:
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        try:
            meet(made, f"/proc/self/fd/{fd}/{SOCKET_FILE}")
        finally:
            os.close(fd)
    except OSError:
        made.close()
        raise
    return made

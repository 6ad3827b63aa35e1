"""`python -m shoal.agent.network.proxy FOLDER`: returns when the proxy listens in the folder, and
leaves it running, a child of nobody here: it outlives whoever started it.

What goes wrong before that is on standard error, what goes wrong later in the folder's log.
"""

import asyncio
import fcntl
import logging
import logging.handlers
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

import uvloop

from shoal.agent.network.proxy.control import Control
from shoal.agent.network.proxy.listeners import RETRY_S, Listeners
from shoal.agent.network.proxy.place import LOCK_FILE, LOG_FILE, SOCKET_FILE, open_door
from shoal.agent.runtime.shim.syscalls import name_process

_LOCK_TRIES = 40
_LOCK_PAUSE_S = 0.05
_LOG_BYTES = 1024 * 1024


async def _serve(door: socket.socket, path: Path) -> None:
    listeners = Listeners()
    retrying = asyncio.create_task(_retry(listeners))
    await Control(listeners, door, path).run()
    retrying.cancel()


async def _retry(listeners: Listeners) -> None:
    while True:
        await asyncio.sleep(RETRY_S)
        await listeners.retry()


def _lock(folder: Path) -> None:
    """One proxy for a folder. The last one may just be on its way out."""
    fd = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_S)
        else:
            return
    sys.exit(f"another proxy has {folder}, and nobody can reach it; end that process")


def _leave_starter() -> None:
    """Its streams: it waits until they are closed, others read what it prints."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)


def _log_to(folder: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(
        folder / LOG_FILE, maxBytes=_LOG_BYTES, backupCount=1
    )
    logging.basicConfig(handlers=[handler], format="%(asctime)s %(levelname)s %(message)s")


def main() -> None:
    folder = Path(sys.argv[1])
    _lock(folder)
    door = open_door(folder)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    _log_to(folder)
    if os.fork():
        os._exit(0)
    # Ctrl-C in a terminal reaches all of a session; so does its end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    name_process("shoal-proxy")
    # Here, as those who come are told who listened first.
    door.listen()
    _leave_starter()
    try:
        uvloop.run(_serve(door, folder / SOCKET_FILE))
    except Exception:
        logging.exception("the proxy ends")
        raise


main()

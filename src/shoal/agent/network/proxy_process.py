"""The control plane's side of the proxy: find the one that runs, start one, end it.

A proxy is nobody's child: it is found again by its socket in the data folder, after a restart or a
`kill -9` of the control plane. Who listens there the kernel tells, so that a proxy of another
version, or one that answers no more, is ended without a word to it.
"""

import asyncio
import logging
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from asyncio import StreamReader, StreamWriter
from pathlib import Path

import msgspec

from shoal.agent.network.proxy.place import SOCKET_FILE, come_to_door
from shoal.agent.network.proxy.wire import MAX_LINE_BYTES, PROTOCOL, ProxyHello

_log = logging.getLogger(__name__)

_FOLDER = "proxy"
_START_TIMEOUT_S = 60.0
_HELLO_TIMEOUT_S = 30.0
"""Long: to end a proxy that is only slow would end its connections."""
_END_TIMEOUT_S = 10.0
_CREDENTIALS = struct.Struct("3i")
"""`struct ucred` of SO_PEERCRED: pid, uid, gid."""


class ProxyProcess:
    """The proxy of one control plane, whether it runs or not."""

    def __init__(self, data_dir: Path, *, patience_s: float = _HELLO_TIMEOUT_S) -> None:
        """One that says nothing for `patience_s` is taken for dead."""
        self._folder = data_dir.absolute() / _FOLDER
        self._patience_s = patience_s

    @property
    def pid(self) -> int | None:
        """Of the one that runs."""
        try:
            with come_to_door(self._folder) as connection:
                return _peer(connection)[0]
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    async def adopt(self) -> tuple[StreamReader, StreamWriter] | None:
        """A connection to the one that runs, which has said hello; None where there is none. One
        that cannot be understood, or is of another user, is ended. Raises OSError."""
        try:
            connection = come_to_door(self._folder)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        user_id = _peer(connection)[1]
        if user_id != os.geteuid():
            # It may be unable to do what is asked of it, or able to do more than this user is.
            _log.warning("the proxy of Services is of user %d; replacing it", user_id)
            connection.close()
            await asyncio.to_thread(self.end)
            return None
        streams = await asyncio.open_unix_connection(sock=connection, limit=MAX_LINE_BYTES)
        reader, writer = streams
        try:
            async with asyncio.timeout(self._patience_s):
                line = await reader.readline()
            if msgspec.json.decode(line, type=ProxyHello).protocol == PROTOCOL:
                return streams
            _log.info("the proxy of Services is of another version; replacing it")
        except (TimeoutError, ConnectionError, msgspec.MsgspecError):
            _log.warning("the proxy of Services does not answer; replacing it")
        writer.close()
        await asyncio.to_thread(self.end)
        return None

    async def start(self) -> tuple[StreamReader, StreamWriter]:
        """A connection to a new one. Raises OSError."""
        starting = asyncio.ensure_future(asyncio.to_thread(self._start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Whoever ends it must find it.
            await asyncio.wait([starting])
            raise
        streams = await self.adopt()
        if streams is None:
            raise OSError("the proxy of Services ended as soon as it was started")
        return streams

    def end(self) -> None:
        """Blocking. Nothing happens where none runs. Raises OSError."""
        pid = self.pid
        if pid is not None:
            _kill(pid)
        (self._folder / SOCKET_FILE).unlink(missing_ok=True)

    def _start(self) -> None:
        self._folder.mkdir(exist_ok=True, mode=0o700)
        argv = [sys.executable, "-m", "shoal.agent.network.proxy", str(self._folder)]
        try:
            ended = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                cwd="/",
                timeout=_START_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            limit_s = error.timeout
            raise OSError(f"the proxy of Services does not start within {limit_s} s") from error
        if ended.returncode:
            said = ended.stderr.decode(errors="replace").strip()
            raise OSError(f"the proxy of Services cannot start: {said}")


def _peer(connection: socket.socket) -> tuple[int, int]:
    """The process that listens there, and the user it was when it began to."""
    size = _CREDENTIALS.size
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, user_id, _ = _CREDENTIALS.unpack(found)
    return pid, user_id


def _kill(pid: int) -> None:
    """Return when it is dead, and its addresses are free."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        ended = select.poll()
        ended.register(pidfd, select.POLLIN)
        if not ended.poll(_END_TIMEOUT_S * 1000):
            raise OSError(f"the proxy of Services, process {pid}, does not end; end it yourself")
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)

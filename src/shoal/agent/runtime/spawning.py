"""The agent's side of the spawner: start it, ask it, notice when it is gone.

Requests go over a socket pair, each with the writing end of a pipe; the answer is whatever comes
out of the pipe until everybody who holds that end has closed it. So requests need no numbers, and
a launcher that dies is an empty answer.
"""

import asyncio
import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import shoal
from shoal.agent.runtime.shim.spawner import MAX_REQUEST_BYTES
from shoal.base.clock import Clock

_MAX_LAUNCHES = 8
"""At once: more would only make all of them late."""
_PIECE_BYTES = 65536
_LOCK_FILE = "agent.lock"
_LOCK_TRIES = 200
_LOCK_PAUSE_S = 0.05


def is_in_use(root: Path) -> bool:
    """Whether an agent, or a launch of an earlier one, is at work in the directory of pods."""
    try:
        fd = os.open(root / _LOCK_FILE, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        # Shared: several may ask at a time. An agent that comes meanwhile tries again.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class Spawner:
    """One per agent and directory of pods."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._lock_fd: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._sending = asyncio.Lock()
        self._launches = asyncio.Semaphore(_MAX_LAUNCHES)

    async def lock(self) -> None:
        """Wait until no other agent, and no launch of an earlier one, is at work in the
        directory. Raises OSError when that does not come to be within ten seconds."""
        if self._lock_fd is not None:
            return
        self._root.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._root / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await self._clock.sleep(_LOCK_PAUSE_S)
            else:
                self._lock_fd = fd
                return
        os.close(fd)
        raise OSError(f"another agent is using {self._root}; stop it, or use another directory")

    async def launch(self, directory: Path) -> dict[str, Any]:
        """Start the container whose order is in `directory`. Empty: it runs; else `failure`."""
        async with self._launches:
            answer = await self._ask({"directory": str(directory)})
        return {"failure": "its launcher died"} if answer is None else answer

    async def execute(
        self, directory: Path, argv: list[str], timeout_s: float
    ) -> dict[str, Any] | None:
        """Run a command in the container of `directory`; None when it cannot be asked."""
        return await self._ask({"directory": str(directory), "argv": argv, "timeout_s": timeout_s})

    async def close(self) -> None:
        """Let the spawner end. Its shims go on."""
        self._drop()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        message = json.dumps(request).encode()
        if len(message) > MAX_REQUEST_BYTES:
            return None
        answer_read, answer_write = os.pipe()
        try:
            async with self._sending:
                await self._send(message, answer_write)
        except OSError:
            os.close(answer_read)
            raise
        finally:
            os.close(answer_write)
        answer = await read_to_end(answer_read)
        return json.loads(answer) if answer else None

    async def _send(self, message: bytes, answer_fd: int) -> None:
        while True:
            connection = self._connect()
            try:
                socket.send_fds(connection, [message], [answer_fd])
            except BlockingIOError:
                await _wait_writable(connection)
            except (BrokenPipeError, ConnectionResetError):
                # Somebody ended it. Nothing was sent, so a new one may be asked.
                self._drop()
            else:
                return

    def _connect(self) -> socket.socket:
        if self._connection is None:
            if self._lock_fd is None:
                raise OSError("the runtime has not recovered yet, or is closed")
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.setblocking(False)
            self._process = self._start_process(theirs.fileno(), self._lock_fd)
            theirs.close()
            self._connection = ours
        return self._connection

    @staticmethod
    def _start_process(connection_fd: int, lock_fd: int) -> subprocess.Popen[bytes]:
        package_parent = str(Path(shoal.__file__).resolve().parents[1])
        program = (
            f"import sys; sys.path.insert(0, {package_parent!r}); "
            "from shoal.agent.runtime.shim.spawner import serve; "
            f"serve({connection_fd}, {lock_fd})"
        )
        # -I -S: no site-packages, no user's settings; it starts in a third of the time.
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(connection_fd, lock_fd),
            start_new_session=True,
            cwd="/",
        )

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            # At once: it ends when it reads the end of the socket.
            self._process.wait()
            self._process = None


async def _wait_writable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    writable: asyncio.Future[None] = loop.create_future()
    loop.add_writer(connection.fileno(), writable.set_result, None)
    try:
        await writable
    finally:
        loop.remove_writer(connection.fileno())


async def read_to_end(fd: int) -> bytes:
    """All that comes, until nobody can write any more; `fd` is closed then.

    Not by a transport: that of uvloop 0.23 closes the descriptor of a pipe, and then the file that
    it was given, which by that time may be another's, of any thread."""
    os.set_blocking(fd, False)
    loop = asyncio.get_running_loop()
    pieces: list[bytes] = []
    at_end: asyncio.Future[None] = loop.create_future()

    def on_readable() -> None:
        piece = os.read(fd, _PIECE_BYTES)
        pieces.append(piece)
        if not piece:
            loop.remove_reader(fd)
            if not at_end.done():
                at_end.set_result(None)

    loop.add_reader(fd, on_readable)
    try:
        await at_end
    finally:
        loop.remove_reader(fd)
        os.close(fd)
    return b"".join(pieces)

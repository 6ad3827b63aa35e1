"""The spawner: a small process that forks shims for the agent.

Forking the agent itself would be wrong (threads, hundreds of megabytes) and starting an
interpreter per container slow (20 ms, 6 MB). So one warm interpreter forks them all and they share
its memory. It lives as long as the agent's end of the socket is open; its shims live on.

It inherits the agent's lock on the directory of pods, and so does every launch until its record is
written: whoever gets the lock next knows that no launch is under way.
"""

import gc
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

from shoal.agent.runtime.shim import syscalls
from shoal.agent.runtime.shim.execution import execute
from shoal.agent.runtime.shim.launch import launch
from shoal.agent.runtime.shim.order import ORDER_FILE, LaunchOrder
from shoal.agent.runtime.shim.program import describe
from shoal.agent.runtime.shim.supervision import answer

MAX_REQUEST_BYTES = 128 * 1024


def serve(connection_fd: int, lock_fd: int) -> None:
    """Carry out requests, each with a descriptor for its answer, until the agent is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    syscalls.name_process("shoal-spawner")
    gc.disable()
    gc.freeze()
    connection = socket.socket(fileno=connection_fd)
    while True:
        data, fds, _, _ = socket.recv_fds(connection, MAX_REQUEST_BYTES, 1)
        if not data:
            return
        [answer_fd] = fds
        os.set_inheritable(answer_fd, False)
        try:
            pid = os.fork()
        except OSError as error:
            answer(answer_fd, {"failure": f"fork: {describe(error)}"})
            continue
        if pid == 0:
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _carry_out(json.loads(data), answer_fd, (connection_fd, lock_fd))
            finally:
                os._exit(0)
        os.close(answer_fd)


def _carry_out(request: dict[str, Any], answer_fd: int, spawner_fds: tuple[int, int]) -> None:
    directory = Path(request["directory"])
    if "argv" in request:
        execute(directory, request["argv"], request["timeout_s"], answer_fd, spawner_fds)
    else:
        order = LaunchOrder.decode((directory / ORDER_FILE).read_bytes())
        launch(order, answer_fd, spawner_fds)

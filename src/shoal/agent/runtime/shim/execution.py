"""A command inside a running container, with its namespaces, cgroup, user and environment."""

import os
import select
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from shoal.agent.runtime.shim import syscalls
from shoal.agent.runtime.shim.isolation import join_namespaces
from shoal.agent.runtime.shim.order import ORDER_FILE, LaunchOrder
from shoal.agent.runtime.shim.processes import descendants, kill_quietly
from shoal.agent.runtime.shim.program import CgroupFiles, ProgramError, describe, fork_program
from shoal.agent.runtime.shim.records import read_shim_record
from shoal.agent.runtime.shim.supervision import answer

MAX_OUTPUT_BYTES = 10 * 1024
_CANNOT_START = 126


def execute(
    directory: Path, argv: list[str], timeout_s: float, answer_fd: int, spawner_fds: Sequence[int]
) -> None:
    """Run to the end, then answer exit code and output."""
    deadline_s = time.monotonic() + timeout_s
    try:
        order = LaunchOrder.decode((directory / ORDER_FILE).read_bytes())
        shim = read_shim_record(directory)
        if shim is None:
            raise ProcessLookupError(f"{directory} has no shim")
        cgroup = CgroupFiles.open(order.cgroup)
        for fd in spawner_fds:
            os.close(fd)
        if order.isolation is None:
            syscalls.become_subreaper()
        else:
            join_namespaces(shim.identity, order)
        output_read, output_write = os.pipe()
        pid = fork_program(argv, order, output_write, output_write, cgroup)
    except ProgramError as error:
        answer(answer_fd, {"exit_code": error.exit_code, "output": str(error)})
        return
    except OSError as error:
        answer(answer_fd, {"exit_code": _CANNOT_START, "output": describe(error)})
        return
    os.close(output_write)
    output, is_timed_out = _collect(pid, output_read, deadline_s)
    if is_timed_out:
        os.killpg(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if order.isolation is None:
        # No shim would find them when the container ends.
        for left in descendants(os.getpid()):
            kill_quietly(left)
    answer(
        answer_fd,
        {
            "exit_code": code if code >= 0 else 128 - code,
            "output": output.decode(errors="replace"),
            "is_timed_out": is_timed_out,
        },
    )


def _collect(pid: int, output_fd: int, deadline_s: float) -> tuple[bytes, bool]:
    """Output until the command ends, and whether time ran out before that."""
    process_fd = os.pidfd_open(pid)
    os.set_blocking(output_fd, False)
    poll = select.poll()
    poll.register(process_fd, select.POLLIN)
    poll.register(output_fd, select.POLLIN)
    output = b""
    while True:
        ready = [fd for fd, _ in poll.poll(max(0.0, deadline_s - time.monotonic()) * 1000)]
        if not ready:
            return output, True
        # To the end of what is there: a command that has ended has written all it will.
        while output_fd in ready:
            try:
                data = os.read(output_fd, 65536)
            except BlockingIOError:
                break
            if not data:
                poll.unregister(output_fd)
                break
            output = (output + data)[:MAX_OUTPUT_BYTES]
        if process_fd in ready:
            return output, False

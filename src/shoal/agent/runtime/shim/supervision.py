"""The life of a shim: start the container, copy its output, wait, record how it ended.

A shim is asleep unless its container writes, ends or is signalled; one that watches memory wakes
now and then. In a sandbox it is process 1, so orphans come to it and its own end is theirs; else
it is a subreaper, and has to find its descendants. Signals are its only input: SIGTERM is passed
on to the container's first process, SIGUSR1 means kill everything.
"""

import json
import os
import select
import signal
import socket
import time
from types import FrameType

from shoal.agent.runtime.shim import syscalls
from shoal.agent.runtime.shim.container_log import RotatingLog, StreamEntries
from shoal.agent.runtime.shim.filesystem import build_root
from shoal.agent.runtime.shim.memory import MemoryWatch
from shoal.agent.runtime.shim.order import LaunchOrder
from shoal.agent.runtime.shim.processes import all_pids, descendants, kill_quietly
from shoal.agent.runtime.shim.program import (
    CgroupFiles,
    ProgramError,
    describe,
    fork_program,
)
from shoal.agent.runtime.shim.records import EXIT_FILE, ExitRecord, write_record

KILL_ALL = signal.SIGUSR1
_READ_BYTES = 64 * 1024


class Shim:
    def __init__(
        self,
        order: LaunchOrder,
        started_ns: int,
        directory_fd: int,
        log: RotatingLog,
        cgroup: CgroupFiles,
    ) -> None:
        self._order = order
        self._started_ns = started_ns
        self._directory_fd = directory_fd
        self._log = log
        self._cgroup = cgroup
        self._main_pid = 0
        self._wait_status: int | None = None
        self._must_terminate = False
        self._must_kill = False
        limit_bytes = order.sampled_memory_bytes
        self._memory = MemoryWatch(limit_bytes) if limit_bytes is not None else None
        self._streams: dict[int, StreamEntries] = {}
        self._poll = select.poll()

    def run(self, answer_fd: int) -> None:
        """Returns when the container has ended and that is on disk."""
        wakeup_fd = self._catch_signals()
        try:
            self._start()
        except (OSError, ValueError, ProgramError) as error:
            # ValueError: a null byte in a path.
            message = str(error) if isinstance(error, ProgramError) else describe(error)
            fail_start(self._directory_fd, self._started_ns, message, answer_fd)
            return
        answer(answer_fd, {})
        while self._wait_status is None:
            for fd, _ in self._poll.poll(self._sample_memory()):
                if fd == wakeup_fd:
                    os.read(wakeup_fd, 4096)
                else:
                    self._copy(fd)
            self._pass_signals_on()
            self._reap()
        self._end(self._wait_status)

    def _catch_signals(self) -> int:
        wakeup_read, wakeup_write = os.pipe()
        os.set_blocking(wakeup_write, False)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(KILL_ALL, self._on_kill)
        self._poll.register(wakeup_read, select.POLLIN)
        return wakeup_read

    def _on_terminate(self, _signal: int, _frame: FrameType | None) -> None:
        self._must_terminate = True

    def _on_kill(self, _signal: int, _frame: FrameType | None) -> None:
        self._must_kill = True

    def _start(self) -> None:
        if self._order.isolation is None:
            syscalls.become_subreaper()
        else:
            socket.sethostname(self._order.isolation.hostname)
            build_root(self._order.isolation, self._order.directory, self._order.working_dir)
        out_read, out_write = os.pipe()
        error_read, error_write = os.pipe()
        self._main_pid = fork_program(
            self._order.argv, self._order, out_write, error_write, self._cgroup
        )
        os.close(out_write)
        os.close(error_write)
        for fd, stream in ((out_read, b"stdout"), (error_read, b"stderr")):
            os.set_blocking(fd, False)
            self._streams[fd] = StreamEntries(stream)
            self._poll.register(fd, select.POLLIN)

    def _copy(self, fd: int) -> bool:
        """Move what is there from a stream to the log; False when there is no more."""
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._poll.unregister(fd)
            self._log_entries(self._streams.pop(fd).finish(time.time_ns()))
            return False
        self._log_entries(self._streams[fd].feed(data, time.time_ns()))
        return True

    def _log_entries(self, entries: bytes) -> None:
        if entries:
            self._log.write(entries)

    def _pass_signals_on(self) -> None:
        if self._must_terminate:
            self._must_terminate = False
            os.kill(self._main_pid, signal.SIGTERM)
        if self._must_kill:
            self._must_kill = False
            self._kill_all()

    def _pids(self) -> list[int]:
        """Every process of the container."""
        own_pid = os.getpid()
        if self._order.isolation is None:
            return descendants(own_pid)
        # The fresh /proc shows this namespace only.
        return [pid for pid in all_pids() if pid != own_pid]

    def _kill_all(self) -> None:
        for pid in self._pids():
            kill_quietly(pid)

    def _reap(self) -> None:
        while self._wait_status is None:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid == self._main_pid:
                self._wait_status = status

    def _sample_memory(self) -> int | None:
        """Kill the container when it is over its limit; answers when to look again, in ms."""
        if self._memory is None:
            return None
        pause_s = self._memory.look(self._pids, time.monotonic())
        if self._memory.is_over:
            self._kill_all()
        # Rounded up, or the last moment would be spent asking what time it is.
        return int(pause_s * 1000) + 1

    def _is_over_limit(self) -> bool:
        return self._memory is not None and self._memory.is_over

    def _end(self, wait_status: int) -> None:
        """A container ends with its first process: take the others along, then record."""
        self._end_others()
        for fd in list(self._streams):
            while self._copy(fd):
                pass
        for entries in self._streams.values():
            self._log_entries(entries.finish(time.time_ns()))
        code = os.waitstatus_to_exitcode(wait_status)
        record = ExitRecord(
            exit_code=code if code >= 0 else 128 - code,
            signal=max(0, -code),
            is_oom_killed=self._is_over_limit() or self._cgroup.oom_kills() > 0,
            started_ns=self._started_ns,
            finished_ns=time.time_ns(),
        )
        write_record(self._directory_fd, EXIT_FILE, record)

    def _end_others(self) -> None:
        while True:
            try:
                # Is there anyone? Looking through /proc costs more than asking.
                os.waitpid(-1, os.WNOHANG)
                self._kill_all()
                # Whoever was asked for may have been the last.
                os.waitpid(-1, 0)
            except ChildProcessError:
                return


def answer(answer_fd: int, values: dict[str, object]) -> None:
    """Tell the agent, if it is still there."""
    try:
        os.write(answer_fd, json.dumps(values).encode())
    except BrokenPipeError:
        pass
    os.close(answer_fd)


def fail_start(directory_fd: int, started_ns: int, message: str, answer_fd: int) -> None:
    record = ExitRecord(
        exit_code=128,
        signal=0,
        is_oom_killed=False,
        started_ns=started_ns,
        finished_ns=time.time_ns(),
        start_failure=message,
    )
    try:
        write_record(directory_fd, EXIT_FILE, record)
    except OSError:
        # The disk is full, maybe. Whoever asked is told all the same.
        pass
    answer(answer_fd, {"failure": message})

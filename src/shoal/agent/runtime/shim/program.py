"""From a fork to the user's program: cgroup, streams, user, directory, exec.

Used for a container's first process and for commands executed in it later.
"""

import os
import signal
from dataclasses import dataclass

from shoal.agent.runtime.shim import syscalls
from shoal.agent.runtime.shim.order import CgroupEntry, LaunchOrder
from shoal.agent.runtime.shim.privileges import assume_user

_RESTORED_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
"""Python and the shim set these up for themselves; a program starts with the defaults."""


class ProgramError(Exception):
    """The program could not be started, and why. `exit_code` is 126 or 127, as shells say it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class CgroupFiles:
    """A cgroup's files, opened while their paths still mean the host's."""

    process_fds: list[int]
    oom_fd: int | None

    @classmethod
    def open(cls, entry: CgroupEntry | None) -> "CgroupFiles":
        if entry is None:
            return cls([], None)
        return cls(
            [os.open(path, os.O_WRONLY) for path in entry.process_files],
            os.open(entry.oom_file, os.O_RDONLY) if entry.oom_file else None,
        )

    def oom_kills(self) -> int:
        if self.oom_fd is None:
            return 0
        for line in os.pread(self.oom_fd, 4096, 0).splitlines():
            name, _, value = line.partition(b" ")
            if name == b"oom_kill":
                return int(value)
        return 0


def fork_program(
    argv: list[str], order: LaunchOrder, stdout_fd: int, stderr_fd: int, cgroup: CgroupFiles
) -> int:
    """Start a program with the user, environment and directory of a container; answers its pid
    once it has been executed. Raises ProgramError."""
    error_read, error_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become_program(argv, order, stdout_fd, stderr_fd, cgroup)
        except (OSError, ValueError) as error:
            # ValueError: a null byte in an argument or a variable.
            exit_code = 127 if isinstance(error, FileNotFoundError) else 126
            os.write(error_write, f"{exit_code} {describe(error)}".encode()[:4096])
        finally:
            os._exit(127)
    os.close(error_write)
    # Exec closes the other end, so an empty answer is success.
    message = os.read(error_read, 8192).decode(errors="replace")
    os.close(error_read)
    if not message:
        return pid
    os.waitpid(pid, 0)
    exit_code, _, text = message.partition(" ")
    raise ProgramError(text, int(exit_code))


def _become_program(
    argv: list[str], order: LaunchOrder, stdout_fd: int, stderr_fd: int, cgroup: CgroupFiles
) -> None:
    os.setsid()
    os.umask(0o022)
    for fd in cgroup.process_fds:
        os.write(fd, b"0")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(stdout_fd, 1)
    os.dup2(stderr_fd, 2)
    if order.user_id is not None and os.geteuid() == 0:
        # So that the program may open /dev/stdout anew as the user it is about to become.
        for fd in (1, 2):
            os.fchown(fd, order.user_id, -1)
    assume_user(order)
    # After the change of user, which clears it.
    syscalls.die_with_parent(signal.SIGKILL)
    for number in _RESTORED_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    try:
        os.chdir(order.working_dir)
    except OSError as error:
        text = f'working directory "{order.working_dir}": {_reason(error)}'
        raise OSError(error.errno, text) from error
    try:
        os.execvpe(argv[0], argv, order.env)
    except OSError as error:
        raise OSError(error.errno, _refusal(argv[0], error)) from error


def describe(error: OSError | ValueError) -> str:
    """The text of an error without its number."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _reason(error: OSError) -> str:
    return describe(error).lower()


def _refusal(command: str, error: OSError) -> str:
    """In the words of container engines, which people search for."""
    if not isinstance(error, FileNotFoundError):
        return f'exec: "{command}": {_reason(error)}'
    if "/" in command:
        return f'exec: "{command}": stat {command}: no such file or directory'
    return f'exec: "{command}": executable file not found in $PATH'

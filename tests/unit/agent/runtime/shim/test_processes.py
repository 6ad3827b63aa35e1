"""Processes are opened by who they are, never by a recycled pid."""

import os
import signal
import subprocess
from dataclasses import replace

from shoal.agent.runtime.shim.processes import descendants, identify, open_process


def test_a_process_is_opened_by_its_identity() -> None:
    pidfd = open_process(identify(os.getpid()))
    assert pidfd is not None
    os.close(pidfd)


def test_another_process_with_the_same_pid_is_not_opened() -> None:
    identity = identify(os.getpid())
    assert open_process(replace(identity, start_ticks=identity.start_ticks - 1)) is None
    assert open_process(replace(identity, boot_id="another-boot")) is None


def test_a_process_that_has_ended_is_not_opened() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        identity = identify(process.pid)
    assert open_process(identity) is None


def test_a_zombie_is_not_opened() -> None:
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    identity = identify(process.pid)
    process.kill()
    # Waits for the end and leaves the zombie.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert open_process(identity) is None
    process.communicate()


def test_descendants_are_children_and_theirs() -> None:
    script = "sleep 1000 & echo $!; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        child = int(shell.stdout.readline())
        found = descendants(os.getpid())
        os.kill(child, signal.SIGKILL)
    assert found.index(shell.pid) < found.index(child)

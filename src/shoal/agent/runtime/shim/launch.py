"""From an order to a running shim: namespaces, a second fork, and the record of who it is.

The shim waits at a gate until its record is on disk, so there is no moment at which a container
runs that a restarted agent could not find.
"""

import os
import time
from collections.abc import Sequence

from shoal.agent.runtime.shim import syscalls
from shoal.agent.runtime.shim.container_log import RotatingLog
from shoal.agent.runtime.shim.isolation import enter_new_namespaces
from shoal.agent.runtime.shim.order import LaunchOrder
from shoal.agent.runtime.shim.processes import identify
from shoal.agent.runtime.shim.program import CgroupFiles, describe
from shoal.agent.runtime.shim.records import (
    SHIM_FILE,
    ShimRecord,
    reserve_exit_record,
    write_record,
)
from shoal.agent.runtime.shim.supervision import Shim, fail_start


def launch(order: LaunchOrder, answer_fd: int, spawner_fds: Sequence[int]) -> None:
    """Leave a shim behind. `spawner_fds` are what a shim must not keep open."""
    directory_fd = os.open(order.directory, os.O_RDONLY | os.O_DIRECTORY)
    started_ns = time.time_ns()
    try:
        os.setsid()
        reserve_exit_record(directory_fd)
        log = RotatingLog(order.log)
        cgroup = CgroupFiles.open(order.cgroup)
        if order.isolation is not None:
            enter_new_namespaces(order, order.isolation)
        gate_read, gate_write = os.pipe()
        pid = os.fork()
    except OSError as error:
        fail_start(directory_fd, started_ns, describe(error), answer_fd)
        return
    if pid == 0:
        try:
            for fd in (*spawner_fds, gate_write):
                os.close(fd)
            # Nothing comes when the launcher died before it wrote the record.
            if os.read(gate_read, 1):
                os.close(gate_read)
                syscalls.name_process("shoal-shim")
                Shim(order, started_ns, directory_fd, log, cgroup).run(answer_fd)
        finally:
            os._exit(0)
    shim = identify(pid)
    record = ShimRecord(
        pid=shim.pid,
        start_ticks=shim.start_ticks,
        boot_id=shim.boot_id,
        started_ns=started_ns,
    )
    write_record(directory_fd, SHIM_FILE, record)
    os.write(gate_write, b"g")

"""Entering namespaces: new ones for a container, or those of a running one for exec."""

import errno
import os

from shoal.agent.runtime.shim import syscalls
from shoal.agent.runtime.shim.order import Isolation, LaunchOrder
from shoal.agent.runtime.shim.processes import ProcessIdentity, identify

_OWN = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWPID | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS
_JOINED = (
    ("user", syscalls.CLONE_NEWUSER),
    ("ipc", syscalls.CLONE_NEWIPC),
    ("uts", syscalls.CLONE_NEWUTS),
    ("pid", syscalls.CLONE_NEWPID),
    ("net", syscalls.CLONE_NEWNET),
    ("mnt", syscalls.CLONE_NEWNS),
)
"""In the order of joining: user first, because it grants the right to the others; mount last,
because paths mean something else afterwards."""


def enter_new_namespaces(order: LaunchOrder, isolation: Isolation) -> None:
    """Only the next child is in the new process namespace, as its process 1."""
    if isolation.has_user_namespace:
        _enter_user_namespace(order)
    if order.network:
        _join_network(order.network)
    syscalls.unshare(_OWN, "make mount, pid, ipc and uts namespaces")


def _join_network(file: str) -> None:
    fd = os.open(file, os.O_RDONLY)
    syscalls.setns(fd, syscalls.CLONE_NEWNET)
    os.close(fd)


def _enter_user_namespace(order: LaunchOrder) -> None:
    """Map one user: the container sees the user it asked for, the host sees the agent's."""
    outer_user, outer_group = os.geteuid(), os.getegid()
    inner_user = outer_user if order.user_id is None else order.user_id
    inner_group = outer_group if order.group_id is None else order.group_id
    syscalls.unshare(syscalls.CLONE_NEWUSER, "make a user namespace")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{inner_user} {outer_user} 1")
    _write("/proc/self/gid_map", f"{inner_group} {outer_group} 1")


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def join_namespaces(process: ProcessIdentity, order: LaunchOrder) -> None:
    """Enter those of a container's process; only the next child is in its process namespace.
    Raises OSError when it has ended."""
    assert order.isolation is not None
    shared = {
        *(() if order.isolation.has_user_namespace else ("user",)),
        *(() if order.network else ("net",)),
    }
    fds = [
        (os.open(f"/proc/{process.pid}/ns/{name}", os.O_RDONLY), flag)
        for name, flag in _JOINED
        if name not in shared
    ]
    if identify(process.pid) != process:
        raise ProcessLookupError(errno.ESRCH, "the container has ended")
    for fd, flag in fds:
        syscalls.setns(fd, flag)
        os.close(fd)

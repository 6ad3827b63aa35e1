"""Linux calls that Python 3.11's standard library lacks, through the C library.

Each raises OSError whose text says what was tried on what, because that sentence is all a user
sees when a machine refuses.
"""

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_NOATIME = 1024
MS_NODIRATIME = 2048
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_RELATIME = 1 << 21

_MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITY_BITS = 64

_ARGUMENTS = slice(45, 47)
"""`arg_start` and `arg_end` among the fields of /proc/PID/stat after the name."""

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, action: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{action}: {os.strerror(number)}")


def unshare(flags: int, action: str) -> None:
    """`action` names the namespaces, for the error."""
    _check(_libc.unshare(flags), action)


def setns(fd: int, flags: int) -> None:
    _check(_libc.setns(fd, flags), "join the container's namespaces")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    _check(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            options.encode() if options else None,
        ),
        f"mount {kind or source} on {target}",
    )


def unmount_lazily(target: str) -> None:
    _check(_libc.umount2(os.fsencode(target), _MNT_DETACH), f"unmount {target}")


def pivot_root(new_root: str, put_old: str) -> None:
    _check(
        _libc.pivot_root(os.fsencode(new_root), os.fsencode(put_old)),
        f"make {new_root} the root",
    )


def _prctl(option: int, argument: int, action: str) -> None:
    zero = ctypes.c_ulong(0)
    _check(_libc.prctl(option, ctypes.c_ulong(argument), zero, zero, zero), action)


def die_with_parent(signal_number: int) -> None:
    """The parent is the thread that forked; a change of user clears this."""
    _prctl(_PR_SET_PDEATHSIG, signal_number, "tie to the parent")


def become_subreaper() -> None:
    """Orphaned descendants become children of this process."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, "become a subreaper")


def forbid_new_privileges() -> None:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, "forbid new privileges")


def bounding_capabilities() -> set[int]:
    """Numbers of the capabilities that this process could still get."""
    found: set[int] = set()
    for number in range(_CAPABILITY_BITS):
        answer = _libc.prctl(_PR_CAPBSET_READ, ctypes.c_ulong(number), 0, 0, 0)
        if answer < 0:
            # The kernel knows no more.
            break
        if answer:
            found.add(number)
    return found


def drop_bounding_capability(number: int) -> None:
    _prctl(_PR_CAPBSET_DROP, number, f"drop capability {number}")


def keep_capabilities(granted: frozenset[int]) -> None:
    """Of those that this process has, effective and permitted; none is inheritable or ambient."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Twice effective, permitted, inheritable: of capabilities 0 to 31, and of the others.
    sets = (ctypes.c_uint32 * 6)()
    _check(_libc.capget(header, sets), "read capabilities")
    for half in range(2):
        mask = sum(1 << number - 32 * half for number in granted if number // 32 == half)
        sets[3 * half] = sets[3 * half + 1] = sets[3 * half + 1] & mask
        sets[3 * half + 2] = 0
    _check(_libc.capset(header, sets), "set capabilities")


def name_process(name: str) -> None:
    """At most 15 bytes, as shown by ps, instead of the command line as well."""
    buffer = ctypes.create_string_buffer(name.encode()[:15])
    _check(_libc.prctl(_PR_SET_NAME, buffer, 0, 0, 0), "name the process")
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = (int(field) for field in fields[_ARGUMENTS])
    size = end - start
    # The kernel reads the command line where execve put it. When its last byte is not null any
    # more, the kernel takes it for one text that ends at the first null.
    if start and size > len(name):
        ctypes.memmove(start, name.encode().ljust(size - 1, b"\0") + b".", size)

"""Which Linux capabilities a container gets, and which the agent has.

Names and numbers: Linux v6.18, include/uapi/linux/capability.h. The default set is that of
container engines (containerd v2, pkg/oci, `defaultUnixCaps`), and so is the order in which `add`
and `drop` are applied (internal/cri/server, `setOCICapabilities`).
"""

from collections.abc import Iterable
from pathlib import Path

from shoal.agent.runtime.protocol import Privileges

_NAMES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
    "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
    "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
)  # fmt: skip
"""By number."""
_ALL = frozenset(_NAMES)
_EVERY = "ALL"
DEFAULT = frozenset({
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
    "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
})  # fmt: skip


def granted(privileges: Privileges) -> list[int]:
    """Numbers of the capabilities that the container's root user has, and nobody in the container
    can get beyond."""
    if privileges.is_privileged:
        return list(range(len(_NAMES)))
    added, dropped = _plain(privileges.added), _plain(privileges.dropped)
    names = DEFAULT
    if _EVERY in added:
        names = _ALL
    if _EVERY in dropped:
        names = frozenset[str]()
    names = (names | (added & _ALL)) - dropped
    return [number for number, name in enumerate(_NAMES) if name in names]


def unknown(privileges: Privileges) -> list[str]:
    """Names that the kernel has not, as they were written."""
    written = [*privileges.added, *privileges.dropped]
    return [name for name in written if not _plain([name]) <= _ALL | {_EVERY}]


def may_mount() -> bool:
    """Whether this process may mount file systems on the host."""
    held = next(
        line.split()[1]
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("CapEff")
    )
    return bool(int(held, 16) >> _NAMES.index("SYS_ADMIN") & 1)


def _plain(names: Iterable[str]) -> frozenset[str]:
    """The prefix may be there or not, in any case of letters."""
    return frozenset(name.upper().removeprefix("CAP_") for name in names)

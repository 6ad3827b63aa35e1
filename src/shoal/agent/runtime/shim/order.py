"""The launch order: everything a shim must know, as a file in the container's directory.

The agent writes it before it asks the spawner; exec reads it again for environment and user, so a
restarted agent needs nothing else. It may hold secrets: mode 0600.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

ORDER_FILE = "order.json"
UNREADABLE = (OSError, ValueError, TypeError, KeyError)
"""What reading one comes to that is not there, or that a power cut has spoilt."""


@dataclass(frozen=True, kw_only=True)
class BindMount:
    """A file or directory of the host at a path of the container."""

    source: str
    """Absolute, without symbolic links."""
    target: str
    read_only: bool


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """Namespaces of its own: mount, pid, ipc, uts, and user where that is needed."""

    hostname: str
    binds: list[BindMount]
    has_user_namespace: bool
    """An ordinary user needs one; it maps a single user."""
    read_only_root: bool
    hidden: list[str] = field(default_factory=list[str])
    """Folders and files of the host that look empty, but for what is bound there. Absolute,
    without symbolic links."""
    shut: list[str] = field(default_factory=list[str])
    """Folders above those which the container's user may not enter on the host: empty as well, or
    what is bound below them would be out of reach."""


@dataclass(frozen=True, kw_only=True)
class CgroupEntry:
    """How to get into a cgroup and what to ask of it afterwards."""

    process_files: list[str]
    """Files to write one's pid to: one per hierarchy."""
    oom_file: str
    """File with a line `oom_kill N`; empty when memory is not controlled."""


@dataclass(frozen=True, kw_only=True)
class LaunchOrder:
    """One container to launch; nothing but this reaches its shim."""

    directory: str
    """The container's own: order, records, termination message."""
    log: str
    argv: list[str]
    env: dict[str, str]
    working_dir: str
    user_id: int | None
    group_id: int | None
    isolation: Isolation | None
    """None: a plain process that sees all of the host."""
    cgroup: CgroupEntry | None
    sampled_memory_bytes: int | None
    """Limit that the shim itself watches because no cgroup does."""
    falls_back_to_logs: bool
    """For the agent: terminationMessagePolicy FallbackToLogsOnError."""
    network: str = ""
    """File that holds the pod's network namespace; empty is the host's network."""
    groups: list[int] = field(default_factory=list[int])
    """Supplementary groups, where they can be set."""
    capabilities: list[int] | None = None
    """Numbers of those that are granted; None leaves them as they are."""
    has_no_new_privileges: bool = True

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, data: bytes) -> "LaunchOrder":
        raw: dict[str, Any] = json.loads(data)
        isolation, cgroup = raw.pop("isolation"), raw.pop("cgroup")
        if isolation is not None:
            binds = [BindMount(**bind) for bind in isolation.pop("binds")]
            isolation = Isolation(binds=binds, **isolation)
        if cgroup is not None:
            cgroup = CgroupEntry(**cgroup)
        return cls(isolation=isolation, cgroup=cgroup, **raw)

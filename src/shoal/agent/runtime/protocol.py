"""The `Runtime` protocol: what the agent asks of whatever turns containers into processes.

The life cycle decides (when to start, when to signal, when to give up); a runtime only does. A
container is named by its `ContainerKey`: pod, container name and attempt. An attempt is started
at most once, however often `start` is called and whatever was restarted in between, because the
key leads to a directory on disk that outlives the agent. Every started container ends in exactly
one `ContainerExit`, delivered by `exits()`, or by `recover()` when it ended without an agent.

Contract of all runtimes, the fake included: tests/contract/test_runtime.py. The files that agent
and runtime share are laid out by `PodPaths` (paths.py).
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class ContainerKey:
    """One attempt to run one container of one pod."""

    pod_uid: str
    container: str
    attempt: int
    """0 for the first start; the restart count of later ones."""

    @property
    def container_id(self) -> str:
        """64 hex digits, the same whenever it is asked."""
        text = f"{self.pod_uid}/{self.container}/{self.attempt}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None is unlimited."""

    cpu_millis: int | None = None
    memory_bytes: int | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSandbox:
    """What the containers of a pod share."""

    uid: str
    namespace: str
    name: str
    hostname: str
    pod_ip: str
    """The pod's own: of its network namespace, or in 127/8 for it to bind."""
    hosts_text: str
    """Content of /etc/hosts."""
    shares_processes: bool = False
    """spec.shareProcessNamespace: containers see each other's processes."""
    uses_host_network: bool = False
    limits: Limits = field(default_factory=Limits)
    """Of all containers together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    source: Path
    """File or directory of the host. It exists."""
    target: str
    """Absolute path in the container."""
    read_only: bool = False
    volume: str = ""
    """Name of the pod's volume: what it is called where it cannot be mounted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Privileges:
    """What a container's processes may do, beside who they are."""

    groups: Sequence[int] = ()
    """Supplementary groups that the pod asks for, fsGroup among them."""
    has_image_groups: bool = True
    """The user's groups of /etc/group come on top (supplementalGroupsPolicy Merge)."""
    added: Sequence[str] = ()
    """Linux capabilities beyond the default ones, by name."""
    dropped: Sequence[str] = ()
    can_gain: bool = True
    """allowPrivilegeEscalation: a setuid program gives more than its caller has."""
    is_privileged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container with everything resolved: variables expanded, volumes rendered."""

    key: ContainerKey
    pod: PodSandbox
    argv: Sequence[str]
    env: Mapping[str, str]
    """The whole environment; nothing is inherited but PATH and what the runtime must add."""
    working_dir: str = ""
    """Empty is the runtime's default."""
    mounts: Sequence[Mount] = ()
    user_id: int | None = None
    """None is the user of the agent."""
    group_id: int | None = None
    privileges: Privileges = field(default_factory=Privileges)
    read_only_root: bool = False
    limits: Limits = field(default_factory=Limits)
    termination_message_path: str = "/dev/termination-log"
    """Where the container leaves its last words, as it sees the path."""
    falls_back_to_logs: bool = False
    """terminationMessagePolicy FallbackToLogsOnError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailed:
    """Nothing runs. The reason and message become the container's terminated state."""

    message: str
    reason: str = "StartError"
    exit_code: int = 128


StartResult = Started | StartFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerExit:
    """How a container ended."""

    key: ContainerKey
    exit_code: int
    """128 + signal when it was killed by one, as shells and container engines say it."""
    started_at: datetime
    finished_at: datetime
    signal: int = 0
    is_oom_killed: bool = False
    termination_message: str = ""
    """At most 4096 bytes; by fallback the last 2048 bytes or 80 lines of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    exit_code: int
    output: str = ""
    """stdout and stderr together, at most 10 KiB."""
    is_timed_out: bool = False
    """The command was killed after its time-out; exit_code means nothing then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundContainer:
    """A container that an earlier agent started."""

    key: ContainerKey
    started_at: datetime
    exit: ContainerExit | None = None
    """None while it runs: its exit will come through `exits()`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPod:
    """What is left of a pod on this machine, whether or not it still exists in the API."""

    uid: str
    namespace: str
    name: str
    pod_ip: str
    containers: Sequence[FoundContainer] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a runtime cannot honour of a container. Sentences for people."""

    refusals: Sequence[str] = ()
    """The container must not be started."""
    reason: str = "CreateContainerError"
    """Of the refusals, as the container's waiting state shows it."""
    warnings: Sequence[str] = ()
    """It is started, and the pod gets an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a runtime can do on this machine, probed once; shown on the Node."""

    level: str
    """Value of the node label: `process`, `sandbox`."""
    isolates_mounts: bool
    isolates_processes: bool
    holds_memory: bool
    """The kernel holds memory to its limit; else it is watched."""
    limits_cpu: bool
    limits_pids: bool
    changes_users: bool
    """Containers may be any user, with any groups; else what a user namespace maps, or nobody."""
    mounts_memory: bool
    """A volume can be kept in memory."""
    user_id: int
    """Who a container is on the host when it asks for nobody: the agent."""


class Runtime(Protocol):
    """Makes, finds again and removes the processes of pods."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def honours(self, spec: ContainerSpec) -> Verdict:
        """Asked before a container is started; touches nothing."""
        ...

    async def prepare_pod(self, pod: PodSandbox) -> None:
        """Make what the containers share. Doing it twice changes nothing. Raises OSError."""
        ...

    async def write_hosts(self, uid: str, text: str) -> bool:
        """Change what a prepared pod has as /etc/hosts, seen at once by containers that run.
        False, with nothing done, where the pod is not prepared or gone. Raises OSError."""
        ...

    async def start(self, spec: ContainerSpec) -> StartResult:
        """Start an attempt of a prepared pod. Starting one that was already started answers when
        that was, running or not, and starts nothing."""
        ...

    async def terminate(self, key: ContainerKey) -> None:
        """SIGTERM to the container's first process. Nothing happens if it is gone."""
        ...

    async def kill(self, key: ContainerKey) -> None:
        """SIGKILL to every process of the container. Nothing happens if it is gone."""
        ...

    async def exec(self, key: ContainerKey, argv: Sequence[str], timeout_s: float) -> ExecResult:
        """Run a command inside the container, with its environment and mounts. A command that
        cannot be started, or a container that is gone, has exit code 126 or 127."""
        ...

    def exits(self) -> AsyncIterator[ContainerExit]:
        """Containers as they end, each once, from the time of the first call on. One reader."""
        ...

    async def recover(self) -> Sequence[FoundPod]:
        """Called once, before anything else: everything earlier agents left here."""
        ...

    async def release_pod(self, uid: str) -> None:
        """Let go of what only running containers need, of which the machine has not much: the pod's
        have ended, and none will start again. What they wrote stays. Doing it twice changes
        nothing."""
        ...

    async def remove_container(self, key: ContainerKey) -> None:
        """Delete the log and records of an attempt that has ended."""
        ...

    async def remove_pod(self, uid: str) -> None:
        """When it returns, every process of the pod is dead, children included, and its
        directory, volumes included, is gone. Its exits are no longer delivered."""
        ...

    async def close(self) -> None:
        """Let go of everything; containers go on running."""
        ...

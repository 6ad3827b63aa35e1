"""What comes into a pod's life cycle (events) and what it wants done (actions)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shoal.agent.runtime.protocol import ContainerExit, ContainerKey
from shoal.api.core import EventType


class HookKind(StrEnum):
    POST_START = "PostStart"
    PRE_STOP = "PreStop"


class ProbeKind(StrEnum):
    STARTUP = "Startup"
    LIVENESS = "Liveness"
    READINESS = "Readiness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Volumes and sandbox stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareFailed:
    reason: str
    """Of the event that tells about it."""
    message: str
    waiting_reason: str = ""
    """Shown as why the containers wait, where it is not just a matter of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStarted:
    key: ContainerKey
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRefused:
    """Not started for lack of something; it will be tried again."""

    key: ContainerKey
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStartFailed:
    """The runtime could not run it: counts as an attempt that ended at once."""

    key: ContainerKey
    reason: str
    message: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerEnded:
    exit: ContainerExit


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEnded:
    key: ContainerKey
    hook: HookKind
    error: str = ""
    """Empty when the hook succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeJudged:
    """A probe has crossed one of its thresholds."""

    key: ContainerKey
    probe: ProbeKind
    is_healthy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionRequested:
    grace_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageExceeded:
    """The pod has more on disk than a limit of its own allows."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectGone:
    """The pod no longer exists in the API: it was deleted by force, or meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Only time has passed."""


LifecycleEvent = (
    Prepared
    | PrepareFailed
    | ContainerStarted
    | ContainerRefused
    | ContainerStartFailed
    | ContainerEnded
    | HookEnded
    | ProbeJudged
    | DeletionRequested
    | ObjectGone
    | StorageExceeded
    | Tick
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparePod:
    """Render volumes, make the sandbox; answered by Prepared or PrepareFailed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainer:
    """Answered by ContainerStarted, ContainerRefused or ContainerStartFailed."""

    key: ContainerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHook:
    """Answered by HookEnded. A time-out of None waits as long as the container runs."""

    key: ContainerKey
    hook: HookKind
    timeout_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateContainer:
    key: ContainerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class KillContainer:
    key: ContainerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContainer:
    """Delete what is left of an old attempt."""

    key: ContainerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePod:
    """The last action: write the final status, clear the machine, delete the object."""

    deletes_object: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEvent:
    """Tell people, by a Kubernetes Event on the pod."""

    type: EventType
    reason: str
    message: str
    container: str = ""


Action = (
    PreparePod
    | StartContainer
    | RunHook
    | TerminateContainer
    | KillContainer
    | RemoveContainer
    | RemovePod
    | RecordEvent
)

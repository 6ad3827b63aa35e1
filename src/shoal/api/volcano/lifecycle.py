"""What may happen to a job, and what is then done: the words of its policies and of commands.

Source: Volcano v1.15, apis/pkg/apis/bus/v1alpha1/{events,actions}.go.
"""

from enum import StrEnum
from typing import Annotated

from shoal.api.custom_kind import described
from shoal.api.meta import ApiStruct


class JobEvent(StrEnum):
    """Policies name those up to JOB_UPDATED."""

    ANY = "*"
    POD_PENDING = "PodPending"
    POD_FAILED = "PodFailed"
    POD_EVICTED = "PodEvicted"
    JOB_UNKNOWN = "Unknown"
    TASK_COMPLETED = "TaskCompleted"
    TASK_FAILED = "TaskFailed"
    JOB_UPDATED = "JobUpdated"
    OUT_OF_SYNC = "OutOfSync"
    COMMAND_ISSUED = "CommandIssued"
    POD_RUNNING = "PodRunning"


class JobAction(StrEnum):
    """Policies name those up to RESUME_JOB."""

    ABORT_JOB = "AbortJob"
    RESTART_JOB = "RestartJob"
    RESTART_TASK = "RestartTask"
    RESTART_POD = "RestartPod"
    RESTART_PARTITION = "RestartPartition"
    TERMINATE_JOB = "TerminateJob"
    COMPLETE_JOB = "CompleteJob"
    RESUME_JOB = "ResumeJob"
    SYNC_JOB = "SyncJob"
    ENQUEUE_JOB = "EnqueueJob"


class QueueAction(StrEnum):
    """What commands ask of a queue."""

    OPEN_QUEUE = "OpenQueue"
    CLOSE_QUEUE = "CloseQueue"
    SYNC_QUEUE = "SyncQueue"


class LifecyclePolicy(ApiStruct):
    """One reaction: when this happens, do that."""

    action: Annotated[str, described("What to do.")] = ""
    event: Annotated[str, described("When this happens.")] = ""
    events: Annotated[list[str], described("When any of these happens.")] = []
    exit_code: Annotated[int | None, described("When a container fails with this code; not 0.")] = (
        None
    )
    timeout: Annotated[
        str | None, described("How long to wait before the action, such as 10m.")
    ] = None

    @property
    def all_events(self) -> tuple[str, ...]:
        return (*self.events, *([self.event] if self.event else ()))

"""A pod's state; drawn in docs/states/pod.md.

Stages say how far the pod has come; each container has a machine of its own (`container`). The
phase that users see (Pending, Running, ...) is derived from both in `agent.pod_status`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shoal.agent.lifecycle.container import ContainerRecord
from shoal.agent.lifecycle.plan import PodPlan, Role
from shoal.agent.runtime.protocol import ContainerKey
from shoal.base.transitions import follow


class PodStage(StrEnum):
    """How far the pod has come."""

    NEW = "New"
    """Volumes and sandbox do not stand yet."""
    PREPARING = "Preparing"
    INITIALIZING = "Initializing"
    """Init containers run, sidecars start."""
    RUNNING = "Running"
    ENDING = "Ending"
    """Nothing is started any more; what runs is being stopped."""
    STOPPED = "Stopped"
    """Nothing runs. Final unless the pod is deleted."""
    REMOVED = "Removed"


class PodStep(StrEnum):
    """What leads from one stage to another."""

    PREPARE = "prepare"
    PREPARED = "prepared"
    PREPARE_FAILED = "prepare failed"
    INITIALIZED = "initialized"
    END = "end"
    ALL_STOPPED = "all stopped"
    REMOVE = "remove"


_TRANSITIONS: dict[tuple[PodStage, PodStep], PodStage] = {
    (PodStage.NEW, PodStep.PREPARE): PodStage.PREPARING,
    (PodStage.NEW, PodStep.END): PodStage.ENDING,
    (PodStage.PREPARING, PodStep.PREPARED): PodStage.INITIALIZING,
    (PodStage.PREPARING, PodStep.PREPARE_FAILED): PodStage.NEW,
    (PodStage.PREPARING, PodStep.END): PodStage.ENDING,
    (PodStage.INITIALIZING, PodStep.INITIALIZED): PodStage.RUNNING,
    (PodStage.INITIALIZING, PodStep.END): PodStage.ENDING,
    (PodStage.RUNNING, PodStep.END): PodStage.ENDING,
    (PodStage.ENDING, PodStep.ALL_STOPPED): PodStage.STOPPED,
    (PodStage.STOPPED, PodStep.REMOVE): PodStage.REMOVED,
}


def next_state(stage: PodStage, step: PodStep) -> PodStage:
    """Total; raises IllegalTransition for a step that the stage cannot have."""
    return follow(_TRANSITIONS, stage, step, "a pod")


class EndCause(StrEnum):
    """Why a pod ends."""

    COMPLETED = "completed"
    """Its containers have ended and will not be started again, or an init container failed."""
    DEADLINE = "deadline"
    """It was active for longer than spec.activeDeadlineSeconds."""
    EVICTED = "evicted"
    """It took more of the node's disk than it may."""
    DELETED = "deleted"
    GONE = "gone"
    """Its object vanished from the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why and until when, once a pod is being stopped."""

    cause: EndCause
    stop_by: datetime
    """When the grace period is over."""
    past_deadline: bool = False
    """The pod failed for its deadline, whatever has happened to it since."""
    eviction: str = ""
    """Why the pod was evicted, and so failed; empty where it was not."""
    known_phase: str = ""
    """The final phase that an earlier agent has already written; it stays."""

    @property
    def is_failure(self) -> bool:
        """The pod has failed, however its containers end."""
        return self.past_deadline or bool(self.eviction)

    @property
    def removes(self) -> bool:
        return self.cause in {EndCause.DELETED, EndCause.GONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class PodState:
    """All that the life cycle knows of one pod."""

    plan: PodPlan
    first_seen_at: datetime
    """status.startTime."""
    containers: tuple[ContainerRecord, ...]
    """In the order of the plan."""
    stage: PodStage = PodStage.NEW
    ending: Ending | None = None
    setup_failures: int = 0
    setup_reason: str = ""
    """Why volumes or sandbox cannot be made, where that is to be shown; empty otherwise."""
    setup_message: str = ""
    retry_setup_at: datetime | None = None

    def of_role(self, *roles: Role) -> Iterable[ContainerRecord]:
        return (record for record in self.containers if record.plan.role in roles)

    def find(self, name: str) -> ContainerRecord | None:
        return next((record for record in self.containers if record.name == name), None)

    def key(self, record: ContainerRecord) -> ContainerKey:
        """Of the latest attempt."""
        return self.plan.key(record.name, record.attempt)

    @property
    def is_prepared(self) -> bool:
        return self.stage in {PodStage.INITIALIZING, PodStage.RUNNING}

    @property
    def has_main_started(self) -> bool:
        """Whether any main container was ever started: from then on the pod is initialized."""
        return any(record.attempt >= 0 for record in self.of_role(Role.MAIN))

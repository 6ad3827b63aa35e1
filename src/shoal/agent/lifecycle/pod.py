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


class PodStage(StrEnum):
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
    PREPARE = "prepare"
    PREPARED = "prepared"
    PREPARE_FAILED = "prepare failed"
    INITIALIZED = "initialized"
    END = "end"
    ALL_STOPPED = "all stopped"
    REMOVE = "remove"


class IllegalPodStep(Exception):
    """A step that a pod in this stage cannot take."""

    def __init__(self, stage: PodStage, step: PodStep) -> None:
        super().__init__(f"a pod that is {stage} cannot take the step '{step}'")


_S = PodStage
_STEPS: dict[PodStep, tuple[frozenset[PodStage], PodStage]] = {
    PodStep.PREPARE: (frozenset({_S.NEW}), _S.PREPARING),
    PodStep.PREPARED: (frozenset({_S.PREPARING}), _S.INITIALIZING),
    PodStep.PREPARE_FAILED: (frozenset({_S.PREPARING}), _S.NEW),
    PodStep.INITIALIZED: (frozenset({_S.INITIALIZING}), _S.RUNNING),
    PodStep.END: (frozenset({_S.NEW, _S.PREPARING, _S.INITIALIZING, _S.RUNNING}), _S.ENDING),
    PodStep.ALL_STOPPED: (frozenset({_S.ENDING}), _S.STOPPED),
    PodStep.REMOVE: (frozenset({_S.STOPPED}), _S.REMOVED),
}


def next_stage(stage: PodStage, step: PodStep) -> PodStage:
    """Raises IllegalPodStep."""
    sources, target = _STEPS[step]
    if stage not in sources:
        raise IllegalPodStep(stage, step)
    return target


class EndCause(StrEnum):
    COMPLETED = "completed"
    """Its containers have ended and will not be started again, or an init container failed."""
    DEADLINE = "deadline"
    """It was active for longer than spec.activeDeadlineSeconds."""
    DELETED = "deleted"
    GONE = "gone"
    """Its object vanished from the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    cause: EndCause
    stop_by: datetime
    """When the grace period is over."""
    past_deadline: bool = False
    """The pod failed for its deadline, whatever has happened to it since."""
    known_phase: str = ""
    """The final phase that an earlier agent has already written; it stays."""

    @property
    def removes(self) -> bool:
        return self.cause in {EndCause.DELETED, EndCause.GONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class PodState:
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

"""One container's state machine; drawn in docs/states/container.md.

`next_state` knows every legal step. A step that is not legal is a bug of the life cycle and
raises: late news (the end of a hook whose container is gone) is sorted out before.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from shoal.agent.lifecycle.crash_backoff import NEVER_RESTARTED, CrashBackoff
from shoal.agent.lifecycle.plan import ContainerPlan, RestartPolicy, Role
from shoal.base.transitions import follow

CONTAINER_ID_SCHEME = "shoal://"
"""How container ids begin in a pod's status."""


class ContainerPhase(StrEnum):
    """How far its latest attempt has come."""

    WAITING = "Waiting"
    """Not running: its turn, or the end of its back-off, has not come."""
    STARTING = "Starting"
    """The runtime has been asked; the answer is outstanding."""
    POST_START = "PostStart"
    """Running, with its postStart hook under way."""
    RUNNING = "Running"
    PRE_STOP = "PreStop"
    """Running, with its preStop hook under way."""
    AWAITING_TURN = "AwaitingTurn"
    """A sidecar that will be told to stop when those before it are gone."""
    TERMINATING = "Terminating"
    """Told to stop (SIGTERM)."""
    KILLED = "Killed"
    """Killed (SIGKILL), end not yet seen."""
    EXITED = "Exited"


class ContainerStep(StrEnum):
    """What leads from one phase to another; docs/states/container.md says when."""

    START = "start"
    REFUSED = "refused"
    """Something the container needs is missing; nothing was started."""
    STARTED = "started"
    STARTED_WITH_HOOK = "started with hook"
    POST_START_DONE = "postStart done"
    RUN_PRE_STOP = "run preStop"
    AWAIT_TURN = "await turn"
    TERMINATE = "terminate"
    KILL = "kill"
    EXIT = "exit"
    BACK_OFF = "back off"


_P = ContainerPhase
_S = ContainerStep
_LIVE = frozenset(
    {_P.POST_START, _P.RUNNING, _P.PRE_STOP, _P.AWAITING_TURN, _P.TERMINATING, _P.KILLED}
)
_TRANSITIONS: dict[tuple[ContainerPhase, ContainerStep], ContainerPhase] = {
    (_P.WAITING, _S.START): _P.STARTING,
    (_P.STARTING, _S.REFUSED): _P.WAITING,
    (_P.STARTING, _S.STARTED): _P.RUNNING,
    (_P.STARTING, _S.STARTED_WITH_HOOK): _P.POST_START,
    (_P.STARTING, _S.EXIT): _P.EXITED,
    (_P.POST_START, _S.POST_START_DONE): _P.RUNNING,
    (_P.POST_START, _S.RUN_PRE_STOP): _P.PRE_STOP,
    (_P.POST_START, _S.AWAIT_TURN): _P.AWAITING_TURN,
    (_P.POST_START, _S.TERMINATE): _P.TERMINATING,
    (_P.POST_START, _S.EXIT): _P.EXITED,
    (_P.RUNNING, _S.RUN_PRE_STOP): _P.PRE_STOP,
    (_P.RUNNING, _S.AWAIT_TURN): _P.AWAITING_TURN,
    (_P.RUNNING, _S.TERMINATE): _P.TERMINATING,
    (_P.RUNNING, _S.EXIT): _P.EXITED,
    (_P.PRE_STOP, _S.AWAIT_TURN): _P.AWAITING_TURN,
    (_P.PRE_STOP, _S.TERMINATE): _P.TERMINATING,
    (_P.PRE_STOP, _S.EXIT): _P.EXITED,
    (_P.AWAITING_TURN, _S.TERMINATE): _P.TERMINATING,
    (_P.AWAITING_TURN, _S.EXIT): _P.EXITED,
    (_P.TERMINATING, _S.KILL): _P.KILLED,
    (_P.TERMINATING, _S.EXIT): _P.EXITED,
    (_P.KILLED, _S.EXIT): _P.EXITED,
    (_P.EXITED, _S.START): _P.STARTING,
    (_P.EXITED, _S.BACK_OFF): _P.WAITING,
}


def next_state(phase: ContainerPhase, step: ContainerStep) -> ContainerPhase:
    """Total; raises IllegalTransition for a step that the phase cannot have."""
    return follow(_TRANSITIONS, phase, step, "a container")


@dataclass(frozen=True, slots=True, kw_only=True)
class Termination:
    """How an attempt ended, as the container status shows it."""

    container_id: str
    exit_code: int
    reason: str
    message: str = ""
    signal: int = 0
    started_at: datetime | None = None
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRecord:
    """All that the life cycle knows of one container."""

    plan: ContainerPlan
    phase: ContainerPhase = ContainerPhase.WAITING
    attempt: int = -1
    """The latest attempt that was started; -1 before the first."""
    waiting_reason: str = ""
    """Why it waits; empty while nothing out of the ordinary holds it up."""
    waiting_message: str = ""
    retry_at: datetime | None = None
    """Not to be started before."""
    started_at: datetime | None = None
    termination: Termination | None = None
    """How the latest attempt that ended, ended."""
    previous_termination: Termination | None = None
    """The one before."""
    is_started: bool = False
    """The startup probe has passed, or there is none."""
    is_ready: bool = False
    """The readiness probe passes, or there is none."""
    backoff: CrashBackoff = NEVER_RESTARTED
    stop_by: datetime | None = None
    """While it is being stopped: the end of its patience in the present phase."""

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def is_live(self) -> bool:
        """Whether it has a process."""
        return self.phase in _LIVE

    @property
    def is_at_rest(self) -> bool:
        """Nothing runs, and nothing is about to."""
        return self.phase in {ContainerPhase.WAITING, ContainerPhase.EXITED}

    @property
    def shows_ready(self) -> bool:
        """The `ready` of its status: an init container is ready when it is done, any other when
        it serves."""
        if self.plan.role is Role.INIT:
            return self.has_succeeded
        return self.is_live and self.is_ready and self.phase is not ContainerPhase.POST_START

    @property
    def has_succeeded(self) -> bool:
        return (
            self.phase is ContainerPhase.EXITED
            and self.termination is not None
            and self.termination.exit_code == 0
        )

    @property
    def has_failed(self) -> bool:
        return self.phase is ContainerPhase.EXITED and not self.has_succeeded

    @property
    def restart_count(self) -> int:
        return max(self.attempt, 0)

    def wants_start(self, policy: RestartPolicy) -> bool:
        """Whether it should run and does not, under the pod's restart policy."""
        if self.phase is ContainerPhase.WAITING:
            return True
        if self.phase is not ContainerPhase.EXITED:
            return False
        match self.plan.role:
            case Role.SIDECAR:
                return True
            case Role.INIT:
                return self.has_failed and policy is not RestartPolicy.NEVER
            case Role.MAIN:
                return policy is RestartPolicy.ALWAYS or (
                    policy is RestartPolicy.ON_FAILURE and self.has_failed
                )
            case _:
                assert_never(self.plan.role)

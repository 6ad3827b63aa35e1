"""What to do when something happens to a job: the first rule that speaks of it.

Source: Volcano v1.15, pkg/controllers/job/job_controller_util.go (applyPolicies).
"""

from collections.abc import Sequence

import msgspec

from shoal.api.duration import duration
from shoal.api.volcano.job import Job
from shoal.api.volcano.lifecycle import JobAction, JobEvent, LifecyclePolicy

_INTERNAL = frozenset({JobEvent.OUT_OF_SYNC, JobEvent.COMMAND_ISSUED, JobEvent.POD_RUNNING})
_ONLY_BY_NAME = frozenset({JobEvent.JOB_UPDATED})
"""`*` does not stand for these: a job that is scaled is not to be restarted for that."""


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a job has to answer."""

    event: JobEvent
    job_uid: str
    """The job that it happened to: one of the same name may have come since."""
    version: int
    """`status.version` of the job when it happened."""
    action: JobAction | None = None
    """What a command asks for."""
    task: str = ""
    """Empty where it is about the whole job."""
    exit_code: int = 0


class Reaction(msgspec.Struct, frozen=True):
    """What a policy asks for."""

    action: JobAction
    delay_s: float = 0.0
    """The action is due when what happened has lasted this long."""


SYNC = Reaction(JobAction.SYNC_JOB)


def reaction(job: Job, occurrence: Occurrence) -> Reaction:
    """Command, then staleness, then the task's policies, then the job's."""
    if occurrence.action is not None:
        return Reaction(occurrence.action)
    if occurrence.event in _INTERNAL:
        return SYNC
    if occurrence.job_uid != job.metadata.uid or occurrence.version < job.status.version:
        return SYNC
    of_task = next((t.policies for t in job.spec.tasks if occurrence.task == t.name), [])
    return _first(of_task, occurrence) or _first(job.spec.policies, occurrence) or SYNC


def action_named(name: str) -> JobAction | None:
    """None where there is no such action."""
    return next((action for action in JobAction if action == name), None)


def _first(policies: Sequence[LifecyclePolicy], occurrence: Occurrence) -> Reaction | None:
    for policy in policies:
        delay_s = _timeout_s(policy)
        if _names_event(policy, occurrence.event, delay_s) or _names_exit_code(policy, occurrence):
            return Reaction(_action(policy), delay_s)
    return None


def _names_event(policy: LifecyclePolicy, event: JobEvent, delay_s: float) -> bool:
    named = policy.all_events
    if event is JobEvent.POD_PENDING and delay_s == 0:
        return False
    return event in named or (JobEvent.ANY in named and event not in _ONLY_BY_NAME)


def _names_exit_code(policy: LifecyclePolicy, occurrence: Occurrence) -> bool:
    return policy.exit_code is not None and policy.exit_code == occurrence.exit_code


def _action(policy: LifecyclePolicy) -> JobAction:
    """What nobody knows is done like nothing; admission refuses it."""
    return action_named(policy.action) or JobAction.SYNC_JOB


def _timeout_s(policy: LifecyclePolicy) -> float:
    """0 for none, and for what is no duration, which admission refuses."""
    if not policy.timeout:
        return 0.0
    try:
        return duration(policy.timeout).seconds
    except ValueError:
        return 0.0

"""One look at a Worker: its status now, and what is to be done once that has been told."""

from collections.abc import Sequence

import msgspec

from shoal.api.batch import Job, JobConditionType
from shoal.api.meta import is_condition_true
from shoal.api.pod import Pod
from shoal.api.worker import WorkerStatus
from shoal.controllers.worker.actions import Action, actions
from shoal.controllers.worker.budgets import FailureCount, OwnedPods, count_failures
from shoal.controllers.worker.manifests import run_name
from shoal.controllers.worker.sight import (
    RunStage,
    Sight,
    ending_of,
    is_own,
    item_index,
    look_at_run,
    run_of,
    standing_choice,
)
from shoal.controllers.worker.status import invalid_status, status_of
from shoal.controllers.worker.strategy import NoStrategy, Shape, StrategyChoice, WorkloadKind

POLL_PERIOD_S = 5.0
"""How often a queue is asked how far it is, while pods work on it."""
PROBLEM_PERIOD_S = 10.0
"""How often is tried again what a work source did not answer."""


class WorkerPlan(msgspec.Struct, frozen=True):
    """What comes of a look."""

    status: WorkerStatus
    actions: Sequence[Action] = ()
    """For when the status has been written."""
    look_again_in_s: float | None = None


def plan(sight: Sight, own_url: str = "") -> WorkerPlan:
    """`own_url` is the queue's where the worker names none."""
    choice = standing_choice(sight)
    if isinstance(choice, NoStrategy):
        return WorkerPlan(invalid_status(sight, choice))
    failures = _failures(sight, choice)
    status = status_of(sight, choice, failures)
    todo = [] if sight.refusal else actions(sight, choice, failures, own_url)
    return WorkerPlan(status, todo, _look_again(sight, choice))


def wants_size(sight: Sight) -> bool:
    """Whether the queue has to be asked how far it is."""
    choice = standing_choice(sight)
    if isinstance(choice, NoStrategy) or sight.worker.spec.queue is None:
        return False
    if choice.shape is Shape.JOB_PER_ITEM:
        return False
    if choice.kind is WorkloadKind.CRON_JOB:
        return (
            any(ending_of(job) is None for job in sight.scheduled_jobs) or sight.status.active > 0
        )
    is_told = sight.has_ended and not sight.is_to_begin
    return not is_told and look_at_run(sight, choice).stage is not RunStage.WAITING


def wants_last_size(sight: Sight) -> bool:
    """Whether the run has just ended: what its queue says now is told for good."""
    choice = standing_choice(sight)
    return (
        isinstance(choice, StrategyChoice)
        and choice.kind is WorkloadKind.JOB
        and not sight.has_ended
        and look_at_run(sight, choice).is_over
    )


def _look_again(sight: Sight, choice: StrategyChoice) -> float | None:
    if sight.problem:
        return PROBLEM_PERIOD_S
    return POLL_PERIOD_S if wants_size(sight) and not sight.worker.spec.suspend else None


def _failures(sight: Sight, choice: StrategyChoice) -> FailureCount:
    status = sight.status
    if choice.kind is WorkloadKind.DEPLOYMENT:
        pods = [pod for pod in sight.pods if not is_own(pod, sight.worker)]
        name = sight.worker.metadata.name
        # Pods come and go as it is rolled out and scaled.
        return count_failures(status, [OwnedPods(name=name, pods=pods, counts_deleted=False)])
    if choice.kind is WorkloadKind.CRON_JOB:
        return count_failures(status, [_below(sight, job) for job in sight.scheduled_jobs])
    if sight.is_to_begin:
        if look_at_run(sight, choice).stage is RunStage.WAITING:
            return count_failures(status, [])
        # Those of the run before are not this one's.
        status = WorkerStatus()
    elif sight.has_ended:
        return count_failures(status, [])
    if choice.shape is Shape.ONCE:
        owned = OwnedPods(
            name=run_name(sight.worker, sight.run),
            pods=[pod for pod in sight.pods if pod.metadata.uid == status.pod_uid],
            gone=[pod for pod in sight.departed if pod.metadata.uid == status.pod_uid],
            counts_deleted=not sight.worker.spec.suspend,
        )
        return count_failures(status, [owned])
    told = look_at_run(msgspec.structs.replace(sight, jobs=()), choice)
    jobs = [
        job
        for job in sight.own_jobs
        if run_of(job) == sight.run
        and not ((index := item_index(job)) is not None and index in (told.succeeded | told.failed))
    ]
    return count_failures(status, [_below(sight, job) for job in jobs])


def _below(sight: Sight, job: Job) -> OwnedPods:
    is_calm = job.spec.suspend or job.metadata.deletion_timestamp is not None or _is_ending(job)
    return OwnedPods(
        name=job.metadata.name,
        pods=[pod for pod in sight.pods if _is_below(pod, job)],
        gone=[pod for pod in sight.departed if _is_below(pod, job)],
        counts_deleted=not is_calm,
    )


def _is_below(pod: Pod, job: Job) -> bool:
    owner = pod.metadata.controller
    return owner is not None and owner.uid == job.metadata.uid


_ENDINGS = (
    JobConditionType.COMPLETE,
    JobConditionType.FAILED,
    JobConditionType.FAILURE_TARGET,
    JobConditionType.SUCCESS_CRITERIA_MET,
)


def _is_ending(job: Job) -> bool:
    return any(is_condition_true(job.status.conditions, ending) for ending in _ENDINGS)

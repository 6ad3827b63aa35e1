"""One look at a Worker: its status now, and what is to be done once that has been told."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from shoal.api.batch import Job, JobConditionType
from shoal.api.meta import is_condition_true
from shoal.api.worker import WorkerStatus
from shoal.controllers.schedule import CLOCK_ALLOWANCE_S
from shoal.controllers.worker.actions import Action, Make, StartRun, actions
from shoal.controllers.worker.budgets import FailureCount, OwnedPods, count_failures
from shoal.controllers.worker.manifests import run_name
from shoal.controllers.worker.sight import (
    RunStage,
    Sight,
    by_owner,
    is_own,
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


class SizeWish(StrEnum):
    """Whether the queue is to be asked how far it is."""

    NONE = "None"
    NOW_AND_THEN = "NowAndThen"
    LAST = "Last"
    """At once: the run has just ended, and what its queue says now is told for good."""


class WorkerPlan(msgspec.Struct, frozen=True):
    """What comes of a look."""

    status: WorkerStatus
    actions: Sequence[Action] = ()
    """For when the status has been written."""
    look_again_in_s: float | None = None
    wants_size: bool = False
    is_held_back: bool = False
    """Whether something would be made, but for what was in the way a moment ago."""


def plan(sight: Sight, own_url: str = "") -> WorkerPlan:
    """`own_url` is the queue's where the worker names none."""
    choice = standing_choice(sight)
    if isinstance(choice, NoStrategy):
        return WorkerPlan(invalid_status(sight, choice))
    failures = _failures(sight, choice)
    status = status_of(sight, choice, failures)
    todo = [] if sight.refusal else actions(sight, choice, failures, own_url)
    allowed = todo
    if sight.held_back_s:
        allowed = [action for action in todo if not isinstance(action, StartRun | Make)]
    wants_size = size_wish(sight) is not SizeWish.NONE
    is_held_back = len(allowed) < len(todo)
    waits = [
        PROBLEM_PERIOD_S if sight.problem else None,
        POLL_PERIOD_S if wants_size and not sight.worker.spec.suspend else None,
        sight.held_back_s if is_held_back else None,
        _next_start_in_s(sight, status),
    ]
    again_s = min((wait for wait in waits if wait is not None), default=None)
    return WorkerPlan(status, allowed, again_s, wants_size, is_held_back)


def _next_start_in_s(sight: Sight, status: WorkerStatus) -> float | None:
    """When the status is to tell of another start."""
    if status.next_start_at is None:
        return None
    return (status.next_start_at - sight.now).total_seconds() + CLOCK_ALLOWANCE_S


def size_wish(sight: Sight) -> SizeWish:
    """Whether the queue has to be asked how far it is."""
    choice = standing_choice(sight)
    if isinstance(choice, NoStrategy) or sight.worker.spec.queue is None:
        return SizeWish.NONE
    if choice.kind is WorkloadKind.CRON_JOB:
        goes_on = any(not job.is_finished for job in sight.scheduled_jobs)
        return SizeWish.NOW_AND_THEN if goes_on or sight.status.active else SizeWish.NONE
    if choice.shape not in (Shape.DRAIN, Shape.ITEM_PER_POD):
        return SizeWish.NONE
    if sight.has_ended and not sight.is_to_begin:
        return SizeWish.NONE
    look = look_at_run(sight, choice)
    if look.stage is RunStage.WAITING:
        return SizeWish.NONE
    return SizeWish.LAST if look.is_over and not sight.has_ended else SizeWish.NOW_AND_THEN


def _failures(sight: Sight, choice: StrategyChoice) -> FailureCount:
    status = sight.status
    if choice.kind is WorkloadKind.DEPLOYMENT:
        pods = [pod for pod in sight.pods if not is_own(pod, sight.worker)]
        name = sight.worker.metadata.name
        # Pods come and go as it is rolled out and scaled.
        return count_failures(status, [OwnedPods(name=name, pods=pods, counts_deleted=False)])
    if choice.kind is WorkloadKind.CRON_JOB:
        return count_failures(status, _below(sight, sight.scheduled_jobs))
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
    jobs = [job for job in sight.own_jobs if run_of(job) == sight.run]
    return count_failures(status, _below(sight, jobs))


def _below(sight: Sight, jobs: Sequence[Job]) -> list[OwnedPods]:
    pods, gone = by_owner(sight.pods), by_owner(sight.departed)
    return [
        OwnedPods(
            name=job.metadata.name,
            pods=pods.get(job.metadata.uid, ()),
            gone=gone.get(job.metadata.uid, ()),
            counts_deleted=not (
                job.spec.suspend or job.metadata.deletion_timestamp is not None or _is_ending(job)
            ),
            # What is asked for now may be seen before the Job that is told of it.
            parallelism=min(job.spec.parallelism, sight.worker.spec.parallelism),
        )
        for job in jobs
    ]


_ENDINGS = (
    JobConditionType.COMPLETE,
    JobConditionType.FAILED,
    JobConditionType.FAILURE_TARGET,
    JobConditionType.SUCCESS_CRITERIA_MET,
)


def _is_ending(job: Job) -> bool:
    return any(is_condition_true(job.status.conditions, ending) for ending in _ENDINGS)

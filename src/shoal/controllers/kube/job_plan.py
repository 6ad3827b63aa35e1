"""What to do for a Job now: which pods to make, which to remove, whether it ends.

Pure. Source of rules and texts: Kubernetes v1.36, pkg/controller/job/job_controller.go (syncJob,
manageJob). Its status is the business of `job_progress`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from shoal.api.batch import Job, JobConditionType
from shoal.api.job_indexes import Indexes
from shoal.api.pod import Pod
from shoal.controllers.kube.job_backoff import index_wait_s
from shoal.controllers.kube.job_pods import (
    NO_INDEX,
    ignored_failures,
    index_failures,
    indexes_of,
    is_failed,
    is_terminating,
    is_tracked,
    restarts,
    valid_index_of,
    waits_for_end,
)
from shoal.controllers.kube.job_policies import FailureAction, success_message, verdict
from shoal.controllers.kube.job_tally import JobView, PodSums
from shoal.controllers.kube.replica_count import removal_order

MAX_AT_ONCE = 500
"""Pods made or removed in one turn."""


class JobEnding(msgspec.Struct, frozen=True):
    """How a job ends: first as a target, then, when its pods are gone, for good."""

    is_success: bool
    reason: str
    message: str

    @property
    def target(self) -> JobConditionType:
        types = JobConditionType
        return types.SUCCESS_CRITERIA_MET if self.is_success else types.FAILURE_TARGET

    @property
    def condition(self) -> JobConditionType:
        return JobConditionType.COMPLETE if self.is_success else JobConditionType.FAILED


class NewPod(msgspec.Struct, frozen=True):
    """Without an index only in jobs that have none."""

    index: int | None = None
    failures: int = 0
    ignored_failures: int = 0


class JobPlan(msgspec.Struct, frozen=True, kw_only=True):
    create: Sequence[NewPod] = ()
    remove: Sequence[Pod] = ()
    is_removal_counted: bool = False
    """Removed pods count as failed; others are let go before they are removed."""
    ending: JobEnding | None = None
    is_managed: bool = False
    """Whether the number of pods was looked at: only then the job is suspended or resumed."""
    look_again_s: float | None = None


COMPLETIONS_REACHED = JobEnding(
    True, "CompletionsReached", "Reached expected number of succeeded pods"
)


def plan(view: JobView, counted: PodSums, now: datetime) -> JobPlan:
    """The ending of a job whose pods have all ended follows from `is_complete`, which needs to
    know what came of the plan."""
    ending = _ending(view, counted, now)
    if ending is not None:
        return JobPlan(remove=counted.active, is_removal_counted=True, ending=ending)
    deadline_s = _deadline_s(view.job, now)
    if not view.is_settled or view.job.metadata.deletion_timestamp is not None:
        return JobPlan(look_again_s=deadline_s)
    managed = _manage(view, counted, now)
    waits = [wait for wait in (managed.look_again_s, deadline_s) if wait is not None]
    return msgspec.structs.replace(managed, look_again_s=min(waits, default=None))


def is_complete(job: Job, counted: PodSums, active: int) -> bool:
    """Whether as many pods as asked for have succeeded and none runs any more."""
    if job.spec.completions is None:
        return counted.succeeded > 0 and active == 0
    return counted.succeeded >= job.spec.completions and active == 0


def _ending(view: JobView, counted: PodSums, now: datetime) -> JobEnding | None:
    job = view.job
    decided = _decided(job)
    if decided is not None:
        return decided
    for pod in view.pods if job.spec.pod_failure_policy else ():
        if is_failed(job, pod):
            said = verdict(job, pod)
            if said.action is FailureAction.FAIL_JOB:
                return JobEnding(False, "PodFailurePolicy", said.message)
    if counted.failed > job.spec.backoff_limit or _is_past_restarts(view):
        text = "Job has reached the specified backoff limit"
        return JobEnding(False, "BackoffLimitExceeded", text)
    if _deadline_s(job, now) == 0:
        text = "Job was active longer than specified deadline"
        return JobEnding(False, "DeadlineExceeded", text)
    return _ending_of_indexes(job, counted)


def _decided(job: Job) -> JobEnding | None:
    """What an earlier turn has found."""
    for is_success in (True, False):
        target = JobEnding(is_success, "", "").target
        for condition in job.status.conditions:
            if condition.type == target and condition.status == "True":
                return JobEnding(is_success, condition.reason, condition.message)
    return None


def _ending_of_indexes(job: Job, counted: PodSums) -> JobEnding | None:
    if not job.is_indexed:
        return None
    failed = counted.failed_indexes
    if failed is not None:
        limit = job.spec.max_failed_indexes
        if limit is not None and len(failed) > limit:
            text = "Job has exceeded the specified maximal number of failed indexes"
            return JobEnding(False, "MaxFailedIndexesExceeded", text)
        done = len(failed) + len(counted.succeeded_indexes)
        if failed.runs and done >= (job.spec.completions or 0):
            return JobEnding(False, "FailedIndexes", "Job has failed indexes")
    message = success_message(job, counted.succeeded_indexes)
    return JobEnding(True, "SuccessPolicy", message) if message else None


def _is_past_restarts(view: JobView) -> bool:
    """Where containers are restarted in place, restarts count as failures."""
    spec = view.job.spec
    if (spec.template.get("spec") or {}).get("restartPolicy") != "OnFailure":
        return False
    count = restarts(view.pods)
    return count > 0 and count >= spec.backoff_limit


def _deadline_s(job: Job, now: datetime) -> float | None:
    """Time until the deadline, at least 0; None where there is none."""
    started, limit_s = job.status.start_time, job.spec.active_deadline_seconds
    if limit_s is None or job.spec.suspend:
        return None
    end = (started or now) + timedelta(seconds=limit_s)
    return max(0.0, (end - now).total_seconds())


def _manage(view: JobView, counted: PodSums, now: datetime) -> JobPlan:
    job, active = view.job, len(counted.active)
    if job.spec.suspend:
        return JobPlan(remove=_surplus(job, counted.active, active), is_managed=True)
    wanted = _wanted(job, counted)
    surplus = _surplus(job, counted.active, max(0, active - wanted))
    if surplus:
        return JobPlan(remove=surplus[:MAX_AT_ONCE], is_managed=True)
    ending = counted.terminating if waits_for_end(job) else 0
    missing = wanted - ending - active
    if missing <= 0:
        return JobPlan(is_managed=True)
    if job.spec.backoff_limit_per_index is None:
        wait_s = counted.streak.wait_s(now)
        if wait_s > 0:
            return JobPlan(is_managed=True, look_again_s=wait_s)
    return _creation(view, counted, missing, now)


def _wanted(job: Job, counted: PodSums) -> int:
    """How many pods should run."""
    if job.spec.completions is None:
        # One that succeeds says that there is no work left; the others finish theirs.
        return len(counted.active) if counted.succeeded else job.spec.parallelism
    return max(0, min(job.spec.completions - counted.succeeded, job.spec.parallelism))


def _creation(view: JobView, counted: PodSums, missing: int, now: datetime) -> JobPlan:
    job, count = view.job, min(missing, MAX_AT_ONCE)
    rest_s = 0.0 if missing > count else None
    if not job.is_indexed:
        return JobPlan(create=[NewPod()] * count, is_managed=True, look_again_s=rest_s)
    taken = counted.succeeded_indexes
    taken |= _indexes_in_use(view, counted)
    if counted.failed_indexes is not None:
        taken |= counted.failed_indexes
    chosen = taken.absent(count, job.spec.completions or 0)
    waits = {index: index_wait_s(counted.replaced.get(index), now) for index in chosen}
    due = [index for index in chosen if waits[index] == 0]
    later_s = min((wait for wait in waits.values() if wait > 0), default=rest_s)
    new = [_new_pod(job, index, counted.replaced.get(index)) for index in due]
    return JobPlan(create=new, is_managed=True, look_again_s=later_s)


def _indexes_in_use(view: JobView, counted: PodSums) -> Indexes:
    pods = list(counted.active)
    if waits_for_end(view.job):
        pods += [pod for pod in view.pods if is_terminating(pod)]
    return Indexes.of(indexes_of(pods))


def _new_pod(job: Job, index: int, replaced: Pod | None) -> NewPod:
    if replaced is None:
        return NewPod(index)
    is_counted = verdict(job, replaced).is_counted
    return NewPod(
        index,
        index_failures(replaced) + is_counted,
        ignored_failures(replaced) + (not is_counted),
    )


def _surplus(job: Job, active: Sequence[Pod], count: int) -> list[Pod]:
    """At least `count` pods. All that are not tracked, whose removal has begun; of an Indexed job
    also those that have no index of it, or one that another has too."""
    left = [pod for pod in active if is_tracked(pod)]
    surplus = [pod for pod in active if not is_tracked(pod)]
    if job.is_indexed:
        by_index: dict[int, list[Pod]] = {}
        for pod in left:
            by_index.setdefault(valid_index_of(job, pod), []).append(pod)
        left = []
        surplus += by_index.pop(NO_INDEX, [])
        for same in by_index.values():
            *spare, kept = removal_order(same)
            surplus += spare
            left.append(kept)
    if len(surplus) < count:
        surplus += removal_order(left)[: count - len(surplus)]
    return surplus

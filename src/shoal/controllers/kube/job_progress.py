"""A Job's status: what it says before and after the pods that have ended are let go.

Each pod that ends is counted exactly once, whatever is killed in between:

    status: uid is uncounted ──> pod: finalizer goes ──> status: uid leaves the list, counter + 1

A uid in the list whose pod is not held any more has not been added to its counter yet.

Pure. Source of rules and texts: Kubernetes v1.36, pkg/controller/job/job_controller.go
(trackJobStatusAndRemoveFinalizers).
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from shoal.api.batch import Job, JobConditionType, JobStatus, UncountedPods
from shoal.api.job_indexes import Indexes
from shoal.api.meta import Condition, find_condition
from shoal.api.pod import Pod
from shoal.controllers.kube.job_plan import COMPLETIONS_REACHED, JobEnding, JobPlan, is_complete
from shoal.controllers.kube.job_pods import NO_INDEX, index_of, is_failed, valid_index_of
from shoal.controllers.kube.job_policies import verdict
from shoal.controllers.kube.job_tally import JobView, PodSums

MAX_UNCOUNTED = 500
"""So that a status stays small."""


class PodsChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a plan's writes to pods."""

    created: int = 0
    removed: Sequence[Pod] = ()


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is to be written before the pods in `release` lose their finalizers."""

    status: JobStatus
    release: Sequence[Pod] = ()
    ending: JobEnding | None = None
    """How the job ends as soon as nothing is uncounted and nothing is terminating."""
    is_partial: bool = False
    """More pods have ended than are counted at a time."""
    news: str = ""
    """`Suspended`, `Resumed`, or nothing new."""


def progress(
    view: JobView, counted: PodSums, planned: JobPlan, outcome: PodsChanged, now: datetime
) -> JobProgress:
    job, removed = view.job, outcome.removed
    active = len(counted.active) + outcome.created - len(removed)
    ending = planned.ending
    if ending is not None and (active or not view.is_settled):
        # There may be pods that are still to be seen.
        ending = None
    elif ending is None and is_complete(job, counted, active):
        ending = COMPLETIONS_REACHED
    status = msgspec.structs.replace(
        job.status,
        active=active,
        ready=counted.ready - sum(pod.is_ready for pod in removed),
        terminating=counted.terminating + len(removed),
        start_time=job.status.start_time or (None if job.spec.suspend else now),
        uncounted_terminated_pods=view.uncounted,
    )
    news = ""
    if planned.is_managed and ending is None:
        status, news = _suspended(job, status, now)
    held = {pod.metadata.uid for pod in view.pods if view.is_held(pod)}
    counting = _count_ended(view, counted, _settled(status, held), ending)
    status = _with_target(counting.status, ending, now)
    return msgspec.structs.replace(counting, status=status, ending=ending, news=news)


def concluded(
    view: JobView, before: JobProgress, released: Collection[str], now: datetime
) -> JobStatus:
    """The status when the pods with these uids have been let go."""
    held = {pod.metadata.uid for pod in view.pods if view.is_held(pod)}
    status = _settled(before.status, held.difference(released))
    ending, uncounted = before.ending, status.uncounted_terminated_pods or UncountedPods()
    if (
        ending is None
        or before.is_partial
        or uncounted.succeeded
        or uncounted.failed
        or status.terminating
    ):
        return status
    final = _with(status, ending.condition, "True", ending.reason, ending.message, now)
    return msgspec.structs.replace(final, completion_time=now if ending.is_success else None)


def _suspended(job: Job, status: JobStatus, now: datetime) -> tuple[JobStatus, str]:
    """With the condition that tells whether the job is held, and what is new about it."""
    kind = JobConditionType.SUSPENDED
    present = find_condition(status.conditions, kind)
    is_held = present is not None and present.status == "True"
    if job.spec.suspend and not is_held:
        held = _with(status, kind, "True", "JobSuspended", "Job suspended", now)
        return msgspec.structs.replace(held, start_time=None), "Suspended"
    if not job.spec.suspend and is_held:
        # The deadline counts from here, however long the job was held.
        resumed = _with(status, kind, "False", "JobResumed", "Job resumed", now)
        return msgspec.structs.replace(resumed, start_time=now), "Resumed"
    return status, ""


def _settled(status: JobStatus, held: Collection[str]) -> JobStatus:
    """With those counted that are held no more."""
    uncounted = status.uncounted_terminated_pods or UncountedPods()
    succeeded = [uid for uid in uncounted.succeeded if uid in held]
    failed = [uid for uid in uncounted.failed if uid in held]
    return msgspec.structs.replace(
        status,
        succeeded=status.succeeded + len(uncounted.succeeded) - len(succeeded),
        failed=status.failed + len(uncounted.failed) - len(failed),
        uncounted_terminated_pods=UncountedPods(succeeded=succeeded, failed=failed),
    )


def _count_ended(
    view: JobView, counted: PodSums, status: JobStatus, ending: JobEnding | None
) -> JobProgress:
    """Puts pods that have ended into the status, and says which are let go then."""
    job, listed = view.job, status.uncounted_terminated_pods or UncountedPods()
    succeeded, failed = list(listed.succeeded), list(listed.failed)
    indexes: list[int] = []
    release: list[Pod] = []
    is_partial = False
    pods = sorted(view.pods, key=index_of) if job.is_indexed else view.pods
    for pod in pods:
        uid = pod.metadata.uid
        if not view.is_held(pod) or not _may_go(view, counted, pod, ending):
            continue
        release.append(pod)
        if pod.status.phase == "Succeeded" and uid not in failed:
            index = valid_index_of(job, pod)
            if not job.is_indexed and uid not in succeeded:
                succeeded.append(uid)
            elif job.is_indexed and index != NO_INDEX and index not in counted.before:
                indexes.append(index)
        elif uid not in failed and _is_failure(job, pod, ending):
            failed.append(uid)
        if len(indexes) + len(succeeded) + len(failed) >= MAX_UNCOUNTED:
            is_partial = True
            break
    uncounted = UncountedPods(succeeded=succeeded, failed=failed)
    status = msgspec.structs.replace(status, uncounted_terminated_pods=uncounted)
    if job.is_indexed:
        status = _with_indexes(counted, status, counted.before | Indexes.of(indexes))
    return JobProgress(status=status, release=release, is_partial=is_partial)


def _may_go(view: JobView, counted: PodSums, pod: Pod, ending: JobEnding | None) -> bool:
    """Whether the pod need not be held for what the job still has to know of it."""
    if view.job.metadata.deletion_timestamp is not None or ending is not None:
        return True
    if pod.status.phase == "Succeeded":
        return True
    replaced = counted.replaced.get(index_of(pod))
    is_awaited = replaced is not None and replaced.metadata.uid == pod.metadata.uid
    return is_failed(view.job, pod) and not is_awaited


def _is_failure(job: Job, pod: Pod, ending: JobEnding | None) -> bool:
    """A job that fails counts every pod that has not succeeded."""
    if not is_failed(job, pod) and (ending is None or ending.is_success):
        return False
    if job.is_indexed and valid_index_of(job, pod) == NO_INDEX:
        return False
    return verdict(job, pod).is_counted


def _with_indexes(counted: PodSums, status: JobStatus, succeeded: Indexes) -> JobStatus:
    failed = counted.failed_indexes
    return msgspec.structs.replace(
        status,
        succeeded=len(succeeded),
        completed_indexes=str(succeeded),
        failed_indexes=None if failed is None else str(failed),
    )


def _with_target(status: JobStatus, ending: JobEnding | None, now: datetime) -> JobStatus:
    if ending is None:
        return status
    present = find_condition(status.conditions, ending.target)
    if present is not None and present.status == "True":
        return status
    return _with(status, ending.target, "True", ending.reason, ending.message, now)


def _with(
    status: JobStatus, kind: JobConditionType, value: str, reason: str, message: str, now: datetime
) -> JobStatus:
    condition = Condition(
        type=kind,
        status=value,
        reason=reason,
        message=message,
        last_probe_time=now,
        last_transition_time=now,
    )
    others = [each for each in status.conditions if each.type != kind]
    return msgspec.structs.replace(status, conditions=[*others, condition])

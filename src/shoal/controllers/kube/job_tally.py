"""What a Job's pods add up to: which run, which have ended and are not in its status yet.

Pure. Source of rules: Kubernetes v1.36, pkg/controller/job (syncJob, getNewFinishedPods,
calculateFailedIndexes, getPodsWithDelayedDeletionPerIndex).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from shoal.api.batch import Job, UncountedPods
from shoal.api.job_indexes import Indexes, read_indexes
from shoal.api.pod import Pod
from shoal.controllers.kube.job_backoff import FailureStreak
from shoal.controllers.kube.job_pods import (
    NO_INDEX,
    finished_at,
    ignored_failures,
    index_failures,
    index_of,
    indexes_of,
    is_active,
    is_failed,
    is_terminating,
    is_tracked,
    valid_index_of,
)
from shoal.controllers.kube.job_policies import FailureAction, verdict

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A job that has not finished, and its pods."""

    job: Job
    pods: Sequence[Pod] = ()
    released: frozenset[str] = frozenset()
    """Uids of pods that are tracked no more, although `pods` does not show it yet."""
    streak: FailureStreak = FailureStreak()
    is_settled: bool = True
    """Whether `pods` shows all that has been made and removed."""

    def is_held(self, pod: Pod) -> bool:
        """Whether the pod is kept until it has been counted."""
        return is_tracked(pod) and pod.metadata.uid not in self.released

    @property
    def uncounted(self) -> UncountedPods:
        return self.job.status.uncounted_terminated_pods or UncountedPods()


class PodSums(msgspec.Struct, frozen=True, kw_only=True):
    active: list[Pod]
    ready: int
    terminating: int
    succeeded: int
    """With those that are not in the status yet, as is `failed`."""
    failed: int
    streak: FailureStreak
    before: Indexes = Indexes()
    """Indexes that the status says have succeeded."""
    succeeded_indexes: Indexes = Indexes()
    failed_indexes: Indexes | None = None
    """None where indexes have no limits of their own."""
    replaced: dict[int, Pod] = {}
    """By index, failed pods that stay until they are replaced: the next one takes over their
    count."""


def tally(view: JobView) -> PodSums:
    job, uncounted = view.job, view.uncounted
    active = [pod for pod in view.pods if is_active(pod)]
    known = {*uncounted.succeeded, *uncounted.failed}
    ended = [pod for pod in _valid(view) if pod.metadata.uid not in known]
    succeeded = [pod for pod in ended if pod.status.phase == "Succeeded"]
    failed = [pod for pod in ended if is_failed(job, pod)]
    counted = PodSums(
        active=active,
        ready=sum(pod.is_ready for pod in active),
        terminating=sum(is_terminating(pod) for pod in view.pods),
        succeeded=job.status.succeeded + len(succeeded) + len(uncounted.succeeded),
        failed=job.status.failed
        + sum(verdict(job, pod).is_counted for pod in failed)
        + len(uncounted.failed),
        # Failures that a rule ignores delay the next pod as others do, as in Kubernetes.
        streak=view.streak.after(succeeded, failed),
    )
    return _with_indexes(view, counted) if job.is_indexed else counted


def _valid(view: JobView) -> Iterable[Pod]:
    """Pods that are held and, in an Indexed job, have an index of it."""
    for pod in view.pods:
        if view.is_held(pod) and not (
            view.job.is_indexed and valid_index_of(view.job, pod) == NO_INDEX
        ):
            yield pod


def _with_indexes(view: JobView, counted: PodSums) -> PodSums:
    job, completions = view.job, view.job.spec.completions or 0
    before = read_indexes(job.status.completed_indexes, completions)
    new = (index_of(pod) for pod in _valid(view) if pod.status.phase == "Succeeded")
    succeeded = before | Indexes.of(new)
    counted = msgspec.structs.replace(
        counted, before=before, succeeded_indexes=succeeded, succeeded=len(succeeded)
    )
    if job.spec.backoff_limit_per_index is None:
        return counted
    failed = read_indexes(job.status.failed_indexes or "", completions) | Indexes.of(
        index_of(pod) for pod in _valid(view) if _fails_its_index(job, pod)
    )
    counted = msgspec.structs.replace(counted, failed_indexes=failed)
    return msgspec.structs.replace(counted, replaced=_replaced(view, counted, failed))


def _fails_its_index(job: Job, pod: Pod) -> bool:
    if not is_failed(job, pod):
        return False
    said = verdict(job, pod)
    if said.action is FailureAction.FAIL_INDEX:
        return True
    limit = job.spec.backoff_limit_per_index or 0
    return said.is_counted and index_failures(pod) >= limit


def _replaced(view: JobView, counted: PodSums, failed: Indexes) -> dict[int, Pod]:
    running = indexes_of(counted.active)
    last: dict[int, Pod] = {}
    for pod in _valid(view):
        index = index_of(pod)
        is_over = index in counted.succeeded_indexes or index in failed or index in running
        if is_over or not is_failed(view.job, pod):
            continue
        if index not in last or _age(pod) >= _age(last[index]):
            last[index] = pod
    return last


def _age(pod: Pod) -> tuple[int, datetime]:
    return index_failures(pod) + ignored_failures(pod), finished_at(pod) or _LONG_AGO

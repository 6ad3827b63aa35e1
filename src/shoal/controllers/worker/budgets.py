"""How often a run has failed, and whether it may go on.

Failures of the program and failures of what it ran on are counted apart. What was counted stands in
the status beside the numbers: the next look adds only what is new, whatever was forgotten between,
and pods that are gone stay in the numbers.
"""

from collections.abc import Sequence

import msgspec

from shoal.api.batch import Job
from shoal.api.pod import Pod
from shoal.api.worker import (
    FailureCategory,
    ObjectTally,
    PodTally,
    WorkerSpec,
    WorkerStatus,
)
from shoal.controllers.worker.failures import (
    POD_DELETED,
    disruption,
    failure_of,
    has_started,
    last_restart,
    restarts,
)


class OwnedPods(msgspec.Struct, frozen=True, kw_only=True):
    """The pods below one object of a run."""

    name: str
    """Of the object."""
    pods: Sequence[Pod]
    gone: Sequence[Pod] = ()
    """As they were last seen: some may have come and gone between two looks."""
    counts_deleted: bool = True
    """Whether a pod that is deleted was taken from the run: not where it is suspended or over, as
    its pods are deleted on purpose then."""
    parallelism: int | None = None
    """Pods above so many are deleted on purpose, too; None where none are."""


class FailureCount(msgspec.Struct, frozen=True, kw_only=True):
    """Of a run."""

    application: int = 0
    infrastructure: int = 0
    restarts: int = 0
    tallies: Sequence[ObjectTally] = ()

    def of(self, name: str) -> ObjectTally:
        """The failures below one object."""
        return next((each for each in self.tallies if each.name == name), ObjectTally(name=name))


def count_failures(status: WorkerStatus, owned: Sequence[OwnedPods]) -> FailureCount:
    """What the status says, and what has happened since. Objects that are not among `owned` are
    over: they stay in the sums."""
    before = {tally.name: tally for tally in status.tallies}
    after = [tally_of(before.get(each.name) or ObjectTally(name=each.name), each) for each in owned]

    def added(field: str) -> int:
        return sum(
            getattr(tally, field) - getattr(before.get(tally.name), field, 0) for tally in after
        )

    return FailureCount(
        application=status.application_failures + added("application_failures"),
        infrastructure=status.infrastructure_failures + added("infrastructure_failures"),
        restarts=status.restarts + added("restarts"),
        tallies=[each for each in after if each != ObjectTally(name=each.name)],
    )


def tally_of(before: ObjectTally, owned: OwnedPods) -> ObjectTally:
    """The numbers of one object with what is new among its pods."""
    known = {each.uid: each for each in before.pods}
    application, infrastructure = before.application_failures, before.infrastructure_failures
    total_restarts, pods = before.restarts, list[PodTally]()
    gone = {each.metadata.uid for each in owned.gone}
    spare = _spare(before, owned)
    for pod in (*owned.pods, *owned.gone):
        seen = known.pop(pod.metadata.uid, PodTally(uid=pod.metadata.uid))
        restarted = max(restarts(pod) - seen.restarts, 0)
        unseen = 1 if restarted and _is_infrastructure_restart(pod) else 0
        application += restarted - unseen
        infrastructure += unseen
        total_restarts += restarted
        is_over = seen.is_over or pod.is_finished or seen.uid in gone
        if is_over and not seen.is_over and seen.uid not in spare:
            category = _category(pod, counts_deleted=owned.counts_deleted)
            application += category is FailureCategory.APPLICATION
            infrastructure += category is FailureCategory.INFRASTRUCTURE
        entry = PodTally(
            uid=seen.uid,
            restarts=max(restarts(pod), seen.restarts),
            is_over=is_over or seen.uid in spare,
            is_leaving=pod.is_deleting,
        )
        if pod.status.phase != "Succeeded" or entry.restarts:
            pods.append(entry)
    if owned.counts_deleted:
        infrastructure += sum(not each.is_over and each.uid not in spare for each in known.values())
    return ObjectTally(
        name=before.name,
        application_failures=application,
        infrastructure_failures=infrastructure,
        restarts=total_restarts,
        pods=pods,
    )


def _spare(before: ObjectTally, owned: OwnedPods) -> set[str]:
    """Pods that were deleted because there were more than there are to be: as many as that. Which
    it is, is settled when a deletion is first seen: later there may be another pod in its place."""
    if owned.parallelism is None:
        return set()
    known = {each.uid: each for each in before.pods}
    here = {pod.metadata.uid: pod for pod in owned.pods}
    gone = {pod.metadata.uid: pod for pod in owned.gone}
    there, deleted = 0, list[str]()
    for uid in dict.fromkeys((*known, *here)):
        seen, pod = known.get(uid), here.get(uid) or gone.get(uid)
        if seen is not None and (seen.is_over or seen.is_leaving):
            continue
        if _is_deleted(pod, is_gone=uid not in here):
            deleted.append(uid)
        elif pod is not None and pod.is_finished:
            continue
        there += 1
    return set(deleted[: max(there - owned.parallelism, 0)])


def _is_deleted(pod: Pod | None, *, is_gone: bool) -> bool:
    """Whether somebody deleted the pod before its end, and did not take it for want of a node."""
    if pod is None:
        return True
    if pod.is_finished:
        failure = failure_of(pod)
        return failure is not None and failure.reason == POD_DELETED
    return (is_gone or pod.is_deleting) and disruption(pod) is None


def _is_infrastructure_restart(pod: Pod) -> bool:
    last = last_restart(pod)
    return last is not None and last.category is FailureCategory.INFRASTRUCTURE


def _category(pod: Pod, *, counts_deleted: bool) -> FailureCategory | None:
    """Whose fault it is that the pod is over; None where it is nobody's."""
    if not pod.is_finished:
        # It is gone, and a program with it where one was at work.
        return FailureCategory.INFRASTRUCTURE if counts_deleted and has_started(pod) else None
    failure = failure_of(pod)
    if failure is None or (pod.is_deleting and not counts_deleted):
        return None
    return failure.category


def used_up(tally: ObjectTally, spec: WorkerSpec) -> FailureCategory | None:
    """Which budget does not allow another start."""
    if tally.application_failures > spec.retries:
        return FailureCategory.APPLICATION
    if tally.infrastructure_failures > spec.infrastructure_retries:
        return FailureCategory.INFRASTRUCTURE
    return None


def must_give_up(job: Job, tally: ObjectTally, spec: WorkerSpec) -> bool:
    """Whether the Job is to be told that it has failed once too often: its limit is lowered to 0,
    below the failures that it has counted itself."""
    return job.spec.backoff_limit > 0 and used_up(tally, spec) is not None


def budget_sentence(tally: ObjectTally, spec: WorkerSpec) -> str:
    """Why a run was given up; empty where no budget is used up."""
    category = used_up(tally, spec)
    if category is FailureCategory.APPLICATION:
        failures, field, limit = tally.application_failures, "retries", spec.retries
    elif category is FailureCategory.INFRASTRUCTURE:
        failures = tally.infrastructure_failures
        field, limit = "infrastructureRetries", spec.infrastructure_retries
    else:
        return ""
    return f"{failures} {category.lower()} failures are more than spec.{field}, {limit}, allows"

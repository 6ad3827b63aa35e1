"""What is there of one Worker at one moment, and what its run has come to.

Decisions read nothing else. Objects are told apart by owner and uid, so nothing of a former worker
of the same name is taken for this one's.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from shoal.api.apps import Deployment, ReplicaSet
from shoal.api.batch import CronJob, Job, JobConditionType
from shoal.api.core import Event
from shoal.api.job_indexes import Indexes, read_indexes
from shoal.api.meta import Condition, Object, find_condition
from shoal.api.pod import Pod
from shoal.api.worker import RUN_LABEL, Worker, WorkerQueue, WorkerStatus
from shoal.controllers.worker.failures import POD_DELETED, PodFailure, failure_of
from shoal.controllers.worker.manifests import (
    ITEM_INDEX,
    ITEMS_DIGEST,
    digest_of_items,
    run_name,
)
from shoal.controllers.worker.progress import ProgressSample
from shoal.controllers.worker.strategy import NoStrategy, Shape, StrategyChoice, WorkloadKind
from shoal.work.protocol import QueueSize

JOB_DELETED = "JobDeleted"
SUPERSEDED = "Superseded"
ITEMS_CHANGED = "ItemsChanged"
_ANY = 2**31
"""Above every number of an item."""


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """All that decisions are made from."""

    worker: Worker
    choice: StrategyChoice | NoStrategy
    now: datetime
    deployment: Deployment | None = None
    replica_sets: Sequence[ReplicaSet] = ()
    """Of the Deployment."""
    cron_job: CronJob | None = None
    jobs: Sequence[Job] = ()
    """Its own, and those of its CronJob; not those of items of which the status has told how they
    ended."""
    pods: Sequence[Pod] = ()
    """Those that have not ended, and those of `jobs`."""
    failed_creates: Sequence[Event] = ()
    """What was said lately of Jobs that go on, and of the CronJob: what they could not make."""
    departed: Sequence[Pod] = ()
    """Pods that are gone, as they were last seen; not all that ever were."""
    size: QueueSize | None = None
    """Of its queue, where that was asked lately."""
    samples: Sequence[ProgressSample] = ()
    problem: str = ""
    """Why its work source cannot be used; a sentence."""
    refusal: str = ""
    """Why the API server does not take the object; a sentence."""
    setback: str = ""
    """Why the API server does not make it now; a sentence."""
    held_back_s: float = 0.0
    """How long nothing is to be made because of that."""

    @property
    def status(self) -> WorkerStatus:
        return self.worker.status

    @property
    def has_ended(self) -> bool:
        """Whether the run that was started last is over."""
        return self.status.finished_at is not None

    @property
    def run(self) -> int:
        """The run that counts now: the one that goes on, else the one that is wanted."""
        if self.status.run and not self.has_ended:
            return self.status.run
        return max(self.worker.spec.run, self.status.run)

    @property
    def is_to_begin(self) -> bool:
        """Whether that run has not been told of in the status."""
        return self.run != self.status.run

    @property
    def is_superseded(self) -> bool:
        """Whether another run is wanted than the one that goes on: nothing new is made for it."""
        return self.run < self.worker.spec.run

    @property
    def own_jobs(self) -> list[Job]:
        """Of numbered runs."""
        return [job for job in self.jobs if is_own(job, self.worker)]

    @property
    def scheduled_jobs(self) -> list[Job]:
        """Of its CronJob."""
        return [job for job in self.jobs if not is_own(job, self.worker)]

    @property
    def unfinished_pods(self) -> list[Pod]:
        return [pod for pod in self.pods if not pod.is_finished]

    @property
    def items(self) -> Sequence[str]:
        return (self.worker.spec.queue or WorkerQueue()).items


def is_own(obj: Object, worker: Worker) -> bool:
    """Whether the worker itself made it."""
    owner = obj.metadata.controller
    return owner is not None and owner.uid == worker.metadata.uid


def by_owner(pods: Iterable[Pod]) -> dict[str, list[Pod]]:
    """By the uid of what they belong to."""
    found: dict[str, list[Pod]] = {}
    for pod in pods:
        owner = pod.metadata.controller
        if owner is not None:
            found.setdefault(owner.uid, []).append(pod)
    return found


def run_of(obj: Object) -> int:
    """Which run an object belongs to; 0 for none."""
    text = obj.metadata.labels.get(RUN_LABEL, "")
    return int(text) if text.isdigit() else 0


def item_index(job: Job) -> int | None:
    text = job.metadata.labels.get(ITEM_INDEX, "")
    return int(text) if text.isdigit() else None


def ending_of(job: Job) -> Condition | None:
    """The condition that says how a Job has ended; None while it goes on."""
    for ending in (JobConditionType.COMPLETE, JobConditionType.FAILED):
        condition = find_condition(job.status.conditions, ending)
        if condition is not None and condition.status == "True":
            return condition
    return None


def end_sentence(job: Job, ending: Condition) -> str:
    """How a Job has ended, by the condition that says so."""
    if ending.type == JobConditionType.COMPLETE:
        return f"Job {job.metadata.name} is complete"
    return f"Job {job.metadata.name} failed ({ending.reason}): {ending.message}"


def is_complete(job: Job) -> bool:
    ending = ending_of(job)
    return ending is not None and ending.type == JobConditionType.COMPLETE


def standing_choice(sight: Sight) -> StrategyChoice | NoStrategy:
    """The choice, or the one before where a run goes on with that: a change of the spec is for the
    next run."""
    choice, strategy = sight.choice, sight.status.strategy
    if isinstance(choice, NoStrategy) or choice.kind not in _RUN_KINDS:
        return choice
    held = _held_shape(sight, choice)
    if held is None or held is choice.shape:
        return choice
    kind = WorkloadKind.POD if held is Shape.ONCE else WorkloadKind.JOB
    return StrategyChoice(
        kind=kind,
        shape=held,
        restart_policy=strategy.restart_policy if strategy is not None else choice.restart_policy,
        reason=strategy.reason if strategy is not None else choice.reason,
    )


_RUN_KINDS = (WorkloadKind.JOB, WorkloadKind.POD)


def _held_shape(sight: Sight, choice: StrategyChoice) -> Shape | None:
    strategy = sight.status.strategy
    jobs = [job for job in sight.own_jobs if run_of(job) == sight.run]
    if sight.is_to_begin or strategy is None:
        # Its Job may be there already, made a moment ago.
        is_job = bool(jobs)
        is_pod = not jobs and choice.shape is Shape.ONCE
    else:
        if sight.has_ended:
            return None
        is_pod = strategy.kind == WorkloadKind.POD
        is_job = strategy.kind == WorkloadKind.JOB
    if is_pod:
        return Shape.ONCE
    if not is_job:
        return None
    per_item = any(item_index(job) is not None for job in jobs) or (
        not jobs and strategy is not None and strategy.name.endswith("-")
    )
    if per_item:
        return Shape.JOB_PER_ITEM
    is_alike = choice.shape in (Shape.REPEATABLE, Shape.DRAIN, Shape.ITEM_PER_POD)
    return choice.shape if is_alike else Shape.REPEATABLE


_SHOWN_RANGES = 10


def _first(indexes: Indexes) -> str:
    text = str(msgspec.structs.replace(indexes, runs=indexes.runs[:_SHOWN_RANGES]))
    return f"{text} and more" if len(indexes.runs) > _SHOWN_RANGES else text


class RunStage(StrEnum):
    """How far one run is."""

    WAITING = "Waiting"
    """It has no object, and is to get one."""
    ACTIVE = "Active"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class RunLook(msgspec.Struct, frozen=True, kw_only=True):
    """What the objects of a run tell."""

    stage: RunStage
    reason: str = ""
    """Of an end: CamelCase."""
    message: str = ""
    """Of an end: a sentence."""
    pod: Pod | None = None
    """Where it is one pod."""
    jobs: Sequence[Job] = ()
    """Those that go on."""
    succeeded: Indexes = Indexes()
    """Of a Job per item."""
    failed: Indexes = Indexes()

    @property
    def is_over(self) -> bool:
        return self.stage in (RunStage.SUCCEEDED, RunStage.FAILED)


def look_at_run(sight: Sight, choice: StrategyChoice) -> RunLook:
    """`choice` is the standing one."""
    if not sight.is_to_begin and sight.has_ended:
        return _remembered(sight)
    if choice.shape is Shape.ONCE:
        return _look_at_pod(sight)
    if choice.shape is Shape.JOB_PER_ITEM:
        return _look_at_items(sight)
    return _look_at_job(sight)


def _remembered(sight: Sight) -> RunLook:
    """An end is told once and for all: objects may go."""
    failed = find_condition(sight.status.conditions, "Failed")
    complete = find_condition(sight.status.conditions, "Complete")
    is_failed = failed is not None and failed.status == "True"
    told = failed if is_failed else complete
    return RunLook(
        stage=RunStage.FAILED if is_failed else RunStage.SUCCEEDED,
        reason=told.reason if told is not None else "",
        message=told.message if told is not None else "",
        succeeded=read_indexes(sight.status.succeeded_items, _ANY),
        failed=read_indexes(sight.status.failed_items, _ANY),
    )


def _look_at_pod(sight: Sight) -> RunLook:
    worker, status = sight.worker, sight.status
    name = run_name(worker, sight.run)
    if sight.is_superseded and not status.pod_uid:
        # What there may be of it is behind its gate.
        return _superseded(sight)
    if sight.is_to_begin or not status.pod_uid:
        pod = next((p for p in sight.pods if p.metadata.name == name and is_own(p, worker)), None)
        if pod is None or pod.is_deleting:
            return RunLook(stage=RunStage.WAITING)
        return RunLook(stage=RunStage.ACTIVE, pod=pod)
    pod = next((p for p in sight.pods if p.metadata.uid == status.pod_uid), None)
    last = pod or next((p for p in sight.departed if p.metadata.uid == status.pod_uid), None)
    if last is not None and last.status.phase == "Succeeded":
        text = f"pod {name} succeeded"
        return RunLook(stage=RunStage.SUCCEEDED, reason="PodSucceeded", message=text, pod=last)
    failure = failure_of(last) if last is not None else None
    if pod is not None and failure is None:
        return RunLook(stage=RunStage.ACTIVE, pod=pod)
    reason = failure.reason if failure is not None else POD_DELETED
    text = _once_sentence(sight, name, failure)
    return RunLook(stage=RunStage.FAILED, reason=reason, message=text, pod=last)


def _once_sentence(sight: Sight, pod: str, failure: PodFailure | None) -> str:
    if failure is None or failure.reason == POD_DELETED:
        what = f"pod {pod} was deleted before it had ended"
        if sight.worker.spec.suspend:
            what = f"pod {pod} was stopped, as spec.suspend asks"
    else:
        what = f"pod {pod} failed, {failure.reason}"
        if failure.exit_code is not None:
            what += f" (exit code {failure.exit_code})"
    return (
        f"{what}; a batch that is neither resumable nor idempotent is not started again by itself,"
        f" `shoal worker rerun {sight.worker.metadata.name}` starts it afresh"
    )


def _superseded(sight: Sight) -> RunLook:
    """Of a run that has no object left, and is to get no other."""
    text = f"run {sight.run} was ended, as run {sight.worker.spec.run} is wanted instead"
    return RunLook(stage=RunStage.FAILED, reason=SUPERSEDED, message=text)


def _look_at_job(sight: Sight) -> RunLook:
    name = run_name(sight.worker, sight.run)
    job = next((job for job in sight.own_jobs if job.metadata.name == name), None)
    if job is None:
        if sight.is_superseded:
            return _superseded(sight)
        is_held = isinstance(sight.choice, StrategyChoice) and sight.choice.shape is Shape.ONCE
        if is_held and not sight.is_to_begin:
            text = f"Job {name} was deleted, and the worker may not be started again by itself now"
            return RunLook(stage=RunStage.FAILED, reason=JOB_DELETED, message=text)
        return RunLook(stage=RunStage.WAITING)
    ending = ending_of(job)
    if ending is None:
        return RunLook(stage=RunStage.ACTIVE, jobs=[job])
    text = end_sentence(job, ending)
    if ending.type == JobConditionType.COMPLETE:
        return RunLook(stage=RunStage.SUCCEEDED, reason="JobComplete", message=text)
    return RunLook(stage=RunStage.FAILED, reason=ending.reason or "JobFailed", message=text)


def has_other_items(sight: Sight) -> bool:
    """Whether `spec.queue.items` are not those that the run began with. Its Jobs know items by
    their number, so it cannot go on."""
    begun_with = items_begun_with(sight)
    return bool(begun_with) and begun_with != digest_of_items(sight.items)


def items_begun_with(sight: Sight) -> str:
    """The digest of the run's items, as the status or, before that tells of the run, its first Job
    has it; empty where nothing of it has been made."""
    if not sight.is_to_begin:
        return sight.status.items_digest
    digests = [
        job.metadata.annotations.get(ITEMS_DIGEST, "")
        for job in sight.own_jobs
        if run_of(job) == sight.run and item_index(job) is not None
    ]
    return digests[0] if digests else ""


def _look_at_items(sight: Sight) -> RunLook:
    count = len(sight.items)
    status = sight.status if not sight.is_to_begin else WorkerStatus()
    succeeded = read_indexes(status.succeeded_items, _ANY)
    failed = read_indexes(status.failed_items, _ANY)
    jobs = [
        (index, job)
        for job in sight.own_jobs
        if run_of(job) == sight.run and (index := item_index(job)) is not None
    ]
    succeeded |= Indexes.of(index for index, job in jobs if is_complete(job))
    failed |= Indexes.of(
        index for index, job in jobs if ending_of(job) is not None and not is_complete(job)
    )
    active = [job for _, job in jobs if ending_of(job) is None]
    look = RunLook(stage=RunStage.ACTIVE, jobs=active, succeeded=succeeded, failed=failed)
    if active:
        return look
    return msgspec.structs.replace(look, **_end_of_items(sight, look, count))


def _end_of_items(sight: Sight, look: RunLook, count: int) -> dict[str, Any]:
    """What a run of a Job per item has come to when none of its Jobs goes on."""
    succeeded, failed = look.succeeded, look.failed
    if has_other_items(sight):
        text = (
            f"spec.queue.items changed while run {sight.run} went on, and {len(succeeded)} of the"
            f" former items are done; `shoal worker rerun {sight.worker.metadata.name}` starts"
            " afresh with the items as they are now"
        )
        return {"stage": RunStage.FAILED, "reason": ITEMS_CHANGED, "message": text}
    if len(succeeded) + len(failed) < count:
        if sight.is_superseded:
            ended = _superseded(sight)
            return {"stage": ended.stage, "reason": ended.reason, "message": ended.message}
        return {} if succeeded.runs or failed.runs else {"stage": RunStage.WAITING}
    if failed.runs:
        text = f"{len(failed)} of {count} items failed: {_first(failed)}"
        return {"stage": RunStage.FAILED, "reason": "ItemsFailed", "message": text}
    text = f"the Jobs of all {count} items are complete"
    return {"stage": RunStage.SUCCEEDED, "reason": "JobsComplete", "message": text}

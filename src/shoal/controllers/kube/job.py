"""Jobs: pods until enough of them have succeeded, or too many have failed.

`job_tally` adds up what there is, `job_plan` decides which pods to make and to remove,
`job_progress` what the status says; here it is carried out, one turn at a time:

    make, remove pods -> status: who has ended -> pods: finalizers go -> status: counted

A turn may be cut off anywhere; the next one goes on from what the API holds.
"""

from collections.abc import Mapping

import msgspec

from shoal.api import selectors
from shoal.api.batch import JOB_CONTROLLER, JOBS, Job, JobStatus
from shoal.api.core import EventType
from shoal.api.merge_patch import merge_patch
from shoal.api.meta import ObjectKey
from shoal.api.pod import Pod
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import Lister
from shoal.client.protocol import Client
from shoal.controllers.expectations import Expectations
from shoal.controllers.kube.job_backoff import FailureStreak
from shoal.controllers.kube.job_plan import JobEnding, plan
from shoal.controllers.kube.job_pods import is_tracked
from shoal.controllers.kube.job_progress import concluded, progress
from shoal.controllers.kube.job_tally import JobView, tally
from shoal.controllers.kube.job_writes import JobPodWrites
from shoal.controllers.kube.owners import may_adopt
from shoal.controllers.reconciler import Result

BY_JOB = "batch/v1 job"
"""Index of pods: the uid of the Job that controls them."""
UNOWNED = "unowned, for jobs"
"""Index of pods that nobody controls: their namespace."""
_NEWS: Mapping[str, str] = {"Suspended": "Job suspended", "Resumed": "Job resumed"}


class BatchJobReconciler:
    def __init__(
        self,
        client: Client,
        jobs: Lister[Job],
        pods: Lister[Pod],
        writes: JobPodWrites,
        recorder: EventRecorder,
        expectations: Expectations,
        clock: Clock,
    ) -> None:
        """`pods` has the indexes BY_JOB and UNOWNED."""
        self._client = client
        self._jobs = jobs
        self._pods = pods
        self._writes = writes
        self._recorder = recorder
        self._expectations = expectations
        self._clock = clock
        self._written: dict[ObjectKey, Job] = {}
        self._streaks: dict[ObjectKey, tuple[str, FailureStreak]] = {}
        """With the uid of the job: one that is made anew under its name begins afresh."""

    async def reconcile(self, key: ObjectKey) -> Result:
        job = self._current(key)
        if job is None or not is_ours(job):
            self._forget(key)
            return Result()
        if job.is_finished:
            self._streaks.pop(key, None)
            pods = self._pods.by_index(BY_JOB, job.metadata.uid)
            _, error = await self._writes.release(job, [pod for pod in pods if is_tracked(pod)])
            return _result(error, None)
        return await self._advance(job, key)

    async def _advance(self, job: Job, key: ObjectKey) -> Result:
        now = self._clock.now()
        moment = now.replace(microsecond=0)
        is_settled = self._expectations.is_settled(key, now)
        view = JobView(
            job=job,
            pods=await self._claim(job),
            released=self._writes.released(key),
            streak=self._streak(job),
            is_settled=is_settled,
        )
        counted = tally(view)
        planned = plan(view, counted, now)
        attempted = await self._writes.carry_out(job, planned)
        step = progress(view, counted, planned, attempted.outcome, moment)
        if step.status != job.status:
            job = await self._write(job, step.status)
            self._streaks[key] = (job.metadata.uid, counted.streak)
        if step.news:
            self._record(job, EventType.NORMAL, step.news, _NEWS[step.news])
        released, error = await self._writes.release(job, step.release)
        final = concluded(view, step, released, moment)
        if final != step.status:
            job = await self._write(job, final)
            if job.is_finished and step.ending is not None:
                self._record_end(job, step.ending)
        look_again_s = 0.0 if step.is_partial else planned.look_again_s
        return _result(attempted.error or error, look_again_s)

    def _current(self, key: ObjectKey) -> Job | None:
        """As the informer shows it, or as this controller has written it after that."""
        job, written = self._jobs.get(key), self._written.get(key)
        if job is None or written is None:
            return job
        is_later = int(written.metadata.resource_version) > int(job.metadata.resource_version)
        if is_later and written.metadata.uid == job.metadata.uid:
            return written
        del self._written[key]
        return job

    def _streak(self, job: Job) -> FailureStreak:
        uid, streak = self._streaks.get(job.metadata.key, ("", FailureStreak()))
        return streak if uid == job.metadata.uid else FailureStreak()

    def _forget(self, key: ObjectKey) -> None:
        self._written.pop(key, None)
        self._streaks.pop(key, None)
        self._expectations.forget(key)
        self._writes.forget(key)

    async def _claim(self, job: Job) -> list[Pod]:
        """The job's pods, with those that have become its own; without those that have ceased."""
        selector = selectors.from_label_selector(job.spec.selector) or selectors.EVERYTHING
        is_leaving = job.metadata.deletion_timestamp is not None
        pods: list[Pod] = []
        for pod in self._pods.by_index(BY_JOB, job.metadata.uid):
            if is_leaving or selector.matches(pod.metadata.labels):
                pods.append(pod)
            else:
                await self._writes.disown(job, pod)
        if is_leaving or not selector:
            return pods
        orphans = [
            pod
            for pod in self._pods.by_index(UNOWNED, job.metadata.namespace)
            if not pod.is_deleting and selector.matches(pod.metadata.labels)
        ]
        if orphans and await may_adopt(self._client, JOBS, job.metadata):
            pods += [await self._writes.adopt(job, pod) for pod in orphans]
        return pods

    async def _write(self, job: Job, status: JobStatus) -> Job:
        """Refused where the job has changed meanwhile: its counters must not be added to twice."""
        meta = job.metadata
        changes = merge_patch(msgspec.to_builtins(job.status), msgspec.to_builtins(status))
        patch = {
            "metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version},
            "status": changes,
        }
        written = await self._client.patch(
            JOBS, meta.name, patch, meta.namespace, subresource="status"
        )
        self._written[meta.key] = written
        return written

    def _record_end(self, job: Job, ending: JobEnding) -> None:
        if not ending.is_success:
            self._record(job, EventType.WARNING, ending.reason, ending.message)
            return
        wanted = job.spec.completions
        if wanted is not None and job.status.succeeded > wanted:
            text = "Too many succeeded pods running after completion count reached"
            self._record(job, EventType.WARNING, "TooManySucceededPods", text)
        self._record(job, EventType.NORMAL, "Completed", "Job completed")

    def _record(self, job: Job, type: EventType, reason: str, message: str) -> None:
        self._recorder.record(JOBS, job.metadata, type, reason, message)


def _result(error: Exception | None, look_again_s: float | None) -> Result:
    """What went wrong is raised when all else is done."""
    if error is not None:
        raise error
    return Result(look_again_s)


def is_ours(job: Job) -> bool:
    """Whether no other controller has been named for it."""
    return job.spec.managed_by in {None, JOB_CONTROLLER}

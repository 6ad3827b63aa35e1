"""CronJobs of Volcano: jobs at set times.

`controllers.schedule` decides; here the cron job and its jobs are read, and the plan is carried
out. A start is decided again on what the server holds before anything is made, as the lister may
not show this controller's own last write yet. Source of what a job gets: Volcano v1.15,
pkg/controllers/cronjob; texts of events: Kubernetes v1.36, pkg/controller/cronjob.
"""

from datetime import UTC, datetime

import msgspec

from shoal.api.core import EventType
from shoal.api.meta import ObjectKey, ObjectReference, timestamp
from shoal.api.owners import controller_reference
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.api.volcano.cron_job import CRON_JOBS, CronJob
from shoal.api.volcano.job import JOBS, Job, JobPhase
from shoal.api.volcano.keys import CRON_JOB_SCHEDULED_TIMESTAMP
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.existence import find
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client, DeleteOptions
from shoal.client.workqueue import WorkQueue
from shoal.controllers import schedule
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_owner, enqueue_self
from shoal.controllers.schedule import (
    ConcurrencyPolicy,
    CronOrder,
    CronPlan,
    JobOutcome,
    StartedJob,
)
from shoal.controllers.volcano.owned_jobs import (
    follow_opening_queues,
    follow_owned_jobs,
    owned_jobs,
)

KIND = "CronJob"
_OUTCOMES = {
    JobPhase.COMPLETED: JobOutcome.COMPLETE,
    JobPhase.FAILED: JobOutcome.FAILED,
    JobPhase.TERMINATED: JobOutcome.FAILED,
}
"""An aborted job may be resumed: it has not ended."""


class CronJobReconciler:
    def __init__(
        self,
        client: Client,
        cron_jobs: Lister[CronJob],
        jobs: Lister[Job],
        recorder: EventRecorder,
        clock: Clock,
    ) -> None:
        """`jobs` comes from `follow_owned_jobs`."""
        self._client = client
        self._cron_jobs = cron_jobs
        self._jobs = jobs
        self._recorder = recorder
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        cron_job = self._cron_jobs.get(key)
        if cron_job is None:
            return Result()
        plan = await self._plan(cron_job)
        if plan.start is not None:
            cron_job = await self._client.get(CRON_JOBS, key.name, key.namespace)
            plan = await self._plan(cron_job)
        for event in plan.events:
            self._record(cron_job, event.type, event.reason, event.message)
        for reference in plan.remove:
            await self._remove(cron_job, reference)
        if plan.start is not None:
            plan = await self._start(cron_job, plan, plan.start)
        status = status_patch(cron_job, plan)
        if status:
            body = {"metadata": {"uid": cron_job.metadata.uid}, "status": status}
            await self._client.patch(CRON_JOBS, key.name, body, key.namespace, subresource="status")
        return Result(plan.next_in_s)

    async def _plan(self, cron_job: CronJob) -> CronPlan:
        jobs = {job.metadata.uid: job for job in owned_jobs(self._jobs, cron_job)}
        for reference in cron_job.status.active:
            if reference.uid not in jobs:
                # The lister may lag behind the status.
                job = await self._look_up(reference)
                if job is not None:
                    jobs[reference.uid] = job
        started = [read_job(job) for job in jobs.values()]
        return schedule.plan(read_cron_job(cron_job), started, self._clock.now())

    async def _look_up(self, reference: ObjectReference) -> Job | None:
        job = await find(self._client, JOBS, reference.name, reference.namespace)
        return job if job is not None and job.metadata.uid == reference.uid else None

    async def _remove(self, cron_job: CronJob, reference: ObjectReference) -> None:
        gone = DeleteOptions(propagation="Background", uid=reference.uid)
        try:
            await self._client.delete(JOBS, reference.name, reference.namespace, gone)
        except ApiError as error:
            if error.is_not_found or error.is_conflict:
                # Gone already, or another job has its name.
                return
            text = f"Deleted job: {error}"
            self._record(cron_job, EventType.WARNING, "FailedDelete", text)
            raise
        text = f"Deleted job {reference.name}"
        self._record(cron_job, EventType.NORMAL, "SuccessfulDelete", text)

    async def _start(self, cron_job: CronJob, plan: CronPlan, start: datetime) -> CronPlan:
        """The plan with what has come of its start."""
        body = job_body(cron_job, start)
        name, namespace = body["metadata"]["name"], cron_job.metadata.namespace
        try:
            job = await self._client.create(JOBS, body, namespace)
            text = f"Created job {name}"
            self._record(cron_job, EventType.NORMAL, "SuccessfulCreate", text)
        except ApiError as error:
            if error.is_namespace_terminating:
                raise
            if not error.is_already_exists:
                text = f"Error creating job: {error}"
                self._record(cron_job, EventType.WARNING, "FailedCreate", text)
                raise
            job = await self._client.get(JOBS, name, namespace)
            owner = job.metadata.controller
            if owner is None or owner.uid != cron_job.metadata.uid:
                text = f"Job {name} exists, and this CronJob does not own it"
                self._record(cron_job, EventType.WARNING, "ForeignJob", text)
                return plan
        started = read_job(job)
        is_active = started.outcome is JobOutcome.ACTIVE and started.reference not in plan.active
        return msgspec.structs.replace(
            plan,
            active=(*plan.active, started.reference) if is_active else plan.active,
            last_schedule_time=start,
        )

    def _record(self, cron_job: CronJob, type: EventType, reason: str, message: str) -> None:
        self._recorder.record(CRON_JOBS, cron_job.metadata, type, reason, message)


def read_cron_job(cron_job: CronJob) -> CronOrder:
    """The cron job as the schedule sees it."""
    meta, spec, status = cron_job.metadata, cron_job.spec, cron_job.status
    return CronOrder(
        name=meta.name,
        created_at=meta.creation_timestamp or datetime.fromtimestamp(0, UTC),
        schedule=spec.schedule,
        time_zone=spec.time_zone,
        starting_deadline_s=spec.starting_deadline_seconds,
        concurrency=_read_concurrency(spec.concurrency_policy),
        is_suspended=spec.suspend,
        is_deleting=meta.deletion_timestamp is not None,
        keep_complete=spec.successful_jobs_history_limit,
        keep_failed=spec.failed_jobs_history_limit,
        active=tuple(status.active),
        last_schedule_time=status.last_schedule_time,
        last_successful_time=status.last_successful_time,
    )


def _read_concurrency(policy: str) -> ConcurrencyPolicy:
    try:
        return ConcurrencyPolicy(policy)
    except ValueError:
        # Let through by another definition of the kind: as without a policy.
        return ConcurrencyPolicy.ALLOW


def read_job(job: Job) -> StartedJob:
    """The job as the schedule sees it."""
    meta, state = job.metadata, job.status.state
    return StartedJob(
        reference=ObjectReference(
            kind=JOBS.kind,
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            api_version=JOBS.api_version,
        ),
        outcome=_OUTCOMES.get(job.phase, JobOutcome.ACTIVE),
        is_deleting=meta.deletion_timestamp is not None,
        created_at=meta.creation_timestamp or datetime.fromtimestamp(0, UTC),
        ended_at=state.last_transition_time,
    )


def job_body(cron_job: CronJob, start: datetime) -> JsonObject:
    """The job of one start, as the template says."""
    template = cron_job.spec.job_template
    metadata = template.get("metadata") or {}
    scheduled = schedule.scheduled_timestamp(read_cron_job(cron_job), start)
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": {
            "name": schedule.job_name(cron_job.metadata.name, start),
            "labels": metadata.get("labels") or {},
            "annotations": {
                **(metadata.get("annotations") or {}),
                CRON_JOB_SCHEDULED_TIMESTAMP: scheduled,
            },
            "ownerReferences": [
                controller_reference(CRON_JOBS.api_version, KIND, cron_job.metadata)
            ],
        },
        "spec": template.get("spec") or {},
    }


def status_patch(cron_job: CronJob, plan: CronPlan) -> JsonObject:
    """What of the status is different now; empty where nothing is."""
    status, patch = cron_job.status, JsonObject()
    if tuple(status.active) != plan.active:
        patch["active"] = msgspec.to_builtins(plan.active) or None
    if status.last_schedule_time != plan.last_schedule_time and plan.last_schedule_time:
        patch["lastScheduleTime"] = timestamp(plan.last_schedule_time)
    if status.last_successful_time != plan.last_successful_time and plan.last_successful_time:
        patch["lastSuccessfulTime"] = timestamp(plan.last_successful_time)
    return patch


def cron_job_controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> Controller:
    """Follows cron jobs and their jobs."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    cron_jobs = informers.informer(CRON_JOBS)
    cron_jobs.add_handler(enqueue_self(queue))
    jobs = follow_owned_jobs(informers, enqueue_owner(queue, KIND))
    follow_opening_queues(informers, queue, cron_jobs.lister)
    reconciler = CronJobReconciler(client, cron_jobs.lister, jobs, recorder, clock)
    return Controller("cronjob", reconciler, queue)

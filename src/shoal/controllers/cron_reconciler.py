"""Cron jobs of any kind, carried out: `controllers.schedule` decides, here it is done.

A kind (`CronKind`) says how its jobs are read. A start is decided again on what the
server holds before anything is made, as the lister may not show this controller's own last write
yet. Texts of events: Kubernetes v1.36, pkg/controller/cronjob.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from shoal.api import batch
from shoal.api.core import EventType
from shoal.api.meta import Object, ObjectKey, ObjectReference, timestamp
from shoal.api.owners import controller_reference
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.api.volcano import cron_job as volcano
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.existence import find
from shoal.client.informer import Lister
from shoal.client.protocol import Client, DeleteOptions
from shoal.controllers import schedule
from shoal.controllers.reconciler import Result
from shoal.controllers.schedule import (
    ConcurrencyPolicy,
    CronOrder,
    CronPlan,
    JobOutcome,
    StartedJob,
)

CronT = TypeVar("CronT", batch.CronJob, volcano.CronJob)
JobT = TypeVar("JobT", bound=Object)


@dataclass(frozen=True, slots=True, kw_only=True)
class CronKind(Generic[CronT, JobT]):
    """A kind of cron job, and the kind of job that it makes."""

    cron_jobs: Resource[CronT]
    jobs: Resource[JobT]
    read_outcome: Callable[[JobT], tuple[JobOutcome, datetime | None]]
    """How far a job is, and since when where it has ended."""
    timestamp_annotation: str
    """Tells a job for which time it was made."""


class CronReconciler(Generic[CronT, JobT]):
    """Carries out the plan of one cron job at a time."""

    def __init__(
        self,
        kind: CronKind[CronT, JobT],
        client: Client,
        cron_jobs: Lister[CronT],
        owned_jobs: Callable[[CronT], Iterable[JobT]],
        recorder: EventRecorder,
        clock: Clock,
    ) -> None:
        """`owned_jobs` gives the jobs that a cron job controls, as far as they are known."""
        self._kind = kind
        self._client = client
        self._cron_jobs = cron_jobs
        self._owned_jobs = owned_jobs
        self._recorder = recorder
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        cron_job = self._cron_jobs.get(key)
        if cron_job is None:
            return Result()
        plan = await self._plan(cron_job)
        if plan.start is not None:
            cron_job = await self._client.get(self._kind.cron_jobs, key.name, key.namespace)
            plan = await self._plan(cron_job)
        for event in plan.events:
            self._record(cron_job, event.type, event.reason, event.message)
        for reference in plan.remove:
            await self._remove(cron_job, reference)
        if plan.start is not None:
            plan = await self._start(cron_job, plan, plan.start)
        status = status_patch(read_cron_job(cron_job), plan)
        if status:
            body = {"metadata": {"uid": cron_job.metadata.uid}, "status": status}
            await self._client.patch(
                self._kind.cron_jobs, key.name, body, key.namespace, subresource="status"
            )
        return Result(plan.next_in_s)

    async def _plan(self, cron_job: CronT) -> CronPlan:
        jobs = {job.metadata.uid: job for job in self._owned_jobs(cron_job)}
        order = read_cron_job(cron_job)
        for reference in order.active:
            if reference.uid not in jobs:
                # The lister may lag behind the status.
                job = await self._look_up(reference)
                if job is not None:
                    jobs[reference.uid] = job
        started = [read_job(self._kind, job) for job in jobs.values()]
        return schedule.plan(order, started, self._clock.now())

    async def _look_up(self, reference: ObjectReference) -> JobT | None:
        job = await find(self._client, self._kind.jobs, reference.name, reference.namespace)
        return job if job is not None and job.metadata.uid == reference.uid else None

    async def _remove(self, cron_job: CronT, reference: ObjectReference) -> None:
        gone = DeleteOptions(propagation="Background", uid=reference.uid)
        try:
            await self._client.delete(self._kind.jobs, reference.name, reference.namespace, gone)
        except ApiError as error:
            if error.is_not_found or error.is_conflict:
                # Gone already, or another job has its name.
                return
            text = f"Deleted job: {error}"
            self._record(cron_job, EventType.WARNING, "FailedDelete", text)
            raise
        text = f"Deleted job {reference.name}"
        self._record(cron_job, EventType.NORMAL, "SuccessfulDelete", text)

    async def _start(self, cron_job: CronT, plan: CronPlan, start: datetime) -> CronPlan:
        """The plan with what has come of its start."""
        body = job_body(self._kind, cron_job, start)
        name, namespace = body["metadata"]["name"], cron_job.metadata.namespace
        try:
            job = await self._client.create(self._kind.jobs, body, namespace)
            text = f"Created job {name}"
            self._record(cron_job, EventType.NORMAL, "SuccessfulCreate", text)
        except ApiError as error:
            if error.is_namespace_terminating:
                raise
            if not error.is_already_exists:
                text = f"Error creating job: {error}"
                self._record(cron_job, EventType.WARNING, "FailedCreate", text)
                raise
            job = await self._client.get(self._kind.jobs, name, namespace)
            owner = job.metadata.controller
            if owner is None or owner.uid != cron_job.metadata.uid:
                text = f"Job {name} exists, and this CronJob does not own it"
                self._record(cron_job, EventType.WARNING, "ForeignJob", text)
                return plan
        started = read_job(self._kind, job)
        is_active = started.outcome is JobOutcome.ACTIVE and started.reference not in plan.active
        return msgspec.structs.replace(
            plan,
            active=(*plan.active, started.reference) if is_active else plan.active,
            last_schedule_time=start,
        )

    def _record(self, cron_job: CronT, type: EventType, reason: str, message: str) -> None:
        self._recorder.record(self._kind.cron_jobs, cron_job.metadata, type, reason, message)


def read_cron_job(cron_job: CronT) -> CronOrder:
    """The cron job as the schedule sees it. Volcano's has the fields of batch/v1."""
    meta, spec, status = cron_job.metadata, cron_job.spec, cron_job.status
    return CronOrder(
        name=meta.name,
        created_at=schedule.made_at(meta),
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


def read_job(kind: CronKind[CronT, JobT], job: JobT) -> StartedJob:
    """The job as the schedule sees it."""
    meta = job.metadata
    outcome, ended_at = kind.read_outcome(job)
    return StartedJob(
        reference=ObjectReference(
            kind=kind.jobs.kind,
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            api_version=kind.jobs.api_version,
        ),
        outcome=outcome,
        is_deleting=meta.deletion_timestamp is not None,
        created_at=schedule.made_at(meta),
        ended_at=ended_at,
    )


def job_body(kind: CronKind[CronT, JobT], cron_job: CronT, start: datetime) -> JsonObject:
    """The job of one start, as the template says."""
    template = cron_job.spec.job_template
    metadata: Mapping[str, JsonObject] = template.get("metadata") or {}
    order = read_cron_job(cron_job)
    return {
        "apiVersion": kind.jobs.api_version,
        "kind": kind.jobs.kind,
        "metadata": {
            "name": schedule.job_name(cron_job.metadata.name, start),
            "labels": metadata.get("labels") or {},
            "annotations": {
                **(metadata.get("annotations") or {}),
                kind.timestamp_annotation: schedule.scheduled_timestamp(order, start),
            },
            "ownerReferences": [
                controller_reference(
                    kind.cron_jobs.api_version, kind.cron_jobs.kind, cron_job.metadata
                )
            ],
        },
        "spec": template.get("spec") or {},
    }


def status_patch(order: CronOrder, plan: CronPlan) -> JsonObject:
    """What of the status is different now; empty where nothing is."""
    patch = JsonObject()
    if order.active != plan.active:
        patch["active"] = msgspec.to_builtins(plan.active) or None
    if order.last_schedule_time != plan.last_schedule_time and plan.last_schedule_time:
        patch["lastScheduleTime"] = timestamp(plan.last_schedule_time)
    if order.last_successful_time != plan.last_successful_time and plan.last_successful_time:
        patch["lastSuccessfulTime"] = timestamp(plan.last_successful_time)
    return patch

"""CronJobs of batch/v1: jobs at set times.

`controllers.schedule` decides and `controllers.cron_reconciler` carries out; here is what is
Kubernetes' own. Source: Kubernetes v1.36, pkg/controller/cronjob.
"""

from collections.abc import Iterable
from datetime import datetime

from shoal.api.batch import CRON_JOBS, JOBS, CronJob, Job, JobConditionType
from shoal.api.meta import ObjectKey, find_condition
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.cron_reconciler import CronKind, CronReconciler, read_concurrency
from shoal.controllers.runner import Controller, enqueue_owner, enqueue_self
from shoal.controllers.schedule import CronOrder, JobOutcome, made_at

SCHEDULED_TIMESTAMP = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_BY_OWNER = "owner uid"


def read_cron_job(cron_job: CronJob) -> CronOrder:
    """The cron job as the schedule sees it."""
    meta, spec, status = cron_job.metadata, cron_job.spec, cron_job.status
    return CronOrder(
        name=meta.name,
        created_at=made_at(meta),
        schedule=spec.schedule,
        time_zone=spec.time_zone,
        starting_deadline_s=spec.starting_deadline_seconds,
        concurrency=read_concurrency(spec.concurrency_policy),
        is_suspended=spec.suspend,
        is_deleting=meta.deletion_timestamp is not None,
        keep_complete=spec.successful_jobs_history_limit,
        keep_failed=spec.failed_jobs_history_limit,
        active=tuple(status.active),
        last_schedule_time=status.last_schedule_time,
        last_successful_time=status.last_successful_time,
    )


def read_outcome(job: Job) -> tuple[JobOutcome, datetime | None]:
    conditions = job.status.conditions
    for ended, outcome in (
        (JobConditionType.COMPLETE, JobOutcome.COMPLETE),
        (JobConditionType.FAILED, JobOutcome.FAILED),
    ):
        condition = find_condition(conditions, ended)
        if condition is not None and condition.status == "True":
            return outcome, job.status.completion_time or condition.last_transition_time
    return JobOutcome.ACTIVE, None


KUBE_CRON_JOBS: CronKind[CronJob, Job] = CronKind(
    cron_jobs=CRON_JOBS,
    jobs=JOBS,
    read_cron_job=read_cron_job,
    read_outcome=read_outcome,
    template_of=lambda cron_job: cron_job.spec.job_template,
    timestamp_annotation=SCHEDULED_TIMESTAMP,
)


def cron_job_controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> Controller:
    """Follows cron jobs and their jobs."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    cron_jobs, jobs = informers.informer(CRON_JOBS), informers.informer(JOBS)
    cron_jobs.add_handler(enqueue_self(queue))
    jobs.add_index(_BY_OWNER, _owners)
    jobs.add_handler(enqueue_owner(queue, CRON_JOBS.kind))

    def owned(cron_job: CronJob) -> Iterable[Job]:
        return jobs.lister.by_index(_BY_OWNER, cron_job.metadata.uid)

    reconciler = CronReconciler(KUBE_CRON_JOBS, client, cron_jobs.lister, owned, recorder, clock)
    return Controller("batch-cronjob", reconciler, queue)


def _owners(job: Job) -> tuple[str, ...]:
    owner = job.metadata.controller
    return (owner.uid,) if owner is not None else ()

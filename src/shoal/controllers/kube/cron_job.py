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
from shoal.controllers.cron_reconciler import CronKind, CronReconciler
from shoal.controllers.runner import Controller, enqueue_owner, enqueue_self
from shoal.controllers.schedule import JobOutcome

SCHEDULED_TIMESTAMP = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_BY_OWNER = "owner uid"


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
    read_outcome=read_outcome,
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

"""CronJobs of Volcano: jobs at set times.

`controllers.schedule` decides and `controllers.cron_reconciler` carries out; here is what is
Volcano's own. Source of what a job gets: Volcano v1.15, pkg/controllers/cronjob.
"""

from datetime import datetime

from shoal.api.meta import ObjectKey
from shoal.api.volcano.cron_job import CRON_JOBS, CronJob
from shoal.api.volcano.job import JOBS, Job, JobPhase
from shoal.api.volcano.keys import CRON_JOB_SCHEDULED_TIMESTAMP
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.cron_reconciler import CronKind, CronReconciler
from shoal.controllers.runner import Controller, enqueue_owner, enqueue_self
from shoal.controllers.schedule import JobOutcome
from shoal.controllers.volcano.owned_jobs import (
    follow_opening_queues,
    follow_owned_jobs,
    owned_jobs,
)

_OUTCOMES = {
    JobPhase.COMPLETED: JobOutcome.COMPLETE,
    JobPhase.FAILED: JobOutcome.FAILED,
    JobPhase.TERMINATED: JobOutcome.FAILED,
}
"""An aborted job may be resumed: it has not ended."""


def read_outcome(job: Job) -> tuple[JobOutcome, datetime | None]:
    outcome = _OUTCOMES.get(job.phase, JobOutcome.ACTIVE)
    return outcome, job.status.state.last_transition_time


VOLCANO_CRON_JOBS: CronKind[CronJob, Job] = CronKind(
    cron_jobs=CRON_JOBS,
    jobs=JOBS,
    read_outcome=read_outcome,
    timestamp_annotation=CRON_JOB_SCHEDULED_TIMESTAMP,
)


def cron_job_controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> Controller:
    """Follows cron jobs and their jobs."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    cron_jobs = informers.informer(CRON_JOBS)
    cron_jobs.add_handler(enqueue_self(queue))
    jobs = follow_owned_jobs(informers, enqueue_owner(queue, CRON_JOBS.kind))
    follow_opening_queues(informers, queue, cron_jobs.lister)

    def owned(cron_job: CronJob) -> list[Job]:
        return owned_jobs(jobs, cron_job)

    reconciler = CronReconciler(VOLCANO_CRON_JOBS, client, cron_jobs.lister, owned, recorder, clock)
    return Controller("cronjob", reconciler, queue)

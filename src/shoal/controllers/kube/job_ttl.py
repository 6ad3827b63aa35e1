"""Jobs that have finished go after `ttlSecondsAfterFinished`, with all that they own.

Source of the rules: Kubernetes v1.36, pkg/controller/ttlafterfinished.
"""

from datetime import datetime, timedelta

from shoal.api.batch import JOBS, Job, JobConditionType
from shoal.api.meta import ObjectKey
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client, DeleteOptions
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller

_FINAL = {JobConditionType.COMPLETE, JobConditionType.FAILED}


def expires_in_s(job: Job, now: datetime) -> float | None:
    """0 where it is over; None where the job stays, or has not finished, or is going already."""
    ttl_s = job.spec.ttl_seconds_after_finished
    if ttl_s is None or job.metadata.deletion_timestamp is not None:
        return None
    for condition in job.status.conditions:
        finished = condition.last_transition_time
        if condition.type in _FINAL and condition.status == "True" and finished is not None:
            return max(0.0, (finished + timedelta(seconds=ttl_s) - now).total_seconds())
    return None


class JobExpiry:
    def __init__(self, client: Client, jobs: Lister[Job], clock: Clock) -> None:
        self._client = client
        self._jobs = jobs
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        job = self._jobs.get(key)
        left_s = expires_in_s(job, self._clock.now()) if job is not None else None
        if left_s != 0:
            return Result(left_s)
        try:
            # Its time may have been changed a moment ago.
            fresh = await self._client.get(JOBS, key.name, key.namespace)
            left_s = expires_in_s(fresh, self._clock.now())
            if left_s == 0:
                options = DeleteOptions(propagation="Foreground", uid=fresh.metadata.uid)
                await self._client.delete(JOBS, key.name, key.namespace, options)
                return Result()
        except ApiError as error:
            if not (error.is_not_found or error.is_conflict):
                raise
            return Result()
        return Result(left_s)


def job_ttl_controller(client: Client, informers: InformerSet, clock: Clock) -> Controller:
    """Follows jobs that have finished."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    jobs = informers.informer(JOBS)

    def on_job(old: Job | None, new: Job | None) -> None:
        if new is not None and expires_in_s(new, clock.now()) is not None:
            queue.add(new.metadata.key)

    jobs.add_handler(on_job)
    return Controller("ttl-after-finished", JobExpiry(client, jobs.lister, clock), queue)

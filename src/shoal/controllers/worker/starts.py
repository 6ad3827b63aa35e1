"""The starts of a Worker's schedule: when the next one is, and how those that ended did.

An end is written down when it is seen, with whether somebody is to be told of it: the Job may go,
and be told of afterwards. What a start is called is its Job's uid.
"""

from datetime import datetime

from shoal.api.batch import CronJob
from shoal.api.cron import CronError, load_zone, parse_schedule
from shoal.api.worker import Worker, WorkerPhase, WorkerStart
from shoal.controllers.schedule import latest_start, made_at
from shoal.controllers.worker.attempts import newest_error
from shoal.controllers.worker.budgets import FailureCount
from shoal.controllers.worker.sight import Sight, by_owner, end_sentence, ending_of, is_complete

KEPT_OWED = 50
"""Starts whose Job is gone, or runs, of which nobody has heard yet."""


def next_start(cron_job: CronJob, now: datetime) -> datetime | None:
    """When the CronJob makes a Job again; None where it does not. One that is due now is made
    now."""
    spec = cron_job.spec
    if spec.suspend:
        return None
    try:
        schedule = parse_schedule(spec.schedule, load_zone(spec.time_zone or ""))
    except CronError:
        return None
    noted = cron_job.status.last_schedule_time or made_at(cron_job.metadata)
    return schedule.next_after(latest_start(schedule, noted, now).at or noted)


def starts(sight: Sight, failures: FailureCount) -> list[WorkerStart]:
    """Those whose Job is there, and those that are owed, oldest first."""
    if not sight.scheduled_jobs and not sight.status.starts:
        return []
    known = {each.uid: each for each in sight.status.starts}
    pods = by_owner([*sight.departed, *sight.pods])
    present: list[WorkerStart] = []
    for job in sight.scheduled_jobs:
        ending, uid = ending_of(job), job.metadata.uid
        if ending is None:
            continue
        if uid in known:
            present.append(known.pop(uid))
            continue
        phase = WorkerPhase.SUCCEEDED if is_complete(job) else WorkerPhase.FAILED
        tally = failures.of(job.metadata.name)
        present.append(
            WorkerStart(
                job=job.metadata.name,
                uid=uid,
                phase=phase,
                message=end_sentence(job, ending),
                restarts=tally.restarts,
                application_failures=tally.application_failures,
                infrastructure_failures=tally.infrastructure_failures,
                last_error=newest_error(None, pods.get(uid, ()), sight.now),
                started_at=job.status.start_time,
                finished_at=ending.last_transition_time or sight.now.replace(microsecond=0),
                is_owed=is_wanted(sight.worker, phase),
            )
        )
    owed = [each for each in known.values() if each.is_owed]
    return sorted([*sorted(owed, key=_order)[-KEPT_OWED:], *present], key=_order)


def is_wanted(worker: Worker, phase: str) -> bool:
    """Whether somebody wants to be told of such an end."""
    wanted = worker.spec.notify
    return wanted is not None and (not wanted.on or phase in wanted.on)


def _order(start: WorkerStart) -> tuple[float, str, str]:
    at = start.finished_at.timestamp() if start.finished_at is not None else 0.0
    return at, start.job, start.uid

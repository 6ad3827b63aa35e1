"""How far a run is: items or completions, how fast they are done, and when that will be all."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from shoal.api.batch import Job
from shoal.api.worker import WorkerProgress
from shoal.work.protocol import QueueSize

WINDOW = timedelta(minutes=5)
"""How far back "lately" goes."""
SPACING = timedelta(seconds=1)
"""Of samples, but for the newest."""


class ProgressSample(msgspec.Struct, frozen=True):
    """How much was done at some time."""

    at: datetime
    done: int


def remember(samples: Sequence[ProgressSample], done: int, now: datetime) -> list[ProgressSample]:
    """With what is done now; without what is older than the window."""
    if samples and done < samples[-1].done:
        # The queue was purged, or another run began.
        samples = ()
    if len(samples) > 1 and now - samples[-2].at < SPACING:
        samples = samples[:-1]
    return [*(each for each in samples if now - each.at <= WINDOW), ProgressSample(now, done)]


def with_rate(
    progress: WorkerProgress, samples: Sequence[ProgressSample], now: datetime
) -> WorkerProgress:
    """The rate over the samples and what is done now, and the end at that rate; none while nothing
    was done."""
    if not samples or samples[-1].done != progress.done:
        samples = remember(samples, progress.done, now)
    if len(samples) < 2 or progress.total < 2:
        return progress
    first, last = samples[0], samples[-1]
    elapsed_s = (last.at - first.at).total_seconds()
    done = last.done - first.done
    if elapsed_s <= 0 or done <= 0:
        return progress
    left = max(progress.total - progress.done - progress.failed, 0)
    end = last.at + timedelta(seconds=left * elapsed_s / done)
    return msgspec.structs.replace(
        progress,
        items_per_minute=round(done * 60 / elapsed_s, 1),
        estimated_end=end.replace(microsecond=0) if left else None,
    )


def progress_of_queue(size: QueueSize) -> WorkerProgress:
    return WorkerProgress(total=size.total, done=size.done, failed=size.dead, in_flight=size.leased)


def progress_of_job(job: Job) -> WorkerProgress | None:
    """None where the Job does not say how many completions it wants."""
    if job.spec.completions is None:
        return None
    status = job.status
    return WorkerProgress(
        total=job.spec.completions,
        done=status.succeeded,
        failed=status.failed,
        in_flight=status.active,
    )

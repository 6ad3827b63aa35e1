"""What a cron job does now: which start is due, and what becomes of the jobs before it.

Pure, and free of the kind of job: a controller reads its cron job into `CronOrder` and its jobs
into `StartedJob`, and carries out the `CronPlan`. Rules, reasons and texts of events: Kubernetes
v1.36, pkg/controller/cronjob. One thing is decided more firmly than there: a job that bears the
name of a start is that start, whether or not the status has heard of it, so that a controller
which was killed between its two writes goes on as if nothing had happened.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime
from enum import StrEnum

import msgspec

from shoal.api.core import EventType
from shoal.api.cron import CronError, Schedule, load_zone, parse_schedule
from shoal.api.meta import ObjectMeta, ObjectReference

MANY_MISSED = 100
CLOCK_ALLOWANCE_S = 0.1
"""Added to each wait, so that a clock which is set back a little does not wake it too early."""


class ConcurrencyPolicy(StrEnum):
    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


class JobOutcome(StrEnum):
    """How far a job is. The values of those that ended are what events call them."""

    ACTIVE = "Active"
    COMPLETE = "Complete"
    FAILED = "Failed"


class StartedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that the cron job owns."""

    reference: ObjectReference
    outcome: JobOutcome
    is_deleting: bool = False
    created_at: datetime
    ended_at: datetime | None = None

    @property
    def name(self) -> str:
        return self.reference.name


class CronOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A cron job: what is wanted, and what has been noted in its status."""

    name: str
    created_at: datetime
    schedule: str
    time_zone: str | None = None
    starting_deadline_s: int | None = None
    concurrency: ConcurrencyPolicy = ConcurrencyPolicy.ALLOW
    is_suspended: bool = False
    is_deleting: bool = False
    keep_complete: int | None = None
    """How many jobs that completed are kept; None keeps all."""
    keep_failed: int | None = None
    active: tuple[ObjectReference, ...] = ()
    last_schedule_time: datetime | None = None
    last_successful_time: datetime | None = None


class CronEvent(msgspec.Struct, frozen=True):
    type: EventType
    reason: str
    message: str


class CronPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do now, in this order: events, removals, the start, the status."""

    events: tuple[CronEvent, ...] = ()
    remove: tuple[ObjectReference, ...] = ()
    """Ended jobs beyond the history, and active ones that are replaced."""
    start: datetime | None = None
    """When the job that is to be made now should have started."""
    active: tuple[ObjectReference, ...] = ()
    """Without the job that is to be made."""
    last_schedule_time: datetime | None = None
    """Without the job that is to be made."""
    last_successful_time: datetime | None = None
    next_in_s: float | None = None
    """When to look again, whatever happens meanwhile."""


class _Seen(msgspec.Struct, frozen=True):
    """What its jobs change about a cron job."""

    events: tuple[CronEvent, ...]
    active: tuple[ObjectReference, ...]
    last_successful_time: datetime | None


class _Start(msgspec.Struct, frozen=True):
    """Which start is due, and what is decided about it."""

    events: tuple[CronEvent, ...] = ()
    at: datetime | None = None
    is_made: bool = False
    """A job of its name is there already."""
    replaces: tuple[ObjectReference, ...] = ()
    next_in_s: float | None = None


class DueStart(msgspec.Struct, frozen=True):
    """The latest start that is due, if any."""

    at: datetime | None = None
    missed: int = 0
    """About how many are due, the latest among them."""
    is_never: bool = False
    """The schedule has no start at all."""


def made_at(metadata: ObjectMeta) -> datetime:
    """When a cron job or a job was made; long ago where that is not known."""
    return metadata.creation_timestamp or datetime.fromtimestamp(0, UTC)


def job_name(cron_job: str, start: datetime) -> str:
    """Of the job of one start: a second job for the same minute cannot be made."""
    return f"{cron_job}-{int(start.timestamp()) // 60}"


def scheduled_timestamp(order: CronOrder, start: datetime) -> str:
    """The annotation that tells a job its start: RFC 3339 by the clocks of its zone."""
    zone: tzinfo = load_zone(order.time_zone or "")
    return start.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")


def plan(order: CronOrder, jobs: Sequence[StartedJob], now: datetime) -> CronPlan:
    """`jobs` are all that the cron job owns; one in the status that is not among them is gone."""
    surplus = [
        *_surplus(jobs, JobOutcome.COMPLETE, order.keep_complete),
        *_surplus(jobs, JobOutcome.FAILED, order.keep_failed),
    ]
    seen = _look_at_jobs(order, jobs)
    start = _decide_start(order, seen, jobs, now)
    return CronPlan(
        events=(*seen.events, *start.events),
        remove=(*surplus, *start.replaces),
        start=None if start.is_made else start.at,
        active=tuple(each for each in seen.active if each not in start.replaces),
        last_schedule_time=start.at if start.is_made else order.last_schedule_time,
        last_successful_time=seen.last_successful_time,
        next_in_s=start.next_in_s,
    )


def _surplus(
    jobs: Iterable[StartedJob], outcome: JobOutcome, keep: int | None
) -> list[ObjectReference]:
    """The oldest jobs of an outcome, beyond those that are kept."""
    if keep is None:
        return []
    ended = [job for job in jobs if job.outcome is outcome and not job.is_deleting]
    ended.sort(key=lambda job: (job.created_at, job.name))
    return [job.reference for job in ended[: max(0, len(ended) - keep)]]


def _look_at_jobs(order: CronOrder, jobs: Sequence[StartedJob]) -> _Seen:
    known = {reference.uid: reference for reference in order.active}
    events: list[CronEvent] = []
    active: list[ObjectReference] = []
    successful_at = order.last_successful_time
    for job in sorted(jobs, key=lambda job: (job.created_at, job.name)):
        listed = known.pop(job.reference.uid, None)
        if job.outcome is JobOutcome.ACTIVE:
            if listed is not None:
                active.append(listed)
            elif not job.is_deleting:
                if _is_own_name(order.name, job.name):
                    active.append(job.reference)
                else:
                    # Made by hand: it neither holds starts back nor is replaced.
                    events.append(_unexpected(job.name))
            continue
        if listed is not None:
            text = f"Saw completed job: {job.name}, condition: {job.outcome}"
            events.append(CronEvent(EventType.NORMAL, "SawCompletedJob", text))
        if job.outcome is JobOutcome.COMPLETE and job.ended_at is not None:
            successful_at = max(successful_at or job.ended_at, job.ended_at)
    for gone in known.values():
        text = f"Active job went missing: {gone.name}"
        events.append(CronEvent(EventType.NORMAL, "MissingJob", text))
    return _Seen(tuple(events), tuple(active), successful_at)


def _unexpected(name: str) -> CronEvent:
    text = f"Saw a job that the controller did not create or forgot: {name}"
    return CronEvent(EventType.WARNING, "UnexpectedJob", text)


def _is_own_name(cron_job: str, name: str) -> bool:
    prefix, _, minutes = name.rpartition("-")
    return prefix == cron_job and minutes.isdigit()


def _decide_start(
    order: CronOrder, seen: _Seen, jobs: Sequence[StartedJob], now: datetime
) -> _Start:
    if order.is_deleting:
        return _Start()
    try:
        zone = load_zone(order.time_zone or "")
    except CronError as error:
        text = f'invalid timeZone: "{order.time_zone}": {error}'
        return _Start((CronEvent(EventType.WARNING, "UnknownTimeZone", text),))
    if order.is_suspended:
        return _Start()
    events: list[CronEvent] = []
    if "TZ" in order.schedule:
        text = (
            f'CRON_TZ or TZ used in schedule "{order.schedule}" is not officially supported, '
            "see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ "
            "for more details"
        )
        events.append(CronEvent(EventType.WARNING, "UnsupportedSchedule", text))
    try:
        schedule = parse_schedule(order.schedule, zone)
    except CronError as error:
        text = f'unparseable schedule: "{order.schedule}" : {error}'
        events.append(CronEvent(EventType.WARNING, "UnparseableSchedule", text))
        return _Start(tuple(events))
    noted = order.last_schedule_time or order.created_at
    unmet = latest_start(schedule, noted, now)
    if unmet.is_never:
        text = (
            f"invalid schedule schedule: {order.schedule} : "
            "time difference between two schedules is less than 1 second"
        )
        events.append(CronEvent(EventType.WARNING, "InvalidSchedule", text))
        return _Start(tuple(events))
    due = _within_deadline(order, schedule, unmet, now)
    if due.at is None and unmet.at is not None:
        text = f"Missed scheduled time to start a job: {format_datetime(unmet.at)}"
        events.append(CronEvent(EventType.WARNING, "MissSchedule", text))
    decided = _decide_due(order, seen.active, {job.name for job in jobs}, due)
    # What comes `@every` so often is reckoned from the start before it.
    coming = schedule.next_after(unmet.at or noted)
    return msgspec.structs.replace(
        decided,
        events=(*events, *decided.events),
        next_in_s=(coming - now).total_seconds() + CLOCK_ALLOWANCE_S if coming else None,
    )


def _within_deadline(
    order: CronOrder, schedule: Schedule, unmet: DueStart, now: datetime
) -> DueStart:
    """Of the starts that are due, those that are not too late."""
    if order.starting_deadline_s is None or unmet.at is None:
        return unmet
    noted = order.last_schedule_time or order.created_at
    return latest_start(
        schedule, max(noted, now - timedelta(seconds=order.starting_deadline_s)), now
    )


def _decide_due(
    order: CronOrder,
    active: tuple[ObjectReference, ...],
    made: set[str],
    due: DueStart,
) -> _Start:
    if due.at is None:
        return _Start()
    events: list[CronEvent] = []
    if due.missed > MANY_MISSED:
        text = (
            "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or "
            "check clock skew"
        )
        events.append(CronEvent(EventType.WARNING, "TooManyMissedTimes", text))
    name = job_name(order.name, due.at)
    if name in made or any(each.name == name for each in active):
        return _Start(tuple(events), due.at, is_made=True)
    if order.last_schedule_time == due.at:
        return _Start(tuple(events))
    if order.concurrency is ConcurrencyPolicy.FORBID and active:
        text = (
            "Not starting job because prior execution is running and concurrency policy is Forbid"
        )
        events.append(CronEvent(EventType.NORMAL, "JobAlreadyActive", text))
        return _Start(tuple(events))
    replaces = active if order.concurrency is ConcurrencyPolicy.REPLACE else ()
    return _Start(tuple(events), due.at, replaces=replaces)


def latest_start(schedule: Schedule, after: datetime, now: datetime) -> DueStart:
    """The last start after `after` and not after `now`. How many there are is reckoned from the
    distance of the first two, as Kubernetes does."""
    first = schedule.next_after(after)
    if first is None:
        return DueStart(is_never=True)
    if now < first:
        return DueStart()
    second = schedule.next_after(first)
    if second is None or now < second:
        return DueStart(first, 1)
    gap = second - first
    missed = (now - first) // gap + 1
    # Starts are rarely at equal distances: go back ever further until one is found.
    begin = max(after, first + (missed - 2) * gap)
    latest = schedule.next_after(begin)
    while latest is None or latest > now:
        begin = max(after, now - 2 * (now - begin))
        latest = schedule.next_after(begin)
    while (following := schedule.next_after(latest)) is not None and following <= now:
        latest = following
    return DueStart(latest, missed)

"""CronJobs: their schedule, their zone, the length of their name. Source of verdicts and texts:
Volcano v1.15, pkg/webhooks/admission/cronjobs."""

import re
from collections.abc import Iterator

import msgspec

from shoal.admission.policies import unreadable_durations
from shoal.api import causes
from shoal.api.cron import CronError, load_zone, parse_schedule
from shoal.api.names import LABEL_BYTES_MAX, qualified_name
from shoal.api.volcano.cron_job import CronJob
from shoal.api.volcano.job import JobSpec

_SUFFIX_BYTES = 11
"""What the names of its jobs add: `-` and the minutes since 1970."""
NAME_BYTES_MAX = LABEL_BYTES_MAX - _SUFFIX_BYTES
_ZONE_PART = re.compile(r"[A-Za-z.\-_0-9+]{1,14}", re.ASCII)


def refuse_cron_job(cron_job: CronJob) -> str:
    """Why it may not be created, or changed to this; empty where it may. Raises
    msgspec.ValidationError where its jobs could not be read."""
    spec = cron_job.spec
    job_spec = msgspec.convert(spec.job_template.get("spec") or {}, JobSpec)
    found = [
        _schedule_fault(spec.schedule) + "".join(_zone_faults(spec.time_zone)),
        _name_fault(cron_job.metadata.name),
        *(f"jobTemplate.{each}" for each in unreadable_durations(job_spec)),
    ]
    return "; ".join(text for text in found if text).strip()


def _schedule_fault(schedule: str) -> str:
    if not schedule:
        return " schedule is required, but got empty"
    if "TZ" in schedule:
        return (
            " schedule should not contain TZ or CRON_TZ, TZ should only be set in the timeZone"
            " field"
        )
    try:
        parse_schedule(schedule)
    except CronError:
        return "schedule is not a valid cron expression"
    return ""


def _zone_faults(zone: str | None) -> Iterator[str]:
    if zone is None:
        return
    if not zone:
        yield " timeZone must be nil or non-empty string, got empty string"
        return
    for part in zone.split("/"):
        if part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part):
            yield " unknown timeZone"
    if zone.lower() == "local":
        yield " timeZone can't be Local, and must be defined in https://www.iana.org/time-zones"
        return
    try:
        load_zone(zone)
    except CronError:
        yield " invalid timeZone"


def _name_fault(name: str) -> str:
    if len(name) > NAME_BYTES_MAX:
        return (
            f"cronJob name must be no more than {NAME_BYTES_MAX} characters to accommodate job"
            f" name suffix (max {LABEL_BYTES_MAX} total)"
        )
    faults = qualified_name(name)
    return f"invalid cronJob name {causes.shown(name)}: {'; '.join(faults)}" if faults else ""

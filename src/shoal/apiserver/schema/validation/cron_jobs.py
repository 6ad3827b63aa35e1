"""Rules for batch/v1 CronJob: schedule, time zone, the length of its name, and its job's template.

Source of rules and texts: Kubernetes v1.36, pkg/apis/batch/validation.
"""

import re
from collections.abc import Iterator

from shoal.api import causes
from shoal.api.cron import CronError, load_zone, parse_schedule
from shoal.api.names import LABEL_BYTES_MAX, dns_subdomain
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.jobs import validate_job_template
from shoal.apiserver.schema.validation.metadata import validate_metadata
from shoal.apiserver.schema.validation.probes import non_negative

_NAME_BYTES_MAX = LABEL_BYTES_MAX - 11
"""The names of its jobs add `-` and the minutes since 1970, for which ten digits are kept."""
_POLICIES = ("Allow", "Forbid", "Replace")
_ZONE_PART = re.compile(r"[A-Za-z.\-_0-9+]{1,14}", re.ASCII)


def validate_cron_job(cron_job: JsonObject, old: JsonObject | None) -> list[Cause]:
    spec: JsonObject = cron_job.get("spec") or {}
    before: JsonObject | None = (old.get("spec") or {}) if old is not None else None
    found = validate_metadata(cron_job, old, dns_subdomain)
    found += _schedule(spec, before)
    found += _non_negative(spec, "startingDeadlineSeconds")
    if before is None or before.get("timeZone") != spec.get("timeZone"):
        found += _time_zone(spec.get("timeZone"))
    policy = spec.get("concurrencyPolicy", "")
    if not policy:
        found.append(causes.required("spec.concurrencyPolicy"))
    elif policy not in _POLICIES:
        found.append(causes.unsupported("spec.concurrencyPolicy", policy, _POLICIES))
    found += validate_job_template(spec.get("jobTemplate") or {}, "spec.jobTemplate")
    found += _non_negative(spec, "successfulJobsHistoryLimit")
    found += _non_negative(spec, "failedJobsHistoryLimit")
    name: str = cron_job["metadata"].get("name", "")
    if old is None and len(name) > _NAME_BYTES_MAX:
        text = f"must be no more than {_NAME_BYTES_MAX} characters"
        found.append(causes.invalid("metadata.name", name, text))
    return found


def _non_negative(spec: JsonObject, field: str) -> Iterator[Cause]:
    if spec.get(field) is not None:
        yield from non_negative(spec[field], f"spec.{field}")


def _schedule(spec: JsonObject, before: JsonObject | None) -> Iterator[Cause]:
    path, schedule = "spec.schedule", spec.get("schedule", "")
    if not schedule:
        yield causes.required(path)
        return
    try:
        parse_schedule(schedule)
    except CronError as error:
        yield causes.invalid(path, schedule, str(error))
    if "TZ" not in schedule:
        return
    if before is None or "TZ" not in before.get("schedule", ""):
        text = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield causes.invalid(path, schedule, text)
    elif spec.get("timeZone") is not None:
        text = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        yield causes.invalid(path, schedule, text)


def _time_zone(zone: str | None) -> Iterator[Cause]:
    path = "spec.timeZone"
    if zone is None:
        return
    if not zone:
        yield causes.invalid(path, zone, "timeZone must be nil or non-empty string")
        return
    for part in zone.split("/"):
        if part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part):
            yield causes.invalid(path, zone, f"unknown time zone {zone}")
            return
    if zone.lower() == "local":
        text = "timeZone must be an explicit time zone as defined in "
        yield causes.invalid(path, zone, f"{text}https://www.iana.org/time-zones")
    if zone == "Local":
        # Go loads it: the machine's own zone.
        return
    try:
        load_zone(zone)
    except CronError as error:
        yield causes.invalid(path, zone, str(error))
